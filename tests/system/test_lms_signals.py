"""The outbox by Django's signals (deploy/examples/lms/signals.py.txt), with Django and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.support.postgres import Database

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = ROOT / "tests" / "support" / "django_lms.py.txt"


def test_what_django_does_is_told_as_postgresql_has_it(postgres_database: Database) -> None:
    """Both ends of a translation, both users of a member that moves, and what is saved outside of a transaction too."""
    ended = subprocess.run(
        [sys.executable, "-", str(postgres_database.port), postgres_database.name],
        input=SCRIPT.read_text("utf-8"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr[-3000:]
    *lines, untold = ended.stdout.splitlines()
    assert [line for line in lines if not line.startswith("did ")] == []
    assert len(lines) == 18
    assert untold == """[('users', 2, 'column "nothing" does not exist')]"""
    assert "users [2] were changed outside of transaction.atomic" in ended.stderr
