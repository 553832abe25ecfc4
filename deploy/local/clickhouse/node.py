"""The local ClickHouse server as a child process."""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

import httpx
import orjson

from deploy.local.errors import INSTALL_HINT, LocalStackError
from deploy.local.locking import locked
from deploy.local.process import LocalServer
from deploy.local.progress import silent
from deploy.local.resources import LOOPBACK, free_port, require_free_port, require_space

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.clickhouse.access import Analyst
    from deploy.local.progress import Progress

__all__ = [
    "ANALYST_VARIABLE",
    "PASSWORD_VARIABLE",
    "THREADS_VARIABLE",
    "TLS_VARIABLE",
    "USER_VARIABLE",
    "Certificates",
    "ClickHouseServer",
]

USER_VARIABLE: Final = "CLICKHOUSE_USER"
PASSWORD_VARIABLE: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105 - the variable's name
ANALYST_VARIABLE: Final = "CLICKHOUSE_ANALYST"
THREADS_VARIABLE: Final = "CLICKHOUSE_THREADS"
TLS_VARIABLE: Final = "CLICKHOUSE_TLS"

_NEEDED_BYTES: Final = 1_000_000_000
# To load the world's certificates, for an address on this machine, would take longer than the question.
_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of a server that speaks TLS: its certificate, the key, and whose certificates clients have to show.

    Without `clients` they need none. The server asks itself whether it answers, and shows its own certificate then.
    """

    certificate: str
    key: str
    clients: str = ""


class ClickHouseServer(LocalServer):
    """A ClickHouse HTTP server whose data live in `directory`, for one user, and an analyst who only reads.

    The port may differ between runs; without `port` a free one is picked. `threads` are what a query uses that asks for
    no number itself, by default one for each core. With `tls` it speaks https.
    """

    name: ClassVar[str] = "ClickHouse"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        user: str,
        password: str,
        analyst: Analyst | None = None,
        threads: int | None = None,
        tls: Certificates | None = None,
    ) -> None:
        super().__init__(directory)
        self._wanted = port
        self._port: int | None = None
        self.user = user
        self.password = password
        self.analyst = analyst
        self._threads = threads
        self._tls = tls

    @property
    def port(self) -> int:
        """The port on the loopback address, after `prepare`."""
        if self._port is None:
            message = "ClickHouse has no address yet: call prepare() first."
            raise LocalStackError(message)
        return self._port

    @property
    def url(self) -> str:
        """The address with user and password, as `TELEMETRY_CLICKHOUSE` takes it."""
        return self._url(self.user, self.password)

    @property
    def analyst_url(self) -> str:
        """The same for the analyst; empty without one."""
        return "" if self.analyst is None else self._url(self.analyst.user, self.analyst.password)

    def _url(self, user: str, password: str) -> str:
        return f"{self._scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{LOOPBACK}:{self.port}"

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    def prepare(self, progress: Progress = silent) -> None:  # noqa: ARG002 - the engine comes with its wheel
        """Choose the port and check that the engine, the disk and the port are there."""
        import importlib.util  # noqa: PLC0415 - the engine itself takes a second to import

        if importlib.util.find_spec("chdb") is None:
            message = f"chdb, the ClickHouse engine, is not installed. {INSTALL_HINT}"
            raise LocalStackError(message)
        if self._wanted is not None:
            require_free_port(self._wanted, self.name)
        require_space(self.directory, _NEEDED_BYTES, self.name)
        with locked(self.name, self.directory):
            # What students wrote is nobody else's to read.
            self.directory.chmod(0o700)
        if self._port is None:
            self._port = self._wanted or free_port()

    def command(self) -> list[str]:
        """The server's command line."""
        return [sys.executable, "-m", "deploy.local.clickhouse", str(self.directory), str(self.port)]

    def env(self) -> dict[str, str]:
        """This process's environment with the users, their passwords and UTC as the server's time zone."""
        server_variables = {USER_VARIABLE: self.user, PASSWORD_VARIABLE: self.password, "TZ": "UTC"}
        analyst = {} if self.analyst is None else {ANALYST_VARIABLE: orjson.dumps(asdict(self.analyst)).decode()}
        threads = {} if self._threads is None else {THREADS_VARIABLE: str(self._threads)}
        tls = {} if self._tls is None else {TLS_VARIABLE: orjson.dumps(asdict(self._tls)).decode()}
        return {**os.environ, **server_variables, **analyst, **threads, **tls}

    def _context(self) -> ssl.SSLContext:
        """TLS to this server on this machine, whatever its certificate says."""
        if self._tls is None:
            return _NO_CERTIFICATES
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self._tls.certificate, self._tls.key)
        return context

    async def answers(self) -> bool:
        """Whether a query is answered."""
        headers = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}
        address = f"{self._scheme}://{LOOPBACK}:{self.port}/"
        try:
            async with httpx.AsyncClient(trust_env=False, verify=self._context()) as client:
                response = await client.get(address, params={"query": "SELECT 1"}, headers=headers)
        except httpx.TransportError:
            return False
        return response.status_code == httpx.codes.OK
