"""Each clause of the rules about protocols, ciphers and certificates."""

import dataclasses

import pytest

from scanner.facts.app_servers import AppServers
from scanner.facts.cipher_list import read_ciphers
from scanner.facts.nginx import Nginx
from scanner.facts.tls_handshakes import GroupSeen, Handshake, TlsHandshakes, VersionSeen
from scanner.model import Location
from tests.edgekit import DJANGO, PLAIN, gunicorn, https, nginx_of, short
from tests.rulekit import judge_facts, make

OLD = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;"
NEW = "ssl_protocols TLSv1.2 TLSv1.3;"
AT_443 = "server shop.example:443 ssl_protocols"
DEFAULT = "server {{ listen 443 ssl default_server; ssl_reject_handshake on; {} }} "


def at(version: str | None, conf: str) -> Nginx:
    return dataclasses.replace(nginx_of(conf), version=version)


@pytest.mark.parametrize(
    ("nginx", "expected"),
    [
        pytest.param(at(None, https(OLD + DJANGO)), [f"high inferred {AT_443}"], id="the only server"),
        pytest.param(at("1.27.3", https(OLD + DJANGO)), [f"high inferred {AT_443}"], id="the only server, old nginx"),
        pytest.param(at("1.31.3", https(OLD + DJANGO)), [f"high inferred {AT_443}"], id="the only server, new nginx"),
        pytest.param(at(None, https(NEW + DJANGO)), ["passed"], id="TLS 1.2 and 1.3"),
        pytest.param(at(None, OLD + https(DJANGO)), ["high inferred http ssl_protocols"], id="on the http level"),
        pytest.param(at(None, OLD + https(NEW + DJANGO)), ["passed"], id="the inner line replaces the outer one"),
        pytest.param(
            at("1.22.1", DEFAULT.format(OLD) + https(NEW + DJANGO)),
            ["high inferred server _:443 ssl_protocols"],
            id="before 1.29.2 the default server opens it",
        ),
        pytest.param(
            at("1.31.3", DEFAULT.format(OLD) + https(NEW + DJANGO)), ["passed"], id="from 1.29.2 it decides for nobody"
        ),
        pytest.param(
            at("1.22.1", DEFAULT.format(NEW) + https(OLD + DJANGO)),
            ["passed"],
            id="before 1.29.2 the other server's line has no effect",
        ),
        pytest.param(
            at("1.29.2", DEFAULT.format(NEW) + https(OLD + DJANGO)),
            [f"high inferred {AT_443}"],
            id="from 1.29.2 it has",
        ),
        pytest.param(
            at(None, DEFAULT.format(OLD) + https(NEW + DJANGO)),
            ["medium inferred server _:443 ssl_protocols"],
            id="only one of the two readings",
        ),
        pytest.param(at("1.22.1", https(DJANGO)), [f"low inferred {AT_443}"], id="nothing written, old default"),
        pytest.param(at("1.27.3", https(DJANGO)), ["passed"], id="nothing written, new default"),
        pytest.param(at("1.26.2", https(DJANGO)), ["passed"], id="nothing written, OpenSSL 3 refuses"),
        pytest.param(at("1.22", https(DJANGO)), [f"low inferred {AT_443}"], id="a version without its last number"),
        pytest.param(at(None, https(DJANGO)), ["skipped unknown"], id="nothing written, version unknown"),
        pytest.param(
            at(None, https("include /etc/nginx/tls.conf;" + DJANGO)), ["skipped unknown"], id="an unknown include"
        ),
        pytest.param(
            at(None, https("include /etc/letsencrypt/options-ssl-nginx.conf;" + DJANGO)),
            ["passed"],
            id="certbot's file",
        ),
        pytest.param(
            at(None, https("ssl_protocols {{ protocols }};" + DJANGO)), ["skipped unknown"], id="a template decides"
        ),
        pytest.param(
            at(None, https(f"ssl_reject_handshake on; {OLD}")), ["skipped not-applicable"], id="no handshake completes"
        ),
        pytest.param(at(None, f"server {{ {PLAIN} {OLD} {DJANGO} }}"), ["skipped not-applicable"], id="no TLS"),
        pytest.param(
            at(None, https(OLD + DJANGO, "listen 127.0.0.1:443 ssl; server_name shop.example;")),
            ["skipped not-applicable"],
            id="loopback only",
        ),
    ],
)
def test_tls_protocol_old(nginx: Nginx, expected: list[str]) -> None:
    assert short(judge_facts("tls_protocol_old", nginx), "high") == expected


