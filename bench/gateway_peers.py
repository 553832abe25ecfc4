"""What the gateway is measured against: `python -m bench.gateway_peers limit|usual PORT KAFKA TOPIC`.

`limit` is the gateway's server answering a constant: no faster gateway can stand on it. `usual` is a FastAPI handler
with aiokafka as it is usually written: a dependency for the token, the body parsed and merged, `send_and_wait`.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import uvloop
from aiokafka import AIOKafkaProducer
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from granian.constants import Interfaces
from granian.server.embed import Server

_KNOWN = {hashlib.sha256(b"bench").hexdigest()}


async def limit(
    _scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Reads the body and answers `ok`."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def _connected(app: FastAPI) -> AsyncIterator[None]:
    app.state.topic = sys.argv[4]
    app.state.producer = AIOKafkaProducer(
        bootstrap_servers=sys.argv[3], acks="all", enable_idempotence=True, max_request_size=8 << 20
    )
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


def _token(request: Request) -> str:
    secret = request.headers.get("authorization", "").partition(" ")[2]
    if hashlib.sha256(secret.encode()).hexdigest() not in _KNOWN:
        raise HTTPException(401)
    return secret


usual = FastAPI(lifespan=_connected)


@usual.post("/v1/assignment/me/telemetry", response_class=PlainTextResponse)
async def ingest(request: Request, _secret: Annotated[str, Depends(_token)]) -> str:
    """Checks the token, parses, merges, publishes, answers."""
    payload = {**json.loads(await request.body()), **request.query_params}
    key = str(payload.get("user_id", "")).encode()
    await request.app.state.producer.send_and_wait(request.app.state.topic, json.dumps(payload).encode(), key=key)
    return "ok"


async def _serve(kind: str, port: int) -> None:
    server = Server(
        usual if kind == "usual" else limit,
        port=port,
        interface=Interfaces.ASGI if kind == "usual" else Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    await server.serve()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2])))
