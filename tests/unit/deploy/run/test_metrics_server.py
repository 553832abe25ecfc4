"""The address at which a part tells how it is."""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from broker.metrics import LIVE_SECONDS, PartMetrics
from deploy.local.resources import LOOPBACK, free_port
from deploy.run.metrics_server import _MOST_CONNECTIONS, MetricsBindError, _Handler, served
from schemas.settings import Settings
from tests.support.metrics import kinds, lint, need_prometheus, sample, scrape
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually


def bound() -> Settings:
    """Settings with a free address."""
    return Settings(_env_file=None, metrics_bind=f"{LOOPBACK}:{free_port()}")


def asked(settings: Settings, path: str) -> tuple[int, str]:
    """Status and text of an answer."""
    answer = httpx.get(f"http://{settings.metrics_bind}{path}", timeout=30, verify=PLAIN)
    return answer.status_code, answer.text


@need_prometheus
def test_all_parts_of_a_process_are_told_at_one_address() -> None:
    """Each with its figures, the process once, and Prometheus finds nothing wrong with it."""
    own, one, two = bound(), PartMetrics("one"), PartMetrics("two")
    two.counter("things", "Things.").inc()

    with served(own, one, two):
        text = scrape(str(own.metrics_bind))

    assert {"telemetry_one_build_info", "telemetry_two_build_info"} <= kinds(text).keys()
    assert sample(text, "telemetry_two_things_total") == 1
    assert text.count("# TYPE process_start_time_seconds gauge") == 1
    assert lint(text) == ""


def test_probes_hear_who_is_not_ready_and_who_does_not_turn() -> None:
    """Ready is what the part says of itself; one whose loop stands still is neither."""
    own, part = bound(), PartMetrics("part")

    with served(own, part):
        assert asked(own, "/live") == (200, "ok\n")
        assert asked(own, "/ready") == (503, "part is not ready\n")
        part.ready = True
        assert asked(own, "/ready") == (200, "ok\n")
        part.turned = time.monotonic() - LIVE_SECONDS - 1
        assert asked(own, "/live") == (503, "part does not turn\n")
        assert asked(own, "/ready") == (503, "part is not ready\n")
        assert asked(own, "/")[0] == 404
        assert httpx.post(f"http://{own.metrics_bind}/metrics", timeout=30, verify=PLAIN).status_code == 405


def test_a_caller_that_says_nothing_holds_nobody_up() -> None:
    """Each connection has a thread of its own, also while the process ends."""
    own, part = bound(), PartMetrics("part")
    port = int(str(own.metrics_bind).rpartition(":")[2])

    with served(own, part), socket.create_connection((LOOPBACK, port)):
        assert asked(own, "/live")[0] == 200
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0


def test_connections_are_bounded() -> None:
    """One more than there is room for is closed at once; with the next that goes there is room again."""
    own, part = bound(), PartMetrics("part")
    host, _, port = str(own.metrics_bind).rpartition(":")

    with served(own, part), contextlib.ExitStack() as closing:
        silent = [
            closing.enter_context(socket.create_connection((host, int(port)), timeout=30))
            for _ in range(_MOST_CONNECTIONS + 1)
        ]
        assert silent[-1].recv(1) == b""
        silent[0].close()
        eventually(lambda: asked(own, "/live")[0] == 200, 30, "room for another")


def test_a_head_has_its_time_however_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends it letter by letter has no more than anybody else."""
    monkeypatch.setattr(_Handler, "head_seconds", 0.3)
    own, part = bound(), PartMetrics("part")
    host, _, port = str(own.metrics_bind).rpartition(":")

    with served(own, part), socket.create_connection((host, int(port)), timeout=0.05) as slow:

        def closed() -> bool:
            try:
                slow.sendall(b"x")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(closed, 30, "the end of the connection")


def test_figures_are_looked_up_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them take the disk's time; a moment later they are looked up anew."""
    own, part = bound(), PartMetrics("part")
    looks: list[int] = []

    def look() -> float:
        looks.append(1)
        return len(looks)

    part.read("looks", "Looks.", look)
    with served(own, part):
        monkeypatch.setattr("deploy.run.metrics_server._FRESH_SECONDS", 3600.0)
        with ThreadPoolExecutor(8) as several:
            texts = list(several.map(lambda _: scrape(str(own.metrics_bind)), range(8)))
    with served(own, part):
        monkeypatch.setattr("deploy.run.metrics_server._FRESH_SECONDS", 0.0)
        later = [sample(scrape(str(own.metrics_bind)), "telemetry_part_looks") for _ in range(2)]

    assert {sample(text, "telemetry_part_looks") for text in texts} == {1}
    assert later == [2, 3]


def test_a_taken_port_is_told_and_none_is_needed() -> None:
    """Who cannot listen says where and what to set; without an address nothing is served."""
    own, part = bound(), PartMetrics("part")
    port = int(str(own.metrics_bind).rpartition(":")[2])

    with socket.create_server((LOOPBACK, port)), pytest.raises(MetricsBindError) as told, served(own, part):
        pass
    with served(Settings(_env_file=None), part):
        pass

    assert f"metrics cannot be served at {own.metrics_bind}: " in str(told.value)
    assert "TELEMETRY_METRICS_BIND" in str(told.value)