def served_with(*words: str) -> AppServers:
    place = Location("deploy/shop.service", 8)
    one = dataclasses.replace(gunicorn().servers[0], words=tuple((word, place) for word in words))
    return AppServers((one,))


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (served_with("gunicorn", "--ssl-version", "TLSv1_1"), ["high inferred unit shop.service"]),
        (served_with("gunicorn", "--ssl-version=PROTOCOL_TLSv1"), ["high inferred unit shop.service"]),
        (served_with("gunicorn", "--ssl-version=TLSv1_2"), ["skipped not-applicable"]),
        (served_with("gunicorn"), ["skipped not-applicable"]),
    ],
)
def test_tls_protocol_of_gunicorn(servers: AppServers, expected: list[str]) -> None:
    assert short(judge_facts("tls_protocol_old", servers), "high") == expected


WEAK = ["medium inferred server shop.example:443 ssl_ciphers"]


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(https("ssl_ciphers HIGH:RC4-SHA;" + NEW + DJANGO), WEAK, id="RC4"),
        pytest.param(https("ssl_ciphers HIGH:!aNULL:!MD5;" + DJANGO), ["passed"], id="nginx's own default"),
        pytest.param(https(DJANGO), ["passed"], id="nothing written"),
        pytest.param(https("ssl_protocols TLSv1.3; ssl_ciphers RC4-SHA;" + DJANGO), ["passed"], id="TLS 1.3 only"),
        pytest.param(https("ssl_ciphers AES256-SHA:AES128-SHA;" + DJANGO), WEAK, id="no forward secrecy"),
        pytest.param(https("ssl_ciphers {{ ciphers }};" + DJANGO), ["skipped unknown"], id="a template decides"),
        pytest.param(https("include tls.conf;" + DJANGO), ["skipped unknown"], id="an unknown include"),
        pytest.param(https("include options-ssl-nginx.conf;" + DJANGO), ["passed"], id="certbot's file"),
        pytest.param(
            DEFAULT.format("ssl_ciphers RC4-SHA;") + https("ssl_ciphers HIGH:!aNULL;" + DJANGO),
            ["passed"],
            id="the server that the name chooses decides",
        ),
        pytest.param(f"server {{ {PLAIN} {DJANGO} }}", ["skipped not-applicable"], id="no TLS"),
    ],
)
def test_tls_cipher_weak(conf: str, expected: list[str]) -> None:
    assert short(judge_facts("tls_cipher_weak", nginx_of(conf)), "medium") == expected


def test_ciphers_of_gunicorn() -> None:
    weak = served_with("gunicorn", "--ciphers", "RC4-SHA:HIGH")
    assert short(judge_facts("tls_cipher_weak", weak), "medium") == ["medium inferred unit shop.service"]
    good = served_with("gunicorn", "--ciphers", "HIGH:!aNULL")
    assert short(judge_facts("tls_cipher_weak", good), "medium") == ["passed"]


INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:DHE-RSA-AES256-GCM-SHA384"
)
CIPHERLI = "EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH"


@pytest.mark.parametrize(
    ("text", "weaknesses"),
    [
        (INTERMEDIATE, set()),
        (CIPHERLI, set()),
        ("HIGH:!aNULL:!MD5", set()),
        ("HIGH", set()),
        ("DEFAULT:!aNULL", set()),
        (
            "ALL:!ADH:!EXPORT56:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP",
            {"DES", "3DES", "RC4", "SEED", "IDEA", "MD5", "EXPORT"},
        ),
        ("HIGH:NULL-SHA256", {"NULL"}),
        ("HIGH:ADH-AES256-SHA", {"anonymous"}),
        ("HIGH:EXP-DES-CBC-SHA", {"EXPORT", "DES"}),
        ("HIGH:RC4-MD5", {"RC4", "MD5"}),
        ("HIGH:DES-CBC3-SHA:!DES", {"3DES"}),
        ("HIGH:DES-CBC3-SHA:!3DES", set()),
        ("HIGH:DES-CBC3-SHA:!DES-CBC3-SHA", set()),
        ("HIGH:SEED-SHA:IDEA-CBC-SHA", {"SEED", "IDEA"}),
        ("HIGH:RC4-SHA:-RC4-SHA", set()),
        ("HIGH:!RC4:RC4-SHA", set()),
        ("HIGH:MEDIUM:!MEDIUM", set()),
        ("EECDH+RC4:EECDH+AESGCM", {"RC4"}),
        ("ALL:!LOW:!EXP:!RC4:!MD5:!3DES:!SEED:!IDEA", set()),
        ("HIGH@SECLEVEL=1", set()),
    ],
)
def test_what_a_cipher_list_keeps(text: str, weaknesses: set[str]) -> None:
    assert {weakness for _, weakness in read_ciphers(text).weak} == weaknesses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (INTERMEDIATE, True),
        (CIPHERLI, True),
        ("HIGH:!aNULL", True),
        ("AES256-SHA:AES128-GCM-SHA256", False),
        ("kRSA+AES", False),
        ("HIGH:!kEECDH:!kEDH", False),
        ("DHE-RSA-AES256-SHA:!DHE", False),
        ("TLS_AES_256_GCM_SHA384", True),
    ],
)
def test_forward_secrecy_of_a_cipher_list(text: str, expected: bool) -> None:
    assert read_ciphers(text).forward_secrecy is expected


