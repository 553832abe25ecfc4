"""What a narrow terminal shows of a table."""

from __future__ import annotations

import io

from rich.console import Console

from deploy.tables import whole_table


def test_a_narrow_terminal_cuts_no_name() -> None:
    """A name longer than its cell goes on in the next line."""
    name = "configuring-firewall-and-acl-exercise-tutorial"
    table = whole_table("student", "tutorial")
    table.add_row("7", name)
    screen = io.StringIO()

    Console(file=screen, width=40).print(table)

    cells = [line.split("│")[2].strip() for line in screen.getvalue().splitlines() if "│" in line]
    assert "".join(cells) == name
