"""A spool segment that cannot be read is not one line in a log."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from operations import status as status_module
from operations.doctor.gateway import check_gateway
from operations.status import Status
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = {"status": "ok", "kafka": True, "clickhouse": True, "views": True}


@contextmanager
def answering(body: dict[str, object]) -> Iterator[Settings]:
    """Settings whose gateway answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        """Answers every GET alike."""

        def do_GET(self) -> None:
            """Answer."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Settings(gateway_url=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


async def test_status_and_doctor_tell_of_a_damaged_spool_segment() -> None:
    """Status is not healthy, and doctor says what to do about it."""
    with answering({**READY, "damaged_spool_segments": 2}) as settings:
        status = Status()
        await status_module._gateway(settings, status)  # noqa: SLF001 - the part that asks the gateway
        findings = [finding async for finding in check_gateway(settings) if finding.check == "spool"]

    assert "2 damaged spool segments" in status.parts["gateway"]
    assert not status.healthy
    (finding,) = findings
    assert finding.state == "failed"
    assert "*.damaged" in finding.mend


async def test_a_sound_spool_is_not_spoken_of() -> None:
    """Without damage the gateway is ok."""
    with answering(dict(READY)) as settings:
        status = Status()
        await status_module._gateway(settings, status)  # noqa: SLF001
        findings = [finding async for finding in check_gateway(settings)]

    assert status.parts["gateway"] == "ok"
    assert "spool" not in {finding.check for finding in findings}
