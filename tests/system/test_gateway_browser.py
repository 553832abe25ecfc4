"""LearnPack's IDE is a page of another origin: what its fetches look like in a real browser."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [pytest.mark.system, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

# As the IDE does: a batch with the student's token, a streamed event with nothing but a URL, the batch once more to the
# second address, the document read back, and a last batch while the page closes.
PAGE = """<!doctype html><title>IDE</title><script>
const {url, token, key} = %s;
const batch = name => JSON.stringify({slug: "everybodys", telemetry_id: name, steps: [], workout_session: [], name});
const logged = {Authorization: "Token " + token, "Content-Type": "application/json", Academy: "1"};
(async () => {
  const told = {};
  const post = async (name, path, options) => {
    const answer = await fetch(url + path, {method: "POST", ...options});
    told[name] = [answer.status, await answer.text()];
  };
  try {
    await post("batch", "/v1/assignment/me/telemetry?asset_id=400", {headers: logged, body: batch("batch")});
    await post("event", "/v1/assignment/me/telemetry?token=" + key, {
      body: JSON.stringify({slug: "00", telemetry_id: "batch", user_id: 123, step_position: 0, event: "open_step",
                            package_slug: "everybodys", name: "event"}),
    });
    await post("second", "/v1/learnpack/telemetry", {headers: logged, body: batch("second"), keepalive: true});
    const read = await fetch(url + "/v1/learnpack/telemetry?user_ids=123&include_steps=true", {headers: logged});
    told.read = [read.status, Array.isArray((await read.json()).results)];
  } catch (error) {
    told.error = String(error);
  }
  addEventListener("pagehide", () => {
    fetch(url + "/v1/learnpack/telemetry", {method: "POST", headers: logged, body: batch("closing"), keepalive: true});
  });
  await fetch("/told", {method: "POST", body: JSON.stringify(told)});
  location.href = "/closed";
})();
</script>"""


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system of this module's own."""
    with http_system(stack, tmp_path_factory.mktemp("browser"), directory="open") as running:
        yield running


class Site:
    """Serves the page from an origin of its own and takes what it tells."""

    def __init__(self, page: bytes) -> None:
        self.told: list[dict[str, Any]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            """One page, and an address to report to."""

            def do_GET(self) -> None:
                """Any path is the page, but the one that it goes to in the end."""
                self._answer(b"" if self.path == "/closed" else page)

            def do_POST(self) -> None:
                """What the page tells."""
                site.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """By name, so that its origin differs from the gateway's in host and port."""
        return f"http://localhost:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_a_page_of_another_origin_can_do_all_that_the_ide_does(system: HttpSystem, tmp_path: Path) -> None:
    """Fetches with Authorization, plain ones with a token in the URL and those of a closing page all arrive."""
    page = PAGE % json.dumps({"url": system.url, "token": secret("other-student"), "key": secret("ingest")})
    with Site(page.encode()) as site:
        browser = system.processes.start(
            [
                str(CHROMIUM),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                f"--user-data-dir={tmp_path}",
                site.url,
            ]
        )
        try:
            eventually(lambda: site.told, 90, "what the page tells")

            def arrived() -> bool:
                rows = system.query("SELECT JSONExtractString(payload, 'name') FROM raw")
                return {"batch", "event", "second", "closing"} <= {name for (name,) in rows}

            eventually(arrived, 60, "all four webhooks")
        finally:
            browser.end()

    assert site.told == [
        {"batch": [200, "ok"], "event": [200, "ok"], "second": [200, "ok"], "read": [200, True]},
    ]
