"""The files of the page /docs: those that were published, and with all that their licence asks for."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request

from gateway.reference.page import FILES, reference_routes
from tests.support.sources import ROOT

VENDOR: Final = files("gateway.reference").joinpath("vendor")
MANIFEST: Final = json.loads(VENDOR.joinpath("manifest.json").read_text())


def test_files_are_those_that_were_published() -> None:
    """Each has the sum that the manifest says, and there are no others."""
    sums = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.name != "manifest.json"
    }

    assert sums == MANIFEST["sha256"]


def test_the_manifest_says_which_version_under_which_licence() -> None:
    """The version is the one that the bundle says of itself and the changelog names; licence and notice are there."""
    version = MANIFEST["version"]

    assert MANIFEST["package"] == "swagger-ui-dist"
    assert MANIFEST["licence"] == "Apache-2.0"
    assert re.search(rf'PACKAGE_VERSION:"{re.escape(version)}"', VENDOR.joinpath("swagger-ui-bundle.js").read_text())
    assert f"Swagger UI {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert "Apache License" in VENDOR.joinpath("LICENSE").read_text()
    assert "SmartBear" in VENDOR.joinpath("NOTICE").read_text()


def test_only_what_a_browser_needs_is_served() -> None:
    """Four files, and the style sheet fetches none; licences and the manifest stay in the package."""
    assert set(FILES) == {"favicon-32x32.png", "start.js", "swagger-ui-bundle.js", "swagger-ui.css"}
    style = FILES["swagger-ui.css"].body
    assert set(re.findall(rb"url\(\"?(\w+):?", style)) == {b"data"}
    assert b"@import" not in style


async def test_below_a_path_of_a_proxy_the_page_asks_for_what_is_below_it() -> None:
    """Every address has the path in front, with nothing in it that ends an attribute."""
    show = reference_routes("A & B", "/openapi.json")[0].endpoint
    scope = {"type": "http", "method": "GET", "path": "/docs", "root_path": '/a"b/', "headers": [], "app": Starlette()}
    html = (await show(Request(scope))).body.decode()

    addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', html)
    assert "<title>A &amp; B</title>" in html
    assert len(addresses) == 5
    assert all(address.startswith("/a&quot;b/") for address in addresses)
    assert addresses[-1] == "/a&quot;b/openapi.json"
