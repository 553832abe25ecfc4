"""Questions of commands where nobody can answer."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.cli.console import Failed, agreed
from deploy.cli.replay import _asking

COMMANDS = Path(__file__).parents[3] / "deploy" / "cli"


@pytest.fixture(params=["", "n\n", "y\n", " YES \n"])
def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What standard input has."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(request.param))
    return str(request.param)


def test_a_question_without_an_answer_names_the_option(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Input that has ended, as in a script, is told of --yes; a no is a no."""
    if line:
        assert agreed("Erase?") is (line != "n\n")
    else:
        with pytest.raises(Failed, match="add --yes to agree without being asked"):
            agreed("Erase?")
    assert capsys.readouterr().err.startswith("Erase? [y/N] ")


def test_a_replay_without_an_answer_keeps_what_it_computed(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It does not swap, names --yes, and ends as after a no."""
    comparison: Any = SimpleNamespace(new=2, part=None, expired=0)

    async def answered() -> bool:
        return await _asking(yes=False)(comparison)

    assert asyncio.run(answered()) is (line not in {"", "n\n"})
    assert ("Nobody answers here: add --yes" in capsys.readouterr().err) is (not line)


def test_every_question_of_a_command_is_one_of_these() -> None:
    """None asks by other means, which would say `Aborted.` to a script."""
    texts = {path.name: path.read_text() for path in COMMANDS.glob("*.py")}

    assert [name for name, text in texts.items() if "confirm(" in text or "prompt(" in text] == []
