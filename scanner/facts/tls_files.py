"""The certificates and Diffie-Hellman parameters of the checkout to which the proxy's configuration points.

Only public parts are read: a file that holds a private key as well is parsed for its certificates alone.
"""

import base64
import binascii
import datetime as dt
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.nginx import Nginx
from scanner.model import Location, ScopeClass, provider
from scanner.nginx.effective import walk
from scanner.project import Project, Unreadable

_MAX_BYTES: Final = 256 * 1024
_CERTIFICATE: Final = "ssl_certificate"
_PARAMETERS: Final = "ssl_dhparam"
_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_END: Final = b"-----END CERTIFICATE-----"
_DH: Final = re.compile(rb"-----BEGIN DH PARAMETERS-----([A-Za-z0-9+/=\s]{1,8192})-----END DH PARAMETERS-----")


@dataclass(frozen=True)
class CertificateFile:
    """The first certificate of a file: the one that a server shows."""

    location: Location
    names: tuple[str, ...]
    """Host names and addresses that it is for, in lower case, with ``*.`` as written."""
    not_after: dt.datetime
    """UTC."""

    def covers(self, host: str) -> bool:
        """Whether a browser takes it for that host; a star stands for one label (RFC 9525, 6.3)."""
        name = host.lower().rstrip(".")
        return any(
            one == name or (one.startswith("*.") and name.partition(".")[2] == one[2:] and "." in name)
            for one in self.names
        )


@dataclass(frozen=True)
class TlsFiles:
    """What the checkout holds of it; development's and examples' files are left out."""

    now: dt.datetime
    """UTC."""
    certificates: Mapping[str, CertificateFile] = field(default_factory=dict)
    """By the argument of ``ssl_certificate``."""
    dh_bits: Mapping[str, int] = field(default_factory=dict)
    """Length of the prime, by the argument of ``ssl_dhparam``."""


@provider()
def tls_files(project: Project, nginx: Nginx, compose: Compose | None, dockerfiles: Dockerfiles | None) -> TlsFiles:
    """Read the files of the checkout that the proxy's TLS directives name."""
    places = tuple(_places(compose, dockerfiles))
    certificates: dict[str, CertificateFile] = {}
    bits: dict[str, int] = {}
    for name, argument in dict.fromkeys(_arguments(nginx)):
        path = _path_of(argument, project, places)
        if path is None or project.scope(path).klass in {ScopeClass.DEV, ScopeClass.EXAMPLE}:
            continue
        try:
            content = project.read_bytes(path, _MAX_BYTES)
        except Unreadable:
            continue
        if name == _CERTIFICATE and (certificate := _certificate(path, content)) is not None:
            certificates[argument] = certificate
        elif name == _PARAMETERS and (size := _prime(content)) is not None:
            bits[argument] = size
    return TlsFiles(dt.datetime.now(dt.UTC), certificates, bits)


def _arguments(nginx: Nginx) -> Iterator[tuple[str, str]]:
    for configuration in nginx.configurations:
        for directive in walk(configuration.tree.directives):
            if directive.name in {_CERTIFICATE, _PARAMETERS} and directive.args and not directive.is_template:
                yield directive.name, directive.arg(0)


def _places(compose: Compose | None, dockerfiles: Dockerfiles | None) -> Iterator[tuple[str, str]]:
    """Pairs of a path in a container and the checkout's path that lies there, mounts first."""
    for one in compose.projects if compose else ():
        for service in one.services:
            for volume in service.volumes:
                if volume.bind and not volume.source.startswith("/"):
                    yield volume.target, volume.source
    for dockerfile in dockerfiles.files if dockerfiles else ():
        yield from dockerfile.production_paths()


def _path_of(argument: str, project: Project, places: tuple[tuple[str, str], ...]) -> str | None:
    """The file of the checkout that lies where the configuration looks, or None."""
    where = posixpath.normpath(posixpath.join("/etc/nginx", argument))
    for target, source in places:
        inner = posixpath.normpath(target)
        if where != inner and not where.startswith(f"{inner.rstrip('/')}/"):
            continue
        path = posixpath.normpath(posixpath.join(source, where[len(inner) :].lstrip("/")))
        if project.exists(path):
            return path
    # Copied by hand: the same directory and name, and only one of them.
    tail = "/".join(where.split("/")[-2:])
    same = [
        path for path in project.by_name.get(posixpath.basename(where), ()) if path.endswith(f"/{tail}") or path == tail
    ]
    return same[0] if len(same) == 1 else None


def _certificate(path: str, content: bytes) -> CertificateFile | None:
    start = content.find(_MARK)
    end = content.find(_END, start)
    if start < 0 or end < 0:
        return None
    try:
        found = x509.load_pem_x509_certificate(content[start : end + len(_END)] + b"\n")
        names = tuple(_names(found))
        not_after = found.not_valid_after_utc
    except ValueError:
        return None
    line = content.count(b"\n", 0, start) + 1
    return CertificateFile(Location(path, line), names, not_after)


def _names(certificate: x509.Certificate) -> Iterator[str]:
    """The names of the extension; browsers no longer look at the common name."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    for name in extension.value.get_values_for_type(x509.DNSName):
        yield name.lower()
    for address in extension.value.get_values_for_type(x509.IPAddress):
        yield str(address)


def _prime(content: bytes) -> int | None:
    """The length in bits of the prime in ``SEQUENCE { prime INTEGER, base INTEGER }`` (PKCS 3)."""
    found = _DH.search(content)
    if found is None:
        return None
    try:
        inside = _value(base64.b64decode(found[1]), 0x30)
        return int.from_bytes(_value(inside, 0x02), "big").bit_length()
    except (binascii.Error, ValueError, IndexError):
        return None


def _value(der: bytes, tag: int) -> bytes:
    """The contents of the DER element at the beginning. Raises ValueError or IndexError when it is another one."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if der[0] != tag or start + length > len(der):
        raise ValueError("no such element")
    return der[start : start + length]
