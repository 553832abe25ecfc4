"""The console in a real browser: each page in both languages and schemes, narrow and wide, by hand and by keyboard."""

from __future__ import annotations

import contextlib
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.blocks import ROOT
from tests.support.http_directory import secret
from tests.support.insights import MEMBER, told_system
from tests.support.pictures import DIRECTORY, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

WORK: Final = "/console/students/10022/tutorial?slug=exercise-postcard"
PAGES: Final = (
    "/console/",
    "/console/stuck",
    "/console/students",
    "/console/students/10022",
    WORK,
    "/console/tutorials",
    "/console/tutorials/one?slug=exercise-postcard",
    "/console/webhooks",
    "/console/rules",
    "/console/letters",
    "/console/operations",
    "/console/nowhere",
)
# Everything that the keyboard should reach, whatever it is.
FOCUSABLE: Final = """[...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(one => one.checkVisibility() && !one.disabled).length"""


@pytest.fixture(scope="module")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with an open directory that has stored the bundled documents and those of three who are stuck."""
    with told_system(stack, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="uv sync --group browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with contextlib.closing(browser):
            yield browser


class Visit:
    """Somebody in front of a page; `complaints` are errors in the console, and requests to anybody else."""

    def __init__(self, browser: Any, system: HttpSystem, **options: Any) -> None:
        self.context = browser.new_context(base_url=system.url, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self._asked(system, request.url))

    def _heard(self, message: Any) -> None:
        # A browser complains of a page that is not there, which is asked for below.
        if message.type == "error" and "404" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, system: HttpSystem, url: str) -> None:
        if not url.startswith(system.url):
            self.complaints.append(url)

    def log_in(self) -> None:
        """As staff of academy 1."""
        self.page.goto("/")
        self.page.fill("input[name=token]", secret("staff"))
        self.page.click("button.main")
        self.page.wait_for_selector(".state")


@contextlib.contextmanager
def visit(browser: Any, system: HttpSystem, **options: Any) -> Iterator[Visit]:
    """A browser of one's own, which nothing is to be complained of in the end."""
    visitor = Visit(browser, system, **options)
    with contextlib.closing(visitor.context):
        yield visitor
        assert visitor.complaints == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_is_fit_for_everybody(
    told: HttpSystem, chromium: Any, language: str, scheme: str, width: int
) -> None:
    """Nothing fails, nobody else is asked, nothing is wider than the screen, and axe finds nothing at all."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="uv sync --group browser").Axe()
    size = {"width": width, "height": 900}
    options = {"locale": language, "color_scheme": scheme, "viewport": size, "bypass_csp": True}
    with visit(chromium, told, **options) as visitor:
        visitor.log_in()
        for path in PAGES:
            visitor.page.goto(path)
            assert visitor.page.locator("html").get_attribute("lang") == language
            visitor.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = axe.run(visitor.page).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
            assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth"), path


def test_the_policy_of_the_pages_lets_them_work(told: HttpSystem, chromium: Any) -> None:
    """With the policy in force, which tools for tests go around, nothing is refused."""
    with visit(chromium, told) as visitor:
        visitor.log_in()
        for path in PAGES:
            visitor.page.goto(path)


def test_pictures_are_those_of_the_pages(told: HttpSystem, chromium: Any, tmp_path: Path) -> None:
    """The script makes all that are kept, and no page shows another."""
    taken = [file.name for file in take(chromium, told.url, secret("staff"), tmp_path)]
    text = "".join((ROOT / page).read_text() for page in ("README.md", "docs/console.md"))

    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in taken)
    assert sorted(taken) == sorted(file.name for file in DIRECTORY.iterdir())
    assert set(re.findall(r"pictures/([\w.]+)\)", text)) == set(taken)


@pytest.mark.parametrize("path", ["/console/stuck", "/console/rules", WORK])
def test_the_keyboard_reaches_everything(told: HttpSystem, chromium: Any, path: str) -> None:
    """The way past the navigation first, then each thing once, all of them visible."""
    with visit(chromium, told, reduced_motion="reduce") as visitor:
        visitor.log_in()
        visitor.page.goto(path)
        count = visitor.page.evaluate(FOCUSABLE)
        reached = []
        for _ in range(count):
            visitor.page.keyboard.press("Tab")
            reached.append(
                visitor.page.evaluate(
                    "[document.activeElement.outerHTML, document.activeElement.matches(':focus-visible')]"
                )
            )

    assert "skip" in reached[0][0]
    assert all(visible for _, visible in reached)
    assert "<body" not in "".join(html for html, _ in reached)


def test_new_webhooks_are_announced_and_not_pushed(told: HttpSystem, chromium: Any) -> None:
    """Nothing moves until somebody asks for it; on the overview figures change where they stand."""
    with visit(chromium, told, locale="en") as visitor, told.client("ingest") as client:
        visitor.log_in()
        visitor.page.goto(f"/console/webhooks?student={MEMBER}")
        visitor.page.wait_for_selector(".live.on")
        before = visitor.page.locator("tbody tr").count()
        body = {"user_id": MEMBER, "slug": "live", "package_slug": "everybodys", "event": "live-event"}
        assert client.post("/v1/assignment/me/telemetry", json=body).text == "ok"
        # Looked up each time: the outcome may be announced anew meanwhile.
        fresh = visitor.page.locator(".fresh")
        fresh.wait_for(timeout=60_000)
        assert fresh.inner_text() == "1 new: show"
        assert visitor.page.locator("tbody tr").count() == before
        fresh.click()
        assert visitor.page.locator("tbody tr").count() == before + 1
        assert "live-event" in visitor.page.locator("tbody tr").first.inner_text()
        visitor.page.get_by_role("button", name="Pause").click()
        assert visitor.page.locator("[data-live-text]").inner_text() == "paused"


def test_who_asks_for_less_motion_is_left_in_peace(told: HttpSystem, chromium: Any) -> None:
    """The page says that it stands still, and asks for nothing."""
    with visit(chromium, told, locale="en", reduced_motion="reduce") as visitor:
        visitor.log_in()
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.page.goto("/console/stuck")
        visitor.page.wait_for_load_state("networkidle")

    assert not [url for url in asked if url.endswith("/live")]


def test_pages_are_read_without_scripts(told: HttpSystem, chromium: Any) -> None:
    """Everything is there, and what is chosen in the menu takes a click more."""
    with visit(chromium, told, locale="en", java_script_enabled=False) as visitor:
        visitor.log_in()
        for path in PAGES[:-1]:
            visitor.page.goto(path)
            assert visitor.page.locator("h1").count() == 1
            assert visitor.page.locator(".live").is_hidden() or not visitor.page.locator(".live").count()
        visitor.page.goto("/console/stuck")
        visitor.page.locator(".menu summary").click()
        visitor.page.select_option("select[name=language]", "es")
        visitor.page.get_by_role("button", name="Apply").click()
        assert visitor.page.locator("h1").inner_text() == "Atascados ahora"
