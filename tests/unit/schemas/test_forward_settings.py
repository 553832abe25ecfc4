"""Settings of forwarders: what cannot work is refused before anything is posted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import pytest

from schemas.forward_settings import signing_keys
from schemas.settings import SettingsError, load_settings
from tests.support.webhook_receiver import SECRET

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a `.env` of somebody's."""
    monkeypatch.chdir(tmp_path)


def said(**given: Any) -> str:
    """What is said of these settings."""
    with pytest.raises(SettingsError) as refused:
        load_settings(**given)
    return str(refused.value)


OLD: Final = "whsec_" + base64.b64encode(b"o" * 24).decode()


def test_several_secrets_are_several_keys() -> None:
    """In their order, with blanks or without."""
    settings = load_settings(forward_secret=f"{SECRET}, {OLD}")

    assert settings.forward_secret is not None
    assert signing_keys(settings.forward_secret)[1] == b"o" * 24
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_***", f"{SECRET},", SECRET[6:]])
def test_what_is_no_secret_is_refused_unseen(secret: str) -> None:
    """The line says how one is made, and nothing of what it is."""
    line = said(forward_secret=secret)

    assert "TELEMETRY_FORWARD_SECRET: each secret" in line
    assert secret not in line.replace("whsec_ and", "")


@pytest.mark.parametrize(
    "url", ["https://lms.example/hooks?x=1", "http://127.0.0.1:8001/h", "http://localhost/h", "http://[::1]:80/h"]
)
def test_addresses_are_https_or_of_this_machine(url: str) -> None:
    """With path and query."""
    settings = load_settings(forward_url=url)

    assert settings.forward_url is not None
    assert settings.forward_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "lms.example",
        "ftp://lms.example/",
        "https:///x",
        "https://u:p@lms.example/",
        "https://lms.example/#x",
        "https://lms example/",
        "https://lms..example/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """A login in it among others: it would be in every log on the way."""
    assert "TELEMETRY_FORWARD_URL: it must be https://HOST/PATH" in said(forward_url=url)


@pytest.mark.parametrize("setting", ["forward_url", "gateway_url", "traces", "clickhouse"])
@pytest.mark.parametrize("letter", ["\t", "\n", "\x7f"])
def test_what_cannot_be_seen_is_in_no_address(setting: str, letter: str) -> None:
    """What reads addresses passes over it, and every post would fail, again and again."""
    assert f"TELEMETRY_{setting.upper()}: it holds a tab" in said(**{setting: f"https://ex{letter}ample.com"})


def test_http_to_others_has_to_be_asked_for() -> None:
    """Whoever is on the way reads along."""
    assert "TELEMETRY_FORWARD_INSECURE" in said(forward_url="http://lms.internal/hooks")
    load_settings(forward_url="http://lms.internal/hooks", forward_insecure=True)


@pytest.mark.parametrize(("name", "value"), [("kinds", "stuk"), ("kinds", ""), ("name", "The LMS")])
def test_kinds_and_names_are_known_ones(name: str, value: str) -> None:
    """A letter too few would be a forwarder that tells nothing."""
    assert f"TELEMETRY_FORWARD_{name.upper()}: it" in said(**{f"forward_{name}": value})
