"""From where the notebooks' package was installed, and what it makes of that."""

from __future__ import annotations

from typing import Any

import pytest
from learnpack_notebook_telemetry import bootstrap, setup_telemetry
from learnpack_notebook_telemetry.leaving import leave
from learnpack_notebook_telemetry.source import NOWHERE, Source, installed_from, source_of

from tests.support.capture import capture_server

FILE = "learnpack_notebook_telemetry-0.2.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("record", "source"),
    [
        (
            {"url": f"https://t.example/notebook/{FILE}?token=a%2Bb", "archive_info": {"hashes": {"sha256": "0f"}}},
            Source("https://t.example", "a+b", f"https://t.example/notebook/{FILE}?token=a%2Bb#sha256=0f"),
        ),
        (
            {"url": f"http://t.example:8000/below/notebook/{FILE}", "archive_info": {"hash": "sha256=0f"}},
            Source("http://t.example:8000/below", "", f"http://t.example:8000/below/notebook/{FILE}#sha256=0f"),
        ),
        ({"url": f"https://t.example/notebook/{FILE}", "archive_info": {}}, Source("https://t.example", "", "")),
    ],
)
def test_a_gateways_address_says_where_to_send(record: Any, source: Source) -> None:
    """The gateway, the key in its address, and what to install elsewhere: only with a hash, and with that hash."""
    assert source_of(record) == source


@pytest.mark.parametrize(
    "record",
    [
        {"url": f"https://t.example/releases/{FILE}", "archive_info": {}},
        {"url": "https://t.example/notebook/", "archive_info": {}},
        {"url": f"file:///course/notebook/{FILE}", "archive_info": {}},
        {"url": "https://[t.example/notebook/x.whl"},
        {"url": 1},
        {"archive_info": {}},
        [],
        None,
    ],
)
def test_any_other_origin_is_none(record: Any) -> None:
    """A release's page, a folder, or what is no record of an installer's."""
    assert source_of(record) == NOWHERE


def test_a_checkout_comes_from_no_gateway() -> None:
    """As the package is installed here."""
    assert installed_from() == NOWHERE


def test_it_sends_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word of address or key in the notebook or the environment; what either says comes first."""
    for name in (bootstrap.HOST_VARIABLE, bootstrap.KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with capture_server() as origin, capture_server() as other:
        monkeypatch.setattr(bootstrap, "installed_from", lambda: Source(origin.url, "its-key"))
        assert setup_telemetry("lists", student="Ada Lovelace").flush(60)
        assert setup_telemetry("lists", api_key="given", student="Ada Lovelace").flush(60)
        assert setup_telemetry("lists", other.url, "k2", student="Ada Lovelace").flush(60)
        leave()

    assert [body["api_key"] for body in origin.bodies] == ["its-key", "given"]
    assert [body["api_key"] for body in other.bodies] == ["k2"]


def test_its_key_goes_to_no_other_gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A notebook that names another address has to name its key, too."""
    monkeypatch.delenv(bootstrap.KEY_VARIABLE, raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    with capture_server() as other:
        monkeypatch.setattr(bootstrap, "installed_from", lambda: Source("https://t.example", "its-key"))
        setup_telemetry("lists", other.url, student="Ada Lovelace").flush(60)
        leave()

    assert other.bodies == []
    assert "given no key" in capsys.readouterr().out
