"""nginx as docs/migrating.md, "4. Mirror", sets it up: the gateway gets what the LMS gets, and does not hold it up."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from deploy.local.resources import free_port
from tests.support.blocks import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.processes import Processes

pytestmark = pytest.mark.system

NGINX: Final = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
need_nginx: Final = pytest.mark.skipif(NGINX is None, reason="needs Debian's package nginx-light")
PATH: Final = "/v1/assignment/me/telemetry"


class Seen(NamedTuple):
    """A post as it arrived."""

    path: str
    body: bytes
    headers: dict[str, str]


@contextlib.contextmanager
def server() -> Iterator[tuple[int, list[Seen]]]:
    """One that takes every post: its port, and what has arrived."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(Seen(self.path, body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield running.server_port, seen
        finally:
            running.shutdown()


@pytest.fixture
def mirrored(tmp_path: Path, processes: Processes) -> Iterator[tuple[int, list[Seen], socket.socket]]:
    """Nginx with the page's configuration: its port, what came to the LMS, and where the gateway is to listen."""
    page = (ROOT / "docs" / "migrating.md").read_text("utf-8")
    (text,) = re.findall(r"^```nginx\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    with server() as (lms, seen), socket.create_server(("127.0.0.1", 0)) as gateway:
        for known, port in (("lms.internal:8000", lms), ("gateway.internal:8080", gateway.getsockname()[1])):
            assert known in text
            text = text.replace(known, f"127.0.0.1:{port}")
        upstreams, location, locations = text.partition("location")
        port = free_port()
        paths = "".join(
            f"{name}_temp_path {tmp_path / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        served = f"listen 127.0.0.1:{port};\n{location}{locations}"
        file = tmp_path / "nginx.conf"
        file.write_text(
            f"daemon off; master_process off; pid {tmp_path / 'pid'}; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {paths}{upstreams}server {{ {served}}} }}\n"
        )
        processes.start([str(NGINX), "-e", "stderr", "-c", str(file)])
        eventually(lambda: _listens(port), 20, "nginx")
        yield port, seen, gateway


@need_nginx
def test_a_post_goes_to_both(mirrored: tuple[int, list[Seen], socket.socket]) -> None:
    """With its body, its parameters, its token, and the address of who sends."""
    port, lms, gateway = mirrored
    came: list[bytes] = []

    def take() -> None:
        connection, _ = gateway.accept()
        with connection:
            while b"}" not in b"".join(came):
                came.append(connection.recv(65_536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", f"{PATH}?asset_id=318", b'{"slug":"a"}', {"Authorization": "Token secret"})
    assert connection.getresponse().read() == b"ok"
    taker.join(20)
    connection.close()

    head, _, body = b"".join(came).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0].startswith(f"POST {PATH}?asset_id=318 ")
    assert {"authorization: token secret", "x-forwarded-for: 127.0.0.1"} <= {line.lower() for line in lines}
    assert body == lms[0].body == b'{"slug":"a"}'


@need_nginx
def test_a_gateway_that_hangs_does_not_hold_up_the_lms(mirrored: tuple[int, list[Seen], socket.socket]) -> None:
    """The next request on a kept connection is answered long before nginx's own minute is over."""
    port, lms, _ = mirrored
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(3):
        connection.request("POST", PATH, b"{}")
        assert connection.getresponse().read() == b"ok"
    connection.close()
    assert len(lms) == 3


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
