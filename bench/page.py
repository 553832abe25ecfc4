"""How a measurement is started, and its place on the page: what machine, how busy, and what was found.

`run(main, section)` is the entry of every command here: it gives the command `--write`, says what machine this is and
how busy it is before and after, and puts what the command prints between the section's markers in docs/performance.md.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO, get_type_hints

import typer

from bench.machine import Machine, busy, load, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PAGE", "SectionMissingError", "run", "with_section"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"

_WRITE: Final = typer.Option(help="Put the figures into docs/performance.md; the machine must be at rest.")
_IN_A_ROW: Final = typer.Option(
    help="With --write: another command has just ended, so look whether the processors are idle now, not at the load."
)


class SectionMissingError(Exception):
    """The page has no markers, or more than one pair, for a section."""


def with_section(page: str, section: str, text: str) -> str:
    """The page with what is between the section's markers replaced; the rest is unchanged.

    Raises SectionMissingError unless the page has both markers once, in their order.
    """
    first, last = f"<!-- measured: {section} -->", f"<!-- measured: end of {section} -->"
    before, found, rest = page.partition(first)
    _, ended, after = rest.partition(last)
    if not (found and ended) or page.count(first) != 1 or page.count(last) != 1:
        message = f"put {first} and {last} where the figures belong, once and each on a line of its own"
        raise SectionMissingError(message)
    return f"{before}{first}\n{text.strip()}\n\n{last}{after}"


class _Copied(io.TextIOBase):
    """Prints as before, and keeps what was printed."""

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._kept: list[str] = []

    def write(self, text: str) -> int:
        self._kept.append(text)
        return self._screen.write(text)

    def flush(self) -> None:
        self._screen.flush()

    def text(self) -> str:
        """All that was printed."""
        return "".join(self._kept)


@contextlib.contextmanager
def _measured(section: str, arguments: list[str], *, write: bool, in_a_row: bool) -> Iterator[None]:
    page = PAGE.read_text()
    if write:
        # Before minutes are spent on figures that have no place.
        with_section(page, section, "")
        if reason := refusal(load(), busy() if in_a_row else None):
            raise SystemExit(reason)
    machine, date, before, began = Machine.here(), f"{datetime.now(UTC):%Y-%m-%d %H:%M}", load(), time.monotonic()
    print(f"{machine}\nload before: {before:.2f}", file=sys.stderr, flush=True)
    copied = _Copied(sys.stdout)
    with contextlib.redirect_stdout(copied):
        yield
    command = shlex.join(["python", "-m", f"bench.{section}", *(Path(one).name for one in arguments)])
    told = f"`{command}`, {date} UTC, {time.monotonic() - began:.0f} s: {machine}; load {before:.2f} before"
    if in_a_row and write:
        told += " (of the command before, the processors idle)"
    told += f", {load():.2f} after."
    print(f"\n{told}", file=sys.stderr, flush=True)
    if write:
        PAGE.write_text(with_section(PAGE.read_text(), section, f"\n{told}\n\n{copied.text().strip()}"))


def run(main: Callable[..., None], section: str) -> None:
    """Run a command's `main` with its options and `--write`, as the measurement of a section of the page.

    Exits with a reason if the figures are to be written and the machine is not at rest.
    """

    @functools.wraps(main)
    def command(*args: Any, write: bool, in_a_row: bool, **options: Any) -> None:
        told = [one for one in sys.argv[1:] if one not in {"--write", "--in-a-row"}]
        with _measured(section, told, write=write, in_a_row=in_a_row):
            main(*args, **options)

    hints = get_type_hints(main, include_extras=True)
    own = {"write": Annotated[bool, _WRITE], "in_a_row": Annotated[bool, _IN_A_ROW]}
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(main).parameters.items()
    ]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in own.items()
    ]
    command.__annotations__ = {**hints, **own}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    typer.run(command)
