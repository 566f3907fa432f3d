"""A throwaway certificate authority and what it signs: made anew for every run, trusted by nobody else.

One RSA key serves all leaf certificates of a run (making one costs a tenth of a second); the authority's own key is
elliptic, which costs nothing.
"""

import base64
import datetime as dt
import textwrap
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MAX_NAMES: Final = 100
_DAY: Final = dt.timedelta(days=1)
# The 2048-bit group ffdhe2048 of RFC 7919, appendix A.1; making a group of one's own takes seconds.
_FFDHE2048: Final = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF97D2FE363630C75D8"
    "F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE872"
    "1DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB19"
    "0B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005"
    "C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF",
    16,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Leaf:
    """A certificate, its key, and its issuer, in PEM."""

    certificate: bytes
    key: bytes
    issuer: bytes

    @property
    def full_chain(self) -> bytes:
        """The certificate and its issuer's."""
        return self.certificate + self.issuer


@dataclass(frozen=True, eq=False)
class Authority:
    """The certificate authority of one run."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, nonce: str) -> "Authority":
        """A new one; the nonce is in its name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"seatrial throwaway authority {nonce}")
        builder = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def ca_pem(self) -> str:
        """The authority's certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @cached_property
    def _rsa_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def _ec_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def leaf(self, names: tuple[str, ...], *, elliptic: bool = False, client: bool = False) -> Leaf:
        """A certificate for these host names (wildcards too) and addresses; the first hundred count."""
        key: PrivateKey = self._ec_key if elliptic else self._rsa_key
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            _builder(_name(names[0] if names else "seatrial"), self.certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        alternatives = [found for name in names[:MAX_NAMES] if (found := _general_name(name)) is not None]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Leaf(certificate.public_bytes(serialization.Encoding.PEM), _pem(key), self.ca_pem.encode("ascii"))

    def empty_revocation_list(self) -> bytes:
        """A list of revoked certificates with nothing on it."""
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _DAY)
            .next_update(now + 30 * _DAY)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def dh_parameters() -> bytes:
    """The fixed group, as ``ssl_dhparam`` reads it (PKCS #3: a sequence of the prime and the generator 2)."""
    der = b"\x30\x82\x01\x08\x02\x82\x01\x01\x00" + _FFDHE2048.to_bytes(256, "big") + b"\x02\x01\x02"
    lines = textwrap.wrap(base64.b64encode(der).decode("ascii"), 64)
    return "\n".join(["-----BEGIN DH PARAMETERS-----", *lines, "-----END DH PARAMETERS-----", ""]).encode("ascii")


def _name(text: str) -> x509.Name:
    # RFC 5280 limits a common name to 64 characters.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_encipherment=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName | None:
    """The name as a certificate holds it; None for what no certificate can hold."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        encoded = name.encode("idna").decode("ascii") if not name.isascii() else name
        return x509.DNSName(encoded)
    except ValueError:
        return None


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
