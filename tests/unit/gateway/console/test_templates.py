"""What templates must not do, since their pages allow nothing inline and students write what stands in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

import gateway.console
from gateway.console import page
from gateway.console.formats import Formats
from gateway.console.page import STATIC, rendered

ROOT: Final = Path(gateway.console.__file__).parent
TEMPLATES: Final = sorted((ROOT / "templates").glob("*.html"))
MARKUP: Final = "\"'><script>alert(1)</script>{{ 7 * 7 }}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_is_inline_or_unescaped(path: Path) -> None:
    """No script, style or handler within a page, no way around escaping, no address of another origin."""
    text = path.read_text()

    assert not re.findall(r"\|\s*safe|autoescape|Markup", text)
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.findall(r"<script(?! src=\"{{ static)", text)
    assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_attribute_is_quoted(path: Path) -> None:
    """Escaping only keeps a value within quotes."""
    assert not re.findall(r"=\s*{{", re.sub(r"{%.*?%}", "", path.read_text()))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_holds_a_token(path: Path) -> None:
    """But for log-in and for what a browser is shown, which belong to no session."""
    for form in re.findall(r"<form method=\"post\".*?</form>", path.read_text(), re.DOTALL):
        free = any(f'action="{{{{ prefix }}}}/{name}"' in form for name in ("login", "view"))
        assert free or 'name="csrf" value="{{ visitor.form_token }}"' in form, form


def test_what_is_in_a_page_is_text() -> None:
    """Whatever a value is, it ends neither a tag nor an attribute, and is no template."""
    html = rendered(
        "error.html",
        {
            "say": lambda key, **_: MARKUP + key,
            "view": {"language": "en", "scheme": "auto", "names": True},
            "f": Formats("en", datetime.now(UTC)),
            "visitor": None,
            "here": MARKUP,
            "address": MARKUP,
            "navigation": [],
            "trouble": MARKUP,
        },
    )

    assert html.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 * 7 }}" in html


def test_files_name_no_other_origin() -> None:
    """Neither styles nor scripts ask anybody else for anything."""
    for name, (body, _, _) in STATIC.items():
        addresses = re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", body)
        assert {address for address in addresses if b"www.w3.org" not in address} == set(), name
    assert set(STATIC) >= {"console.css", "console.js", "icon.svg"}


def test_no_page_waits_for_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once they are compiled ahead none is read again, nor what it extends."""
    environment = vars(page)["_environment"]
    environment.cache.clear()
    page.compile_templates()
    monkeypatch.setattr(environment.loader, "get_source", None)

    for path in TEMPLATES:
        assert environment.get_template(path.name).name == path.name
