"""Certificates and parameters of the checkout that the proxy's configuration names."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scanner.facts.tls_files import CertificateFile, TlsFiles
from scanner.model import Location
from tests.edgekit import DJANGO, https, nginx_of, short
from tests.rulekit import facts_of, judge_facts

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=90)
COMPOSE = """\
services:
  proxy:
    image: nginx:1.27.3
    ports: ["443:443"]
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
      - ./{}:/etc/nginx/certs:ro
"""
CONF = "events {{}}\nhttp {{ server {{ listen 443 ssl; server_name shop.example; ssl_certificate {}; }} }}\n"


def pem(names: tuple[str, ...], until: dt.datetime = LATER) -> bytes:
    """A certificate behind a private key, as some keep both in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(until)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def read(tmp_path: Path, argument: str, directory: str, content: bytes) -> TlsFiles:
    (tmp_path / directory).mkdir(parents=True)
    (tmp_path / directory / "shop.pem").write_bytes(content)
    (tmp_path / "docker-compose.yml").write_text(COMPOSE.format(directory))
    (tmp_path / "nginx.conf").write_text(CONF.format(argument))
    found = facts_of(tmp_path).get(TlsFiles)
    assert isinstance(found, TlsFiles)
    return found


@pytest.mark.parametrize("argument", ["/etc/nginx/certs/shop.pem", "certs/shop.pem"])
def test_the_mounted_file_is_read(tmp_path: Path, argument: str) -> None:
    found = read(tmp_path, argument, "deploy/certs", pem(("shop.example", "*.shop.example")))
    certificate = found.certificates[argument]
    assert certificate.names == ("shop.example", "*.shop.example")
    assert certificate.not_after == LATER
    assert certificate.location == Location("deploy/certs/shop.pem", 6)


@pytest.mark.parametrize(
    ("argument", "directory", "content"),
    [
        pytest.param("/etc/letsencrypt/live/shop.pem", "deploy/certs", pem(("a.example",)), id="somewhere else"),
        pytest.param("/etc/nginx/certs/shop.pem", "dev/certs", pem(("a.example",)), id="development's"),
        pytest.param("/etc/nginx/certs/shop.pem", "deploy/certs", b"no certificate", id="something else"),
        pytest.param(
            "/etc/nginx/certs/shop.pem",
            "deploy/certs",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            id="broken",
        ),
    ],
)
def test_other_files_are_left_alone(tmp_path: Path, argument: str, directory: str, content: bytes) -> None:
    assert not read(tmp_path, argument, directory, content).certificates


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.example", True),
        ("SHOP.example.", True),
        ("a.wild.example", True),
        ("wild.example", False),
        ("a.b.wild.example", False),
        ("other.example", False),
    ],
)
def test_which_hosts_a_certificate_covers(host: str, expected: bool) -> None:
    certificate = CertificateFile(Location("a.pem"), ("shop.example", "*.wild.example"), LATER)
    assert certificate.covers(host) is expected


FAILED = ["medium inferred file certs/shop.pem"]


@pytest.mark.parametrize(
    ("names", "until", "expected"),
    [
        pytest.param(("shop.example",), LATER, ["passed"], id="good"),
        pytest.param(("shop.example",), NOW - dt.timedelta(days=1), FAILED, id="expired"),
        pytest.param(("other.example",), LATER, FAILED, id="for another name"),
        pytest.param((), LATER, FAILED, id="for no name at all"),
    ],
)
def test_certificate_invalid(names: tuple[str, ...], until: dt.datetime, expected: list[str]) -> None:
    conf = nginx_of(https("ssl_certificate certs/shop.pem;" + DJANGO))
    files = TlsFiles(NOW, {"certs/shop.pem": CertificateFile(Location("certs/shop.pem"), names, until)})
    assert short(judge_facts("certificate_invalid", conf, files), "high") == expected


def test_certificates_on_the_host_are_not_judged() -> None:
    conf = nginx_of(https("ssl_certificate /etc/ssl/shop.pem;" + DJANGO))
    outcome = judge_facts("certificate_invalid", conf, TlsFiles(NOW))
    assert short(outcome, "high") == ["skipped not-applicable"]
