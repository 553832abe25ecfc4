"""`/notebook`: the wheels of the notebooks' package, for pip."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import LOOPBACK
from deploy.notebook_wheel import FOLDER
from tests.support.commands import command
from tests.support.http_directory import secret

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system


def test_a_wheel_is_what_the_list_says(system: HttpSystem) -> None:
    """Its bytes have the hash and the length that are listed; nobody needs a token."""
    with system.client(None, None) as client:
        listed = client.get("/notebook").json()["results"]
        assert client.get("/notebook/").json()["results"] == listed
        answers = [client.get(f"/notebook/{wheel['file']}", params={"token": "any"}) for wheel in listed]
        head = client.head(f"/notebook/{listed[0]['file']}")

    assert {wheel["file"] for wheel in listed} == {path.name for path in FOLDER.iterdir()}
    for wheel, answer in zip(listed, answers, strict=True):
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == wheel["sha256"]
        assert len(answer.content) == wheel["bytes"]
        assert answer.headers["cache-control"] == "public, max-age=300"
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(listed[0]["bytes"]))


def test_whoever_has_it_is_told_so(system: HttpSystem) -> None:
    """A cache asks with the tag, and is answered without the bytes."""
    with system.client(None, None) as client:
        address = f"/notebook/{client.get('/notebook').json()['results'][0]['file']}"
        tag = client.get(address).headers["etag"]
        known = [client.get(address, headers={"If-None-Match": name}) for name in (tag, f'"other", W/{tag}', '"other"')]

    assert [answer.status_code for answer in known] == [304, 304, 200]
    assert known[0].content == b""


@pytest.mark.parametrize("name", ["none.whl", "learnpack_notebook_telemetry-0.0.1-py3-none-any.whl", "..%2froutes.py"])
def test_nothing_else_is_there(system: HttpSystem, name: str) -> None:
    """A name that is no wheel's is not looked for on the disk."""
    with system.client(None, None) as client:
        answer = client.get(f"/notebook/{name}")

    assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")


def test_the_command_prints_the_address(system: HttpSystem) -> None:
    """With the key that is given, and the hash; without one, what is missing then is said."""
    with system.client(None, None) as client:
        newest = client.get("/notebook").json()["results"][0]

    given = command("notebook", "--url", system.url, "--key", secret("ingest"))
    without = command("notebook", "--url", f"{system.url}/")

    assert given.out == f"{system.url}/notebook/{newest['file']}?token={secret('ingest')}#sha256={newest['sha256']}\n"
    assert without.out == f"{system.url}/notebook/{newest['file']}#sha256={newest['sha256']}\n"
    assert "--key KEY" in without.complaint


def test_a_key_that_reads_is_not_printed(system: HttpSystem) -> None:
    """Everybody who opens a notebook has it."""
    refused = command("notebook", "--url", system.url, "--key", secret("staff"))

    assert (refused.code, refused.out) == (1, "")
    assert "token create --ingest" in refused.complaint
    assert command("notebook", "--url", system.url, "--key", secret("ingest")).code == 0


@pytest.mark.parametrize("key", ["typo-key", "a key", "a\nkey", "é"])
def test_a_key_that_nobody_knows_is_not_printed(system: HttpSystem, key: str) -> None:
    """A course would be given out with it, and nothing of it would arrive."""
    refused = command("notebook", "--url", system.url, "--key", key)

    assert (refused.code, refused.out) == (1, "")
    assert "--key" in refused.complaint


def test_what_is_no_gateway_is_named() -> None:
    """One line that says what to correct."""
    with socket.socket() as held:
        # Nobody else listens at a port that is taken, nor does this one.
        held.bind((LOOPBACK, 0))
        outcome = command("notebook", "--url", f"http://{LOOPBACK}:{held.getsockname()[1]}")

    assert outcome.code == 1
    assert "correct --url" in outcome.complaint
