"""A browser without scripts: what the console's contract tests look with."""

from __future__ import annotations

import contextlib
import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.support.http_directory import secret
from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem

__all__ = ["LOGIN", "Page", "browser", "logged_in", "page"]

LOGIN: Final = "/console/login"

# Where a page may ask for something, or send somebody.
_ADDRESSES: Final = ("src", "href", "action", "data-live")


class Page(HTMLParser):
    """What a page consists of: the texts of it, its addresses, and the hidden fields of its forms."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.fields: dict[str, str] = {}
        self.language = ""
        self._texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is asked for."""
        named = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.addresses += [named[name] for name in _ADDRESSES if name in named]
        if tag == "html":
            self.language = named.get("lang", "")
        if tag == "input" and named.get("type") == "hidden":
            self.fields[named["name"]] = named.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note what is read."""
        self._texts.append(data)

    @property
    def text(self) -> str:
        """What somebody reads."""
        return " ".join(" ".join(self._texts).split())

    @property
    def title(self) -> str:
        """What its tab is called."""
        return unescape(re.search("<title>(.*?)</title>", self.html, re.DOTALL)[1])  # type: ignore[index]


def page(answer: httpx.Response, status: int = 200) -> Page:
    """The page of an answer, which must be one with this status."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


@contextlib.contextmanager
def browser(system: HttpSystem, **headers: str) -> Iterator[httpx.Client]:
    """A browser that nobody has logged in with; it follows redirects."""
    with httpx.Client(base_url=system.url, timeout=30, verify=PLAIN, follow_redirects=True, headers=headers) as client:
        yield client


@contextlib.contextmanager
def logged_in(system: HttpSystem, who: str = "staff", **headers: Any) -> Iterator[httpx.Client]:
    """A browser in which somebody of TOKENS has logged in."""
    with browser(system, **headers) as client:
        answer = client.post(LOGIN, data={"token": secret(who)})
        assert answer.status_code == 200, answer.text[:500]
        yield client
