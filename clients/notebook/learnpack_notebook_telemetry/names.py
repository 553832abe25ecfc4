"""Students' names: what is asked for, what is accepted, and the one form in which a name is sent."""

from __future__ import annotations

import re
import unicodedata

from learnpack_notebook_telemetry.texts import text

__all__ = ["ask_for_name", "full_name", "student_name"]

_APOSTROPHES = "'\u2019"
_BETWEEN = re.compile(r"[\s-]+")
_SHORTEST = 2


def student_name(first: str, last: str, language: str = "en") -> str:
    """The student's name in capitals, its parts joined by hyphens: `JOHN-DOE`.

    Blanks and hyphens in a row count as one, so that a name typed with an extra blank is the same student; so do the
    two ways in which Unicode writes an accent.

    Raises:
        ValueError: One of both is missing, has other than letters and apostrophes, or has one letter where its script
            has capitals; the text is meant for the student, in `language`.
    """
    first, last = (unicodedata.normalize("NFC", part) for part in (first, last))
    parts = [_BETWEEN.sub("-", part.strip()).strip("-") for part in (first, last)]
    if not all(part.strip() for part in (first, last)):
        raise ValueError(text("name_missing", language))
    if not all(_is_of_letters(part) for part in parts):
        raise ValueError(text("name_letters", language))
    if any(_is_short(part) for part in parts):
        raise ValueError(text("name_short", language))
    return unicodedata.normalize("NFC", "-".join(parts).upper())


def _is_of_letters(part: str) -> bool:
    # Many scripts write vowels and accents as marks on a letter.
    kinds = [unicodedata.category(char)[0] for char in part]
    return kinds[:1] != ["M"] and all(
        kind in "LM" or char in _APOSTROPHES or char == "-" for kind, char in zip(kinds, part, strict=True)
    )


def _is_short(part: str) -> bool:
    """Whether it is an initial and no name; in scripts without capitals one sign is a name."""
    letters = [char for char in part if char.isalpha()]
    return not letters or (len(letters) < _SHORTEST and letters[0].upper() != letters[0].lower())


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
