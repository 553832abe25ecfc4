"""Students' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnpack_notebook_telemetry.names import ask_for_name, full_name, student_name
from learnpack_notebook_telemetry.texts import LANGUAGES, choose_language, text

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("John", "Doe", "JOHN-DOE"),
        ("  john ", "doe\t", "JOHN-DOE"),
        ("Mary  Ann", "Smith-Jones", "MARY-ANN-SMITH-JONES"),
        ("Jo", "Do", "JO-DO"),
        ("Jo-", "-Do", "JO-DO"),
        ("José", "Núñez", "JOSÉ-NÚÑEZ"),
        ("Jose\u0301", "Nu\u0301n\u0303ez", "JOSÉ-NÚÑEZ"),
        ("李", "小龙", "李-小龙"),
        ("Zoë", "O'Brien", "ZOË-O'BRIEN"),
        ("Олег", "Ильин", "ОЛЕГ-ИЛЬИН"),
        ("कमला", "देवी", "कमला-देवी"),
    ],
)
def test_a_name_has_one_form(first: str, last: str, name: str) -> None:
    """Case, blanks and hyphens do not make another student."""
    assert student_name(first, last) == name


@pytest.mark.parametrize(
    ("first", "last", "key"),
    [
        ("", "Doe", "name_missing"),
        ("John", "  ", "name_missing"),
        ("J", "Doe", "name_short"),
        ("John", "--D", "name_short"),
        ("John", "--", "name_short"),
        ("é", "Doe", "name_short"),
        ("John", "D0e", "name_letters"),
        ("John", "Doe.", "name_letters"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_other_names_are_refused_in_the_students_language(first: str, last: str, key: str, language: str) -> None:
    """Both names are needed, in letters, two at least where there are capitals."""
    with pytest.raises(ValueError, match="celda" if language == "es" else "cell") as refusal:
        student_name(first, last, language)

    assert str(refusal.value) == text(key, language)


@given(st.text(), st.text())
def test_an_accepted_name_has_capitals_and_single_hyphens(first: str, last: str) -> None:
    """Whatever is typed: it is accepted in that form, or refused."""
    try:
        name = student_name(first, last)
    except ValueError:
        return
    assert not any(char.isdigit() or char.isspace() or (char.islower() and char.upper() != char) for char in name)
    assert "--" not in name
    assert name.strip("-") == name


@pytest.mark.parametrize(("name", "form"), [("Ada Lovelace", "ADA-LOVELACE"), ("ADA-LOVELACE", "ADA-LOVELACE")])
def test_a_full_name_may_be_given_in_one_piece(name: str, form: str) -> None:
    """Its first part is the first name."""
    assert full_name(name) == form


def test_a_single_word_is_no_full_name() -> None:
    """A last name is needed."""
    with pytest.raises(ValueError, match="Both first and last name"):
        full_name("Ada")


def test_the_student_is_asked_in_the_students_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """First name, then last name."""
    asked: list[str] = []
    answers: Iterator[str] = iter(["Ada", "Lovelace"])

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)

    assert ask_for_name("es") == "ADA-LOVELACE"
    assert [prompt.strip() for prompt in asked] == ["Nombre:", "Apellido:"]


@pytest.mark.parametrize("error", [EOFError, NotImplementedError, RuntimeError, OSError])
def test_nobody_to_ask_is_no_error(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that a program runs has no name."""

    def refuse(_: str) -> str:
        raise error

    monkeypatch.setattr("builtins.input", refuse)

    assert ask_for_name() is None


@pytest.mark.parametrize(
    ("wanted", "locale", "language"),
    [
        ("es", "en_US.UTF-8", "es"),
        ("es-MX", "", "es"),
        (None, "es_ES.UTF-8", "es"),
        (None, "C", "en"),
        ("fr", "", "en"),
    ],
)
def test_the_language_is_the_wanted_one_else_the_machines(
    wanted: str | None, locale: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """English where there is no other."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)

    assert choose_language(wanted) == language


def test_every_text_is_there_in_both_languages() -> None:
    """English and Spanish have the same texts with the same values."""
    english, spanish = LANGUAGES["en"], LANGUAGES["es"]
    values = {"student": "A", "host": "B", "code": "C", "length": 1}

    assert english.keys() == spanish.keys()
    for key in english:
        used = {name for name in values if f"{{{name}}}" in english[key]}
        assert used == {name for name in values if f"{{{name}}}" in spanish[key]}
        assert text(key, "en", **values) != text(key, "es", **values)
