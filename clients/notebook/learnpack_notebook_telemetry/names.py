"""Students' names: what is asked for, what is accepted, and the one form in which a name is sent."""

from __future__ import annotations

import re

from learnpack_notebook_telemetry.texts import text

__all__ = ["ask_for_name", "full_name", "student_name"]

_ENGLISH = re.compile(r"[A-Za-z\s-]*")
_BETWEEN = re.compile(r"[\s-]+")
_SHORTEST = 2


def student_name(first: str, last: str, language: str = "en") -> str:
    """The student's name in capitals, its parts joined by hyphens: `JOHN-DOE`.

    Blanks and hyphens in a row count as one, so that a name typed with an extra blank is the same student.

    Raises:
        ValueError: One of both is missing, has other than English letters, or has fewer than two; the text is meant
            for the student, in `language`.
    """
    parts = [_BETWEEN.sub("-", part.strip()).strip("-") for part in (first, last)]
    if not all(part.strip() for part in (first, last)):
        raise ValueError(text("name_missing", language))
    if not all(_ENGLISH.fullmatch(part) for part in parts):
        raise ValueError(text("name_letters", language))
    if any(len(part) < _SHORTEST for part in parts):
        raise ValueError(text("name_short", language))
    return "-".join(parts).upper()


def full_name(name: str, language: str = "en") -> str:
    """The same for a name in one piece, `John Doe` or `JOHN-DOE`; its first part is the first name.

    Raises:
        ValueError: As `student_name`.
    """
    first, *others = _BETWEEN.split(name.strip())
    return student_name(first, " ".join(others), language)


def ask_for_name(language: str = "en") -> str | None:
    """Ask for first and last name; None where nobody can be asked, as when a notebook is run by a program.

    Raises:
        ValueError: As `student_name`.
    """
    try:
        first = input(text("ask_first", language))
        last = input(text("ask_last", language))
    # A kernel without a keyboard raises its own kind of RuntimeError, a script without one EOFError.
    except (EOFError, OSError, RuntimeError):
        return None
    return student_name(first, last, language)
