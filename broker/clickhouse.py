"""ClickHouse's clients, made from settings: the one place that makes them for others.

A request goes to the first server of the settings that is there. If no connection to it is made, the same request goes
to the next one within the same call. Once it is under way nobody knows what became of it, so its caller decides: reads
and blocks with a token are asked for again, and find the next server then.
"""

from __future__ import annotations

import functools
import os
import ssl
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.httputil import get_pool_manager_options
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, ReadTimeoutError, SSLError
from urllib3.poolmanager import PoolManager
from urllib3.util import parse_url

from broker.failover import Failover
from schemas.clickhouse_settings import NO_QUORUM
from schemas.settings import PREFIX, SettingsError

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient
    from clickhouse_connect.driver.client import Client
    from urllib3.response import BaseHTTPResponse

    from schemas.settings import Settings

__all__ = ["TLS_PREFIX", "connect", "connect_one", "failover_of", "goes_elsewhere"]

# How the names of the settings begin that are about certificates.
TLS_PREFIX: Final = f"{PREFIX}CLICKHOUSE_"

# What one server says that another one may do, by ClickHouse's src/Common/ErrorCodes.cpp.
_ELSEWHERE: Final = frozenset(
    {
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: it is shutting down
        242,  # TABLE_IS_READ_ONLY: this replica has lost its Keeper
        289,  # REPLICA_IS_NOT_IN_QUORUM: it lags, and is asked for all that a quorum has
        999,  # KEEPER_EXCEPTION
    }
)
# A proxy in front of a server that is away.
_AWAY: Final = frozenset({502, 503, 504})
_CODE_HEADER: Final = "X-ClickHouse-Exception-Code"
_CONNECTIONS: Final = 16
# For each server of a cluster to run a statement.
_STATEMENT_SECONDS: Final = 60
# Of clickhouse-connect, as URLs may have them.
_TLS_OPTIONS: Final = ("verify", "ca_cert", "client_cert", "client_cert_key")
_OFF: Final = ("0", "false", "no", "off")


def connect(settings: Settings, *, connect_seconds: int, answer_seconds: int, **more: Any) -> Client:
    """A client that several threads may share, without a session; `more` are clickhouse-connect's own options.

    Blocks until a server has answered. Raises clickhouse_connect's errors and OSError where none does, and
    SettingsError where a file of certificates cannot be read.
    """
    servers = settings.clickhouse_servers
    options = _tls_options(settings)
    return clickhouse_connect.get_client(
        dsn=servers[0],
        **_interface(servers[0]),
        **_login(servers[0], options),
        autogenerate_session_id=False,
        connect_timeout=connect_seconds,
        send_receive_timeout=answer_seconds,
        settings=_settings_of(settings),
        # Processes that were forked share no connections.
        pool_mgr=_pool(os.getpid(), servers, tuple(sorted(options.items()))),
        **more,
    )


async def connect_one(
    settings: Settings, server: int, *, connect_seconds: int, answer_seconds: int, **more: Any
) -> AsyncClient:
    """A client of one server of the settings, without failover; otherwise as `connect`."""
    url = settings.clickhouse_servers[server]
    options = _tls_options(settings)
    _look_at(options)
    return await clickhouse_connect.get_async_client(
        dsn=url,
        **_interface(url),
        **_login(url, options),
        autogenerate_session_id=False,
        connect_timeout=connect_seconds,
        send_receive_timeout=answer_seconds,
        settings=_settings_of(settings),
        **more,
    )


def failover_of(settings: Settings) -> Failover:
    """What knows which servers of the settings fail, for who uses `connect_one`."""
    return Failover(tuple(_address(server) for server in settings.clickhouse_servers))


def goes_elsewhere(code: int | None) -> bool:
    """Whether an answer with this code of ClickHouse's is one server's alone."""
    return code in _ELSEWHERE


class _Servers(PoolManager):
    """Sends what is meant for one server to the first of several that is there."""

    def __init__(self, urls: tuple[str, ...], **options: Any) -> None:
        super().__init__(num_pools=len(urls), **options)
        self._bases = [f"{urlsplit(url).scheme}://{_address(url)}" for url in urls]
        self._failover = Failover(tuple(map(_address, urls)))

    def urlopen(self, method: str, url: str, redirect: bool = True, **more: Any) -> BaseHTTPResponse:  # type: ignore[override] # noqa: ARG002, FBT001, FBT002 - urllib3's own, and ClickHouse sends nobody elsewhere
        # Repeats are its callers' to make, who know what may be sent twice.
        more["retries"] = 0
        order = self._failover.order(time.monotonic())
        for server in order:
            try:
                answer = super().urlopen(
                    method, self._bases[server] + parse_url(url).request_uri, redirect=False, **more
                )
            except HTTPError as error:
                unsent = _unsent(error)
                if unsent or isinstance(error, ReadTimeoutError):
                    self._failover.failed(server, time.monotonic(), _reason(error))
                if unsent and server != order[-1]:
                    continue
                raise
            code = answer.headers.get(_CODE_HEADER, "")
            if goes_elsewhere(int(code) if code.isdecimal() else None) or (answer.status in _AWAY and not code):
                self._failover.failed(server, time.monotonic(), f"status {answer.status}, code {code or 'none'}")
            else:
                self._failover.answered(server)
            return answer
        raise AssertionError  # there is always one


