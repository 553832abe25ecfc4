"""The served OpenAPI document, health and metrics; and that the gateway does what the document says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.examples import examples
from tests.support.http_directory import secret
from tests.support.http_system import http_system
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def document(system: HttpSystem) -> dict[str, Any]:
    """The document as it is served."""
    with system.client(None, None) as client:
        served: dict[str, Any] = client.get("/openapi.json").json()
    return served


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation with its name."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_all_of_the_contract_is_in_the_document(document: dict[str, Any]) -> None:
    """Each method and path is described (docs/api.md, "Routes")."""
    names = {name for name, _ in operations(document)}
    learnpack, assignment = "/v1/learnpack/telemetry", "/v1/assignment"
    telemetry = f"{assignment}/academy/asset/{{asset_slug}}/user/{{user_id}}/telemetry"
    log, rules = (f"{assignment}/academy/learnpack/{name}" for name in ("webhook", "telemetry-webhook-ignore"))
    asset = "/v1/registry/academy/asset/{asset_slug}"

    assert names >= {
        f"POST {assignment}/me/telemetry",
        f"GET {learnpack}",
        f"POST {learnpack}",
        f"GET {log}",
        f"DELETE {log}",
        f"GET {log}/{{webhook_id}}",
        f"DELETE {log}/{{webhook_id}}",
        f"GET {rules}",
        f"PUT {rules}",
        f"POST {telemetry}",
        f"PUT {telemetry}",
        f"GET {assignment}/task/{{task_id}}",
        f"GET {asset}",
        f"PUT {asset}/action/{{action}}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }


def test_every_answer_has_an_example(document: dict[str, Any]) -> None:
    """Answers of JSON, errors included, show what they look like."""
    bare = [
        (name, status)
        for name, operation in operations(document)
        for status, response in operation["responses"].items()
        for kind, content in response.get("content", {}).items()
        if kind == "application/json" and not {"example", "examples"} & set(content)
    ]

    assert bare == []


def test_a_running_system_is_live_and_ready(system: HttpSystem) -> None:
    """Liveness says that the process answers, readiness what it needs."""
    with system.client(None, None) as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = {"status": "ok", "kafka": True, "clickhouse": True, "views": True}
        eventually(lambda: client.get("/health/ready").json() == ready, what="all that it needs")


def test_the_page_of_the_document_asks_nobody_else(system: HttpSystem) -> None:
    """Its files are the gateway's, of the right types and kept for long, and the policy allows no other origin."""
    with system.client(None, None) as client:
        page = client.get("/docs")
        addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
        files = {address: client.get(address) for address in addresses if address.startswith("/docs/static/")}
        others = [client.get(path).status_code for path in ("/docs/static/manifest.json", "/redoc")]

    assert (page.status_code, others) == (200, [404, 404])
    assert [address for address in addresses if address not in files] == ["/openapi.json"]
    assert sorted(file.headers["content-type"].partition(";")[0] for file in files.values()) == [
        "image/png",
        "text/css",
        "text/javascript",
        "text/javascript",
    ]
    assert {file.headers["cache-control"] for file in files.values()} == {"public, max-age=31536000, immutable"}
    assert {answer.headers["x-content-type-options"] for answer in (page, *files.values())} == {"nosniff"}
    policy = page.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {source for part in policy for source in part.split()[1:]} <= {"'self'", "'none'", "data:"}


def counted_in(metrics: str) -> str:
    """The text of all metrics once it has a request that was taken and one that was not; empty before."""
    routes = ('/me/telemetry",status="200"', '/task/{task_id}",status="404"')
    counted = [f'telemetry_gateway_requests_total{{route="/v1/assignment{route}}}' for route in routes]
    return metrics if all(series in metrics for series in counted) else ""


def test_the_metrics_count(system: HttpSystem) -> None:
    """Requests by route and status, bytes, acknowledgements and the spool are there for Prometheus."""
    with system.client() as client:
        client.post("/v1/assignment/me/telemetry", json={"slug": "s"})
        client.get("/v1/assignment/task/1?x=secret")
        metrics = eventually(lambda: counted_in(client.get("/metrics").text), 30, "both requests")

    for name in ("kafka_acknowledged_total", "accepted_bytes_total", "spool_records", "spool_bytes", "direct 1.0"):
        assert f"telemetry_gateway_{name}" in metrics


@pytest.fixture
def scratch_system(stack: Stack, tmp_path: Path) -> Iterator[HttpSystem]:
    """A system that generated requests may change: they write telemetry and rules that other tests look at."""
    with http_system(stack, tmp_path) as running:
        yield running


@pytest.mark.timeout(900)
def test_the_gateway_does_what_the_document_says(scratch_system: HttpSystem) -> None:
    """Generated requests, good and bad, get documented answers of the documented shapes and never a 5xx."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
            "run",
            f"{scratch_system.url}/openapi.json",
            f"--header=Authorization: Token {secret('staff')}",
            "--header=Academy: 1",
            "--checks=all",
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={examples(5)}",
            "--seed=1",
            "--warnings=off",
        ],
        cwd=scratch_system.directory,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:]
