"""Pictures of the console for the pages of docs: `python -m tests.support.pictures`, with `up --demo`'s env sourced.

It needs Chromium and `uv sync --group browser`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DIRECTORY", "PICTURES", "take"]

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "pictures"

# Of the bundled documents, so that everybody who runs the demo sees the same.
PICTURES: Final = {
    "overview": "/console/",
    "student": "/console/students/10022/tutorial?slug=exercise-postcard",
    "tutorial": "/console/tutorials/one?slug=exercise-postcard",
}
_SIZE: Final = {"width": 1200, "height": 760}


def take(browser: Any, url: str, token: str, directory: Path) -> Iterator[Path]:
    """Take each picture of a gateway's console, and give its file."""
    context = browser.new_context(base_url=url, viewport=_SIZE, locale="en", color_scheme="light")
    page = context.new_page()
    page.goto("/")
    page.fill("input[name=token]", token)
    page.click("button.main")
    page.wait_for_selector(".state")
    directory.mkdir(exist_ok=True)
    for name, address in PICTURES.items():
        page.goto(address)
        page.wait_for_selector(".live.on")
        file = directory / f"{name}.png"
        page.screenshot(path=file)
        yield file
    context.close()


def main() -> None:
    """Take them of the system that the environment names."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only who takes pictures has it

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in take(browser, os.environ["TELEMETRY_GATEWAY_URL"], os.environ["TELEMETRY_TOKEN"], DIRECTORY):
            pass


if __name__ == "__main__":
    main()
