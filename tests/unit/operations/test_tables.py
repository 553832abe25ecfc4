"""How a table is folded at any width; those of the commands are tried where the commands are."""

from __future__ import annotations

import io

from rich.console import Console

from operations.tables import WholeTable


def test_a_narrow_terminal_cuts_no_name() -> None:
    """A name longer than its cell goes on in the next line, at one of its joints if it can."""
    name = "configuring-firewall-and-acl-exercise-tutorial"
    table = WholeTable("student", "tutorial")
    table.add_row("7", name)
    screen = io.StringIO()

    Console(file=screen, width=40).print(table)

    cells = [line.split("│")[2].strip() for line in screen.getvalue().splitlines() if "│" in line]
    assert "".join(cells) == name


def test_a_narrow_terminal_breaks_no_id() -> None:
    """What somebody copies stays in one line, and the others fold."""
    table = WholeTable("id", "received (UTC)", "event", "slug", "status", "why", unbroken=("id", "status"))
    table.add_row(
        "1152921504606846976", "2026-03-02 08:00:00", "open_step", "exercise-postcard", "ERROR", "token " * 30
    )
    screen = io.StringIO()

    Console(file=screen, width=80).print(table)

    assert "1152921504606846976" in screen.getvalue()
    assert max(map(len, screen.getvalue().splitlines())) <= 80


def test_a_narrow_terminal_folds_lists_between_their_words() -> None:
    """Names of capabilities are not cut in two, and in a wide terminal a list is one line."""
    names = "1: crud_telemetry, read_assignment, upload_assignment_telemetry"
    for width in (80, 200):
        table = WholeTable("SHA-256", "kind", "user", "academies", "expires", "label", unbroken=("SHA-256",))
        table.add_row("0123456789abcdef", "personal", "10", names, "never", "the whole system on this machine")
        screen = io.StringIO()
        Console(file=screen, width=width).print(table)

        assert max(map(len, screen.getvalue().splitlines())) <= width
        assert all(word in screen.getvalue() for word in (names.split() if width == 80 else [names]))


def test_where_nothing_can_be_folded_the_table_is_wider() -> None:
    """A terminal that is far too narrow wraps the lines itself; no figure is lost."""
    table = WholeTable("rows", "bytes", right=("rows", "bytes"))
    table.add_row("12,345,678", "987,654,321,000")
    screen = io.StringIO()

    Console(file=screen, width=20, soft_wrap=True).print(table)

    assert "│12,345,678│987,654,321,000│" in screen.getvalue()


def test_styles_stay_where_a_text_is_folded() -> None:
    """A red state is red in both of its lines."""
    table = WholeTable("state", "why")
    table.add_row("[red]not reachable[/]", "a\nb")
    screen = io.StringIO()

    Console(file=screen, width=18, force_terminal=True, color_system="standard").print(table)

    assert screen.getvalue().count("\x1b[31m") == 2
