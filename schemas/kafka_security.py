"""How connections to Kafka are secured, of the settings: what cannot work together, and what clients are given.

Files are read when clients are made: that of a token each time a connection logs in, so that whoever renews it (a
sidecar, a projected service account) writes it in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import SettingsError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from pydantic import SecretStr

__all__ = ["NAMES", "Security", "TokenFile"]

# How the names of these settings begin.
NAMES: Final = "TELEMETRY_KAFKA_SECURITY_"

_OAUTHBEARER: Final = "OAUTHBEARER"
_AUTHORITIES: Final = "CAFILE"

# A client whose broker is away tries about twice in this time, and a worker has one for each of its partitions. More
# would hold up a transaction that has to wait for the end of the one before.
_RETRY_BACKOFF_MS: Final = 250


class TokenFile:
    """Reads the token of OAUTHBEARER from a file, as aiokafka asks for it (broker.clients makes that known to it)."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self.path = path

    async def token(self) -> str:
        """The token as the file has it now; raises OSError, as a broker that is away does: it may come later."""
        try:
            token = self.path.read_text(encoding="ascii").strip()
        except UnicodeDecodeError as error:
            message = f"{self.path} holds no token"
            raise OSError(message) from error
        if not token:
            message = f"{self.path} is empty"
            raise OSError(message)
        return token

    def extensions(self) -> dict[str, str]:
        """None: whoever a connection is of, the token alone says."""
        return {}


@dataclass(frozen=True, slots=True)
class Security:
    """The settings of that name, without their prefix."""

    protocol: str
    mechanism: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    tokenfile: Path | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def contradiction(self) -> str | None:
        """What of these settings cannot work together, and what to do, as one sentence; None where all can."""
        says, mechanism = f"{NAMES}PROTOCOL says {self.protocol}", self.mechanism
        logs_in = self.protocol.startswith("SASL")
        if logs_in and mechanism is None:
            return f"{says}, and nothing says how to log in: set {NAMES}MECHANISM."
        if mechanism is not None and not logs_in:
            right = "SASL_PLAINTEXT" if self.protocol == "PLAINTEXT" else "SASL_SSL"
            return f"{says}, so nobody logs in by {NAMES}MECHANISM={mechanism}: set {right}, or unset the mechanism."
        if mechanism == _OAUTHBEARER and self.tokenfile is None:
            return f"{NAMES}MECHANISM={mechanism} needs a token: name its file in {NAMES}TOKENFILE."
        if mechanism != _OAUTHBEARER and self.tokenfile is not None:
            return f"{NAMES}TOKENFILE is for {NAMES}MECHANISM={_OAUTHBEARER}: set that, or unset the file."
        needed = {} if mechanism in (None, _OAUTHBEARER) else {"USERNAME": self.username, "PASSWORD": self.password}
        if lacking := [name for name, value in needed.items() if not value]:
            return f"{NAMES}MECHANISM={mechanism} needs a name and a password: set {NAMES}{lacking[0]}."
        return self._of_files(says)

    def _of_files(self, says: str) -> str | None:
        files = {"CAFILE": self.cafile, "CERTFILE": self.certfile, "KEYFILE": self.keyfile}
        named = [name for name, path in files.items() if path is not None]
        if named and not self.protocol.endswith("SSL"):
            return (
                f"{says}, which encrypts nothing, and {NAMES}{named[0]} is set: set SSL or SASL_SSL, or unset the file."
            )
        if "KEYFILE" in named and "CERTFILE" not in named:
            return f"{NAMES}KEYFILE is of no certificate: name that in {NAMES}CERTFILE."
        return None

    def options(self) -> dict[str, Any]:
        """What aiokafka's clients are given beside the servers; raises SettingsError where a file cannot be used."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "retry_backoff_ms": _RETRY_BACKOFF_MS}
        if self.mechanism is not None:
            options["sasl_mechanism"] = self.mechanism
            if self.tokenfile is not None:
                options["sasl_oauth_token_provider"] = TokenFile(self.tokenfile)
            else:
                options["sasl_plain_username"] = self.username
                options["sasl_plain_password"] = self.password and self.password.get_secret_value()
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._context()
        return options

    def _context(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415 - only encrypted clusters pay for it

        try:
            context = ssl.create_default_context(cafile=self.cafile)
        except OSError as error:
            raise _unusable(_AUTHORITIES, self.cafile, _reason(error)) from error
        if self.certfile is None:
            return context
        for name, path in (("CERTFILE", self.certfile), ("KEYFILE", self.keyfile)):
            try:
                if path is not None:
                    path.read_bytes()
            except OSError as error:
                raise _unusable(name, path, _reason(error)) from error
        try:
            # Without a password here OpenSSL would ask the terminal for one.
            context.load_cert_chain(self.certfile, self.keyfile, password="")
        except ssl.SSLError as error:
            name, path = ("CERTFILE", self.certfile) if self.keyfile is None else ("KEYFILE", self.keyfile)
            raise _unusable(name, path, _of_key(error.reason, whole=self.keyfile is None)) from error
        return context


def _of_key(reason: str | None, *, whole: bool) -> str:
    if reason == "KEY_VALUES_MISMATCH":
        return "its key is not the certificate's"
    where = "certificate and key" if whole else f"the key of {NAMES}CERTFILE"
    return f"it does not hold {where}, or the key has a password"


def _unusable(name: str, path: Path | None, reason: str) -> SettingsError:
    return SettingsError(f"{NAMES}{name}: {path} cannot be read: {reason}. Name a PEM file.")


def _reason(error: OSError) -> str:
    return "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror or error)
