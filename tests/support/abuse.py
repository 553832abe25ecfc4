"""Bad requests by chance, and a gateway's answers to them."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.http_directory import secret
from tests.support.ingest import ME

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tests.support.http_system import HttpSystem

__all__ = ["BODIES", "LOG", "NASTY", "TELEMETRY", "answer_to", "fuzz", "request", "resident"]

LOG = "/v1/assignment/academy/learnpack/webhook"
TELEMETRY = "/v1/assignment/academy/asset/{}/user/{}/telemetry"

# What breaks programs: of databases, shells, templates, headers, numbers and texts.
NASTY = [
    "' OR 1=1 --",
    "1); DROP TABLE raw; --",
    "1 UNION ALL SELECT * FROM system.users",
    "{x:String}",
    "\\'",
    "\x00",
    "%0d%0aX-Injected: 1",
    "\r\nX-Injected: 1",
    "../../etc/passwd",
    "=1+1",
    "9" * 400,
    "-1",
    "1e999",
    "٣",
    "\U0001f600",
    "NaN",
    "${jndi:ldap://x}",
    "<script>",
    "a" * 5000,
    "",
]
BODIES: list[Callable[[random.Random], bytes]] = [
    lambda dice: dice.randbytes(dice.randrange(200)),
    lambda dice: b"[" * dice.randrange(1, 100_000),
    lambda dice: b'{"a":' * dice.randrange(1, 5000),
    lambda dice: json.dumps({"a": dice.choice(NASTY)}).encode()[: dice.randrange(20)],
    lambda dice: json.dumps(dice.choice([[], None, 1, "x", True])).encode(),
    lambda _dice: b'{"a": "\\ud800"}',
    lambda _dice: b'\xff\xfe{"a": 1}',
    lambda dice: json.dumps({dice.choice(NASTY): dice.choice(NASTY) for _ in range(5)}).encode(),
    lambda dice: json.dumps(
        {"user_id": dice.choice([*NASTY, [1], {"a": 1}, 1e308, True, 10**300]), "slug": "s"}
    ).encode(),
    lambda dice: json.dumps({"event": dice.choice(NASTY), "slug": {}, "package_id": dice.choice(NASTY)}).encode(),
    lambda dice: json.dumps({"rules": dice.choice([1, [1], [{"events": 1}], "x", [[]]])}).encode(),
    lambda dice: json.dumps({"total_time": dice.choice(NASTY), "telemetry": dice.choice(NASTY)}).encode(),
]


def request(dice: random.Random) -> bytes:
    """One bad request, as bytes on the wire."""
    path, method = dice.choice(
        [
            (ME, "POST"),
            ("/v1/learnpack/telemetry", "POST"),
            (LOG, "GET"),
            (f"{LOG}/{quote(dice.choice(NASTY), safe='')}", "DELETE"),
            ("/v1/assignment/academy/learnpack/telemetry-webhook-ignore", "GET"),
            ("/v1/learnpack/telemetry", "GET"),
            (TELEMETRY.format(quote(dice.choice(NASTY), safe=""), quote(dice.choice(NASTY), safe="")), "PUT"),
            (f"/v1/assignment/task/{quote(dice.choice(NASTY), safe='')}", "GET"),
            (f"/v1/registry/academy/asset/{quote(dice.choice(NASTY), safe='')}", "GET"),
            (f"/{quote(dice.choice(NASTY), safe='')}", "GET"),
        ]
    )
    names = ["student", "event", "asset_id", "learnpack_package_id", "status", "limit", "offset", "sort", "user_ids"]
    query = "&".join(f"{dice.choice(names)}={quote(dice.choice(NASTY))}" for _ in range(dice.randrange(4)))
    body = dice.choice(BODIES)(dice) if method in ("POST", "PUT") else b""
    headers = {
        "Host": "x",
        "Authorization": dice.choice([f"Token {secret('staff')}"] * 8 + ["Token", "Basic x", f"Token {'x' * 2000}"]),
        "Academy": dice.choice(["1"] * 8 + ["x", "-1", "9" * 50, ""]),
        "Accept-Language": dice.choice(["es", "en;q=x", "\xff", "*", ",,,;;;"]),
    }
    encoding = dice.choice(["", "", "", "gzip", "gzip-really", "br", "gzip, gzip", "identity"])
    if encoding == "gzip-really":
        body, encoding = gzip.compress(body, 1), "gzip"
    if encoding:
        headers["Content-Encoding"] = encoding
    if dice.random() < 0.1:
        headers["Idempotency-Key"] = dice.choice(["x" * 300, "\x01", "\xff", "ok"])
    headers["Content-Length"] = str(len(body))
    lines = [f"{method} {path}?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def answer_to(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Status, headers and body of an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return int(head[9:12]), head, body


async def fuzz(system: HttpSystem, seed: int, count: int, seen: Counter[int]) -> None:
    """Send bad requests one after the other and look at each answer."""
    host, _, port = system.settings.gateway_bind.partition(":")
    dice = random.Random(seed)  # noqa: S311 - to be repeated
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(count):
        sent = request(dice)
        try:
            writer.write(sent)
            status, head, body = await asyncio.wait_for(answer_to(reader), 30)
        except (asyncio.IncompleteReadError, ConnectionError):
            # The server may close a connection that it cannot make sense of; the next one is served.
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
            seen[0] += 1
            continue
        seen[status] += 1
        assert status < 500, (seed, sent[:500], body)
        assert b"x-injected" not in head.lower(), sent
        assert secret("staff").encode() not in head + body, sent
        if b"connection: close" in head.lower():
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
    writer.close()


def resident(system: HttpSystem) -> float:
    """Megabytes of memory that the gateway holds."""
    with system.client() as client:
        found = re.search(r"^process_resident_memory_bytes (\S+)", client.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return float(found[1]) / (1 << 20)
