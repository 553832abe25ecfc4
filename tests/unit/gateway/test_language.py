"""Texts of HTTP errors in two languages, and the choice between them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.language import preferred_language, translate
from gateway.messages import MESSAGES


def placeholders(text: str) -> set[str]:
    """The names in braces of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        ("missing-academy", 403),
        ("invalid-academy-id", 400),
        ("missing-capability", 403),
        ("invalid-filter", 400),
        ("webhook-not-found", 404),
        ("invalid-webhook-status", 400),
        ("missing-status", 400),
        ("invalid-status", 400),
        ("user-not-found", 404),
        ("telemetry-not-found", 404),
        ("task-not-found", 404),
        ("asset-not-found", 404),
        ("action-not-found", 400),
        ("invalid-telemetry-webhook-ignore-body", 400),
        ("invalid-telemetry-webhook-ignore-field", 400),
        ("authentication-required", 401),
        ("invalid-token", 401),
        ("body-too-large", 413),
        ("too-many-requests", 429),
        ("unavailable", 503),
    ],
)
def test_every_slug_of_the_contract_has_its_status(slug: str, status: int) -> None:
    """The statuses are those of docs/api.md, "Who asks"."""
    assert MESSAGES[slug].status == status


@pytest.mark.parametrize("slug", sorted(MESSAGES))
def test_both_languages_say_the_same(slug: str) -> None:
    """A slug has two different texts with the same placeholders."""
    message = MESSAGES[slug]

    assert message.en != message.es
    assert placeholders(message.en) == placeholders(message.es)


def test_a_missing_capability_names_capability_and_academy() -> None:
    """Both are in the text, in either language."""
    values = {"capability": "crud_telemetry", "academy": 4}

    assert translate("missing-capability", "en", **values) == (
        "This token does not have the capability crud_telemetry for academy 4."
    )
    assert translate("missing-capability", "es", **values) == (
        "Este token no tiene la capacidad crud_telemetry para la academia 4."
    )


def test_words_among_the_values_are_translated() -> None:
    """What a field must be is a value of the text, in the text's language."""
    values = {"field": "rules[2]", "expected": "an object"}

    assert translate("invalid-telemetry-webhook-ignore-field", "en", **values) == "`rules[2]` must be an object"
    assert translate("invalid-telemetry-webhook-ignore-field", "es", **values) == "`rules[2]` debe ser un objeto"


def test_braces_in_values_are_only_text() -> None:
    """A value from a request cannot act as a placeholder."""
    assert translate("asset-not-found", "en", asset="{0.__class__}") == "This academy has no asset {0.__class__}."


def test_an_unknown_slug_or_a_missing_value_raises() -> None:
    """A text that cannot be built is a mistake of the caller."""
    with pytest.raises(KeyError):
        translate("no-such-slug", "en")
    with pytest.raises(KeyError):
        translate("missing-capability", "en", capability="x")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("es", "es"),
        ("ES-mx", "es"),
        ("us", "en"),
        ("fr, de", "en"),
        ("fr, es;q=0.3", "es"),
        ("en, es", "en"),
        ("es, en", "es"),
        ("en;q=0.5, es;q=0.8", "es"),
        ("es;q=0.8, en-GB;q=0.9", "en"),
        ("es;q=0", "en"),
        ("es;q=7", "en"),
        ("es;q=nan", "en"),
        ("es;q=x", "en"),
        ("es ; Q=0.5", "es"),
        ("*", "en"),
        ("esperanto", "en"),
    ],
)
def test_the_preferred_language_is_picked(header: str | None, language: str) -> None:
    """The higher weight wins, the first of equals; what is neither English nor Spanish does not count."""
    assert preferred_language(header) == language


@given(st.text())
def test_any_header_gives_a_language(header: str) -> None:
    """Nothing that a client sends raises."""
    assert preferred_language(header) in ("en", "es")