CHOOSING = DEFAULT.format(OLD) + https(NEW + DJANGO)
ONLY = https(OLD + DJANGO)


def shaken(version: str, outcome: Handshake, nginx_version: str = "1.22.1") -> TlsHandshakes:
    fields = {"name": "shop.example", "door": "https", "version": version, "outcome": outcome, "cipher": "c"}
    return TlsHandshakes((make(VersionSeen, fields),), (), nginx_version)


@pytest.mark.parametrize(
    ("nginx", "seen", "expected"),
    [
        pytest.param(at(None, ONLY), shaken("TLSv1", Handshake.DONE), [f"high proven {AT_443}"], id="it completes"),
        pytest.param(
            at(None, ONLY), shaken("TLSv1", Handshake.REFUSED), [f"low inferred {AT_443}"], id="this build refuses it"
        ),
        pytest.param(
            at(None, ONLY),
            shaken("TLSv1", Handshake.CLIENT_CANNOT),
            [f"high inferred {AT_443}"],
            id="nothing was asked",
        ),
        pytest.param(
            at(None, ONLY),
            shaken("TLSv1.2", Handshake.DONE),
            [f"high inferred {AT_443}"],
            id="another version was asked",
        ),
        pytest.param(
            at("1.22.1", CHOOSING),
            shaken("TLSv1", Handshake.DONE),
            ["high proven server _:443 ssl_protocols"],
            id="the same side of 1.29.2",
        ),
        pytest.param(
            at("1.22.1", CHOOSING),
            shaken("TLSv1", Handshake.DONE, "1.31.3"),
            ["high inferred server _:443 ssl_protocols"],
            id="the other side of 1.29.2",
        ),
        pytest.param(
            at(None, CHOOSING),
            shaken("TLSv1", Handshake.DONE),
            ["medium inferred server _:443 ssl_protocols"],
            id="the target's side is not known",
        ),
        pytest.param(
            at("1.22.1", CHOOSING),
            shaken("TLSv1", Handshake.REFUSED, "1.31.3"),
            ["high inferred server _:443 ssl_protocols"],
            id="refused by the other side of 1.29.2",
        ),
        pytest.param(at(None, https(NEW + DJANGO)), shaken("TLSv1", Handshake.REFUSED), ["passed"], id="good"),
    ],
)
def test_tls_protocol_seen(nginx: Nginx, seen: TlsHandshakes, expected: list[str]) -> None:
    assert short(judge_facts("tls_protocol_old", nginx, seen), "high") == expected


def groups(**outcomes: Handshake) -> TlsHandshakes:
    made = [
        make(GroupSeen, {"name": "shop.example", "door": "https", "group": group, "outcome": outcome, "cipher": "c"})
        for group, outcome in outcomes.items()
    ]
    return TlsHandshakes((), tuple(made))


PROVEN = ["medium proven server shop.example:443 ssl_ciphers"]


@pytest.mark.parametrize(
    ("ciphers", "seen", "expected"),
    [
        pytest.param("HIGH:eNULL", groups(null=Handshake.DONE), PROVEN, id="NULL is agreed to"),
        pytest.param("HIGH:eNULL", groups(null=Handshake.REFUSED), WEAK, id="this build refuses NULL"),
        pytest.param("AES256-SHA", groups(rsa=Handshake.DONE, ecdhe=Handshake.REFUSED), PROVEN, id="nothing secret"),
        pytest.param("HIGH:RC4-SHA", groups(rsa=Handshake.DONE, ecdhe=Handshake.DONE), WEAK, id="no client has RC4"),
        pytest.param("HIGH:!aNULL", groups(rsa=Handshake.DONE, ecdhe=Handshake.DONE), ["passed"], id="good"),
    ],
)
def test_tls_cipher_seen(ciphers: str, seen: TlsHandshakes, expected: list[str]) -> None:
    conf = nginx_of(https(f"ssl_ciphers {ciphers};" + DJANGO))
    assert short(judge_facts("tls_cipher_weak", conf, seen), "medium") == expected
