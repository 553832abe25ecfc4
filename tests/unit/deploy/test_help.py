"""What `--help` shows: every command's and option's text as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer

from deploy.cli import app
from deploy.cli.commands import plain
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of a terminal, in characters.
WIDTH = 80
FRAME = str.maketrans("", "", "│╭╮╰╯─*")


def commands(held: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below one, by its words."""
    yield path, held
    for name, below in getattr(held, "commands", {}).items():
        yield from commands(below, *path, name)


COMMANDS = dict(commands(typer.main.get_command(app)))


def in_order(words: list[str], text: str) -> bool:
    """Whether the words follow each other in a text, with others between them, letters of a word on several lines."""
    left = iter("".join(text.split()))
    return all(letter in left for letter in "".join(words))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_is_whole(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what stands in brackets, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", f"{WIDTH}")
    monkeypatch.setenv("TERMINAL_WIDTH", f"{WIDTH}")
    outcome = command(*path, "--help")
    held = COMMANDS[path]

    assert outcome.code == 0
    text = outcome.out.translate(FRAME)
    for param in held.params:
        if param.help:
            # What Rich would take for styles is escaped for it.
            shown = param.help.replace("\\[", "[").translate(FRAME)
            assert in_order(
                shown.split(),
                text[text.index(max(param.opts, key=len)) :] if param.param_type_name == "option" else text,
            ), param.name
    assert in_order((held.help or "").split("\n\n")[0].replace("\\[", "[").translate(FRAME).split(), text)


def test_what_stands_in_brackets_is_shown() -> None:
    """It is a text, not a style."""
    own = typer.Typer()

    @own.command(help="Do it [quickly] [default: .x].")
    def do() -> None: ...

    assert plain(typer.main.get_command(own)).help == r"Do it \[quickly] \[default: .x]."