@functools.lru_cache(maxsize=8)
def _pool(_process: int, servers: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> _Servers:
    """The connections of this process, so that all of its clients know which server is away.

    Certificates are read anew with each connection, so renewed ones need no restart.
    """
    _look_at(dict(options))
    return _Servers(servers, **get_pool_manager_options(**dict(options), maxsize=_CONNECTIONS))


def _address(url: str) -> str:
    """HOST:PORT, with the port that ClickHouse has for the scheme."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return address if parts.port else f"{address}:{8443 if parts.scheme == 'https' else 8123}"


def _interface(url: str) -> dict[str, Any]:
    # By itself the driver goes by the port.
    return {"interface": "https"} if url.startswith("https:") else {}


def _settings_of(settings: Settings) -> dict[str, Any]:
    """ClickHouse's own settings for every request (docs/clickhouse.md, "When a replica lags")."""
    found: dict[str, Any] = {}
    if settings.clickhouse_cluster:
        # Less than anybody waits for an answer, so that ClickHouse can say which server has not done its part.
        found["distributed_ddl_task_timeout"] = _STATEMENT_SECONDS
    if settings.clickhouse_insert_quorum != NO_QUORUM:
        found["insert_quorum"] = settings.clickhouse_insert_quorum
        # Only of inserts one after the other can a replica tell whether it has them all.
        found["insert_quorum_parallel"] = int(not settings.clickhouse_sequential_reads)
    if settings.clickhouse_sequential_reads:
        found["select_sequential_consistency"] = 1
    return found


def _login(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """What tells the driver who we are: it would leave a password out where there is a certificate."""
    given = {name: value for name, value in options.items() if name in ("client_cert", "client_cert_key", "ca_cert")}
    if "client_cert" not in options:
        return given
    parts = urlsplit(url)
    return {
        **given,
        "username": unquote(parts.username or "") or "default",
        "tls_mode": "strict" if parts.password else "mutual",
    }


def _tls_options(settings: Settings) -> dict[str, Any]:
    """The options of connections: those in the URL, in place of which settings come."""
    url = settings.clickhouse_servers[0]
    options: dict[str, Any] = {name: value for name, value in parse_qsl(urlsplit(url).query) if name in _TLS_OPTIONS}
    if "verify" in options:
        options["verify"] = options["verify"].lower() not in _OFF
    files = {
        "ca_cert": settings.clickhouse_cafile,
        "client_cert": settings.clickhouse_certfile,
        "client_cert_key": settings.clickhouse_keyfile,
    }
    return options | {name: str(file) for name, file in files.items() if file is not None}


def _look_at(options: dict[str, Any]) -> None:
    """Raise SettingsError where a file of certificates is none, before a connection says so in OpenSSL's words."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities, certificate, key = (options.get(name) for name in ("ca_cert", "client_cert", "client_cert_key"))
    try:
        name, file = "CAFILE", authorities
        if authorities and authorities != "certifi":
            context.load_verify_locations(authorities)
        name, file = "CERTFILE", certificate
        if certificate:
            # Without a password here OpenSSL would ask the terminal for one, and wait.
            context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or error
        if name == "CERTFILE" and isinstance(error, ssl.SSLError):
            found = "it does not hold certificate and key, or they do not belong together, or the key has a password"
            reason = f"{found} ({reason})"
        both = f"{file} with the key in {key}" if name == "CERTFILE" and key else file
        message = f"{TLS_PREFIX}{name}: {both} cannot be read: {reason}. Name a PEM file."
        raise SettingsError(message) from error


def _unsent(error: HTTPError) -> bool:
    """Whether no connection was made, so that nothing of the request can have arrived."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, SSLError):
        return any(isinstance(one, ssl.SSLCertVerificationError) for one in reason.args)
    return isinstance(reason, ConnectTimeoutError)


def _reason(error: HTTPError) -> str:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    return str(reason or error).partition("\n")[0]
