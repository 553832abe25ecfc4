"""Certificates and tokens of tests: an authority that signs both, for as long as a test wants."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Authority", "TokenIssuer"]

_LOOPBACK = ipaddress.ip_address("127.0.0.1")
_EXPONENT = 65537


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(slots=True)
class Authority:
    """An authority of a name, with a key of its own; what it writes is below `directory`."""

    directory: Path
    name: str = "authority"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def certificate(self) -> Path:
        """A file of its certificate."""
        path = self.directory / f"{self.name}.pem"
        if not path.exists():
            path.write_bytes(self._signed(self.name, self._key, -1, 2, authority=True))
        return path

    def issue(self, common_name: str, *, begins: float = -1, ends: float = 2) -> Path:
        """A file of a key and its certificate for a name, and for 127.0.0.1, that holds between two days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self.directory / f"{self.name}-{common_name}-{ends:g}.pem"
        path.write_bytes(_key_pem(key) + self._signed(common_name, key, begins, ends, authority=False))
        return path

    def _signed(
        self, common_name: str, key: ec.EllipticCurvePrivateKey, begins: float, ends: float, *, authority: bool
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begins))
            .not_valid_after(now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if not authority:
            names = x509.SubjectAlternativeName([x509.IPAddress(_LOOPBACK)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(slots=True)
class TokenIssuer:
    """Signs tokens (JWT) as an identity provider does; brokers know it by its key set."""

    _key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=_EXPONENT, key_size=2048)
    )

    def write_key_set(self, path: Path) -> None:
        """Write its public key as a JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        n, e = (_unpadded(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        key = {"kty": "RSA", "kid": "test", "use": "sig", "alg": "RS256", "n": n, "e": e}
        path.write_bytes(orjson.dumps({"keys": [key]}))

    def token(self, subject: str, *, seconds: float = 3600) -> str:
        """A token of a subject that holds for so long."""
        now = datetime.now(UTC).timestamp()
        header = {"alg": "RS256", "kid": "test", "typ": "JWT"}
        claims: dict[str, Any] = {"sub": subject, "iat": int(now + min(0, seconds) - 1), "exp": int(now + seconds)}
        claims |= {"aud": "kafka", "iss": "https://identity.example", "scope": "kafka"}
        signed = f"{_unpadded(orjson.dumps(header))}.{_unpadded(orjson.dumps(claims))}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_unpadded(signature)}"
