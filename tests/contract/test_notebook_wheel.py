"""The wheel that gateways serve is the notebooks' package as it stands in clients/notebook."""

from __future__ import annotations

import zipfile
from typing import Final

from learnpack_notebook_telemetry import __version__

from deploy.notebook_wheel import FOLDER, PROJECT
from gateway.notebook.routes import wheels

ANEW: Final = "run `uv run python -m deploy.notebook_wheel` (after a release with a new version)"
PACKAGES: Final = ("learnpack_notebook_telemetry", "ipynb_telemetry")


def test_the_newest_wheel_has_the_sources_in_it() -> None:
    """Byte for byte, and nothing else but what an installer needs to know."""
    newest = wheels(FOLDER)[0]
    sources = {
        str(path.relative_to(PROJECT)): path.read_bytes()
        for package in PACKAGES
        for path in (PROJECT / package).rglob("*")
        if path.suffix in (".py", ".typed")
    }
    with zipfile.ZipFile(FOLDER / newest.file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    about = {name.rpartition("/")[2]: body for name, body in content.items() if ".dist-info/" in name}

    assert newest.version == __version__
    assert {name: body for name, body in content.items() if ".dist-info/" not in name} == sources, ANEW
    assert about["METADATA"].decode().endswith((PROJECT / "README.md").read_text("utf-8")), ANEW
    assert about.keys() == {"METADATA", "WHEEL", "RECORD"}


def test_every_wheel_is_one_that_is_served() -> None:
    """Small enough for a gateway's memory, and named as a release."""
    served = wheels(FOLDER)

    assert {wheel.file for wheel in served} == {path.name for path in FOLDER.iterdir()}
    assert sum(len(wheel.body) for wheel in served) < 1_000_000
