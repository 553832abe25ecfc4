"""What a narrow terminal shows of a table."""

from __future__ import annotations

import io

from rich.console import Console

from deploy.tables import keep_words, whole_table


def test_a_narrow_terminal_cuts_no_name() -> None:
    """A name longer than its cell goes on in the next line."""
    name = "configuring-firewall-and-acl-exercise-tutorial"
    table = whole_table("student", "tutorial")
    table.add_row("7", name)
    screen = io.StringIO()

    Console(file=screen, width=40).print(table)

    cells = [line.split("│")[2].strip() for line in screen.getvalue().splitlines() if "│" in line]
    assert "".join(cells) == name


def test_a_narrow_terminal_breaks_no_id() -> None:
    """What somebody copies stays in one line, and the others fold."""
    table = whole_table("id", "received (UTC)", "event", "slug", "status", "why", unbroken=("id", "status"))
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
        table = whole_table("SHA-256", "kind", "user", "academies", "expires", "label", unbroken=("SHA-256",))
        table.add_row("0123456789abcdef", "personal", "10", names, "never", "the whole system on this machine")
        screen = io.StringIO()
        console = Console(file=screen, width=width)
        keep_words(table, 3, console)
        console.print(table)

        assert max(map(len, screen.getvalue().splitlines())) <= width
        assert all(word in screen.getvalue() for word in (names.split() if width == 80 else [names]))
