"""What a terminal shows while a command waits."""

from __future__ import annotations

import asyncio
import io
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest

import deploy.cli.dead_letters
import deploy.cli.replay
import deploy.cli.rules
from deploy.cli.console import err, out
from deploy.cli.waiting import KAFKA, SERVERS, STARTING, waiting
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NEVER = 60.0


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The terminal on which this process writes errors."""
    screen = Terminal()
    monkeypatch.setattr(err, "_file", screen)
    monkeypatch.setenv("TERM", "xterm")
    return screen


def looked_at(screen: Terminal) -> str:
    """What is left on the last line of a terminal: a line that is begun anew covers the one before."""
    return screen.getvalue().rpartition("\x1b[K")[2]


def test_a_command_that_waits_says_for_what(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it has something to say: then the line is gone, and does not come again."""
    with waiting(KAFKA, 0.0):
        eventually(lambda: terminal.getvalue().count(KAFKA) > 1, 30, "two frames")
        out.print("an answer")
        assert looked_at(terminal) == ""
    assert capsys.readouterr().out == "an answer\n"
    assert terminal.getvalue().endswith("\x1b[K")
    assert err.is_terminal


def test_a_question_takes_the_lines_place(terminal: Terminal) -> None:
    """Nothing is written over what somebody is asked."""

    @waiting(KAFKA, 0.0)
    def command(answer: str) -> str:
        eventually(lambda: KAFKA in terminal.getvalue(), 30, "the line")
        err.print("Drop it? [y/N] ", end="", markup=False)
        return answer

    assert command(answer="y") == "y"
    assert looked_at(terminal) == "Drop it? [y/N] "


def test_an_error_leaves_no_line(terminal: Terminal) -> None:
    """What is said of it stands alone."""

    @waiting(KAFKA, 0.0)
    def command() -> None:
        eventually(lambda: KAFKA in terminal.getvalue(), 30, "the line")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        command()

    assert looked_at(terminal) == ""


def test_a_replay_says_that_its_processes_start(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until they do the work, which has bars of its own."""
    left = list[str]()

    async def beside(_settings: Any, _generation: int, _workers: int, work: Callable[..., Awaitable[None]]) -> bool:
        eventually(lambda: STARTING in terminal.getvalue(), 30, "the line")
        await work(None)
        return True

    async def work(_stop: Any) -> None:
        left.append(looked_at(terminal))

    monkeypatch.setattr(deploy.cli.replay, "run_beside", beside)
    monkeypatch.setattr(deploy.cli.replay, "waiting", partial(waiting, after=0.0))

    with waiting(KAFKA, NEVER):
        assert asyncio.run(deploy.cli.replay._beside(cast("Any", None), 2, 1, work))  # noqa: SLF001 - of the command
        out.print("an answer")

    assert left == [""]
    assert looked_at(terminal) == ""


def failing_when_told(terminal: Terminal, text: str) -> Callable[..., NoReturn]:
    """A look-up that takes until the terminal says so."""

    def looked_up(*_arguments: Any, **_options: Any) -> NoReturn:
        eventually(lambda: text in terminal.getvalue(), 30, "the line")
        raise ConnectionError

    return looked_up


def test_looking_for_one_dead_letter_takes_time_too(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as for all of them."""
    monkeypatch.setattr(deploy.cli.dead_letters, "live_settings", lambda: None)
    monkeypatch.setattr(deploy.cli.dead_letters, "find_letters", failing_when_told(terminal, SERVERS))
    monkeypatch.setattr(deploy.cli.dead_letters, "waiting", partial(waiting, after=0.0))

    with pytest.raises(ConnectionError):
        deploy.cli.dead_letters.show(5)

    assert looked_at(terminal) == ""


def test_trying_rules_on_one_file_takes_time_too(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is asked for it."""
    payload = tmp_path / "payload.json"
    payload.write_text("{}")
    monkeypatch.setattr(deploy.cli.rules, "load_reference", failing_when_told(terminal, KAFKA))
    monkeypatch.setattr(deploy.cli.rules, "waiting", partial(waiting, after=0.0))

    with pytest.raises(ConnectionError):
        deploy.cli.rules.try_out(4, payload)

    assert looked_at(terminal) == ""


def test_who_is_answered_at_once_is_told_nothing(terminal: Terminal) -> None:
    """A line that flickers would only disturb."""
    with waiting(KAFKA, NEVER):
        out.print("an answer")

    assert terminal.getvalue() == ""


def test_a_pipe_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What scripts read has no line of it."""
    pipe = io.StringIO()
    monkeypatch.setattr(err, "_file", pipe)
    with waiting(KAFKA, 0.0):
        err.print("an answer")

    assert pipe.getvalue() == "an answer\n"
