"""The page /docs in a real browser, under the policy that it comes with."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from tests.support.http_system import HttpSystem, http_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
# A name as others have it: Swagger spares its validator what is at localhost.
HOST: Final = "telemetry.example"

pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system of this module's own."""
    with http_system(stack, tmp_path_factory.mktemp("reference")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser that finds HOST on this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="uv sync --group browser")
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        with contextlib.closing(browser):
            yield browser


def heard(message: Any) -> bool:
    """Whether the browser's console complains, if not of a policy that it only follows over HTTPS."""
    return message.type in {"error", "warning"} and "Cross-Origin-Opener-Policy" not in message.text


def test_the_page_shows_every_operation_and_tries_one_out(system: HttpSystem, chromium: Any) -> None:
    """All operations of the document are there, one is tried out, nobody else is asked and nothing is refused."""
    with system.client(None, None) as client:
        paths = client.get("/openapi.json").json()["paths"]
    origin = f"http://{HOST}:{urlsplit(system.url).port}"
    asked: list[str] = []
    complaints: list[str] = []
    with contextlib.closing(chromium.new_context(base_url=origin)) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if heard(message) else None)
        page.goto("/docs")
        page.wait_for_selector(".opblock")
        shown = page.locator(".opblock").count()
        page.locator(".btn.authorize").click()
        page.locator(".dialog-ux input").first.fill("secret")
        page.locator(".dialog-ux .close-modal").click()
        health = page.locator(".opblock", has_text="/health/live")
        health.locator(".opblock-summary-control").click()
        health.get_by_role("button", name="Try it out").click()
        health.get_by_role("button", name="Execute").click()
        answer = health.locator(".live-responses-table .response").first
        answer.wait_for()
        told = answer.inner_text()
        page.screenshot(path=system.directory / "reference.png")

    assert shown == sum(len(methods) for methods in paths.values())
    assert "200" in told
    assert f"{origin}/health/live" in asked
    assert [url for url in asked if not url.startswith((f"{origin}/", "data:"))] == []
    assert complaints == []
