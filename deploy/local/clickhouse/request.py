"""What a request to ClickHouse's HTTP interface asks for, from its address, headers and body."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from deploy.local.clickhouse.compressed_blocks import unpack
from deploy.local.clickhouse.compression import choose_encoding, decompress
from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.native import LEAST_VERSION
from deploy.local.clickhouse.native import SETTINGS as NATIVE_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpRequest", "Query", "read_query"]

_PARAMETER: Final = "param_"
_FORM: Final = "multipart/form-data"
# Of the interface itself; every other parameter is a setting.
_RESERVED: Final = frozenset(
    {
        "query", "database", "default_format", "user", "password", "quota_key", "query_id", "stacktrace", "role",
        "buffer_size", "wait_end_of_query", "session_id", "session_timeout", "session_check", "close_session",
        "client_protocol_version", "compress", "decompress",
    }
)  # fmt: skip
_DEFAULT_FORMAT: Final = "TabSeparated"
_SESSION_SECONDS: Final = 60
_LONGEST_SESSION: Final = 3_600
_READ_ONLY_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with all that the request says about running it."""

    statement: bytes
    id: str
    user: str
    password: str
    database: str
    format: str
    settings: dict[str, str]
    parameters: dict[str, str]
    read_only: bool
    encoding: str
    in_blocks: bool
    buffered: bool
    protocol: int
    session: str
    session_seconds: int
    session_must_exist: bool
    session_ends: bool


def read_query(request: HttpRequest) -> Query:
    """Read a request; raises ClickHouseError for what it gets wrong or what this server does not do."""
    fields = dict(parse_qsl(request.query_string, keep_blank_values=True))
    headers = request.headers
    body = decompress(request.body, headers.get("content-encoding", ""))
    if _flag(fields, "decompress"):
        body = unpack(body)
    if headers.get("content-type", "").startswith(_FORM):
        form, body = _read_form(headers["content-type"], body), b""
        fields |= form
    _refuse_unsupported(fields)
    url_query = fields.get("query", "").encode()
    protocol = _number(fields, "client_protocol_version")
    settings = {k: v for k, v in fields.items() if k not in _RESERVED and not k.startswith(_PARAMETER)}
    user, password = _credentials(fields, headers)
    compressed = _flag(fields, "enable_http_compression")
    return Query(
        statement=url_query + b"\n" + body if url_query and body else url_query or body,
        id=fields.get("query_id") or str(uuid.uuid4()),
        user=user,
        password=password,
        database=fields.get("database") or headers.get("x-clickhouse-database", ""),
        format=fields.get("default_format") or headers.get("x-clickhouse-format") or _DEFAULT_FORMAT,
        settings=NATIVE_SETTINGS | settings if protocol >= LEAST_VERSION else settings,
        parameters={k.removeprefix(_PARAMETER): v for k, v in fields.items() if k.startswith(_PARAMETER)},
        read_only=request.method in _READ_ONLY_METHODS,
        encoding=choose_encoding(headers.get("accept-encoding", "")) if compressed else "",
        in_blocks=_flag(fields, "compress"),
        buffered=_flag(fields, "wait_end_of_query"),
        protocol=protocol,
        session=fields.get("session_id", ""),
        session_seconds=_session_seconds(fields.get("session_timeout")),
        session_must_exist=_flag(fields, "session_check"),
        session_ends=_flag(fields, "close_session"),
    )


def _flag(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "") in ("1", "true")


def _number(fields: Mapping[str, str], name: str) -> int:
    value = fields.get(name) or "0"
    if not value.isascii() or not value.isdigit():
        raise ClickHouseError(36, "BAD_ARGUMENTS", f"{name} must be a number, not {value!r}")
    return int(value)


def _refuse_unsupported(fields: Mapping[str, str]) -> None:
    if fields.get("role"):
        raise ClickHouseError(48, "NOT_IMPLEMENTED", "The local server has one user and no roles")


def _session_seconds(value: str | None) -> int:
    if value is None:
        return _SESSION_SECONDS
    if not value.isascii() or not value.isdigit() or int(value) > _LONGEST_SESSION:
        text = f"Invalid session timeout: '{value}', at most {_LONGEST_SESSION} s"
        raise ClickHouseError(374, "INVALID_SESSION_TIMEOUT", text)
    return int(value)


def _credentials(fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    ways = [
        "x-clickhouse-user" in headers or "x-clickhouse-key" in headers,
        "authorization" in headers,
        "user" in fields or "password" in fields,
    ]
    if sum(ways) > 1:
        text = "Invalid authentication: it is not allowed to use several ways to tell the user at the same time"
        raise ClickHouseError(516, "AUTHENTICATION_FAILED", text)
    if ways[0]:
        return headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    if ways[1]:
        return _basic(headers["authorization"])
    return fields.get("user", "default"), fields.get("password", "")


def _basic(header: str) -> tuple[str, str]:
    import base64  # noqa: PLC0415 - few requests take this way
    import binascii  # noqa: PLC0415

    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            return user, password
    except (binascii.Error, UnicodeDecodeError):
        pass
    text = "Invalid authentication: only the HTTP Authorization scheme Basic is supported"
    raise ClickHouseError(516, "AUTHENTICATION_FAILED", text)


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            text = "The local server takes no external tables: put the rows into a table first"
            raise ClickHouseError(48, "NOT_IMPLEMENTED", text)
        contents = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(contents, bytes):
            fields[name] = contents.decode()
    return fields
