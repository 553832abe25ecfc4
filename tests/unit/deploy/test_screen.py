"""What a terminal gets to see of texts that clients wrote."""

from __future__ import annotations

from io import StringIO

from rich.markup import escape

from deploy.cli.screen import Screen
from operations.tables import WholeTable

ODD = "José\x1b[2J\x9b0m\x7f"


def test_nothing_in_a_text_is_a_command() -> None:
    """In lines and in tables, with or without markup; what styles the output itself is still one."""
    table = WholeTable("student")
    table.add_row(escape(ODD))
    screen = Screen(file=(shown := StringIO()), force_terminal=True, highlight=False, width=80)

    screen.print(ODD, markup=False)
    screen.print(f"[bold]{escape(ODD)}[/]\tnext\nline")
    screen.print(table)

    assert shown.getvalue().count(r"José\x1b[2J\x9b0m\x7f") == 3
    assert "\x1b[1m" in shown.getvalue()
    assert "\nline\n" in shown.getvalue()
    assert not any(command in shown.getvalue() for command in ("\x1b[2J", "\x9b", "\x7f"))
