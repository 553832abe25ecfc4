"""Whatever stands on a reference topic, the last good value of each key stays in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.lookup import Reference
from tests.support.strategies import json_objects, json_values

if TYPE_CHECKING:
    from schemas.reference.lookup import Kind

GOOD: dict[Kind, tuple[bytes, dict[str, Any]]] = {
    "ignore-rules": (b"1", {"rules": [{"events": ["compile"]}]}),
    "assets": (b"5", {"id": 5, "slug": "lists", "lang": "us"}),
    "users": (b"7", {"id": 7, "first_name": "Ada", "academies": [1]}),
    "tasks": (b"9", {"id": 9, "user_id": 7, "associated_slug": "lists"}),
    "academies": (b"4", {"id": 4, "timezone": "Europe/Madrid"}),
    "tokens": (b"a" * 64, {"user_id": 7, "academies": {"1": ["crud_telemetry"]}}),
}
FIELDS = (
    "id",
    "slug",
    "lang",
    "aliases",
    "translations",
    "graded",
    "learnpack_id",
    "academies",
    "notebook_names",
    "user_id",
    "associated_slug",
    "rules",
    "events",
    "user_ids",
    "ingest",
    "expires_at",
    "label",
    "timezone",
)


def _written(value: Any) -> bytes:
    """JSON as lenient writers write it, with numbers that no reader takes."""
    return json.dumps(value).encode()


def _with_good() -> Reference:
    reference = Reference()
    for kind, (key, value) in GOOD.items():
        reference.apply(kind, key, orjson.dumps(value))
    return reference


def _records(reference: Reference) -> dict[Kind, list[tuple[bytes, bytes]]]:
    return {kind: sorted(reference.records(kind)) for kind in GOOD}


@pytest.mark.parametrize("kind", GOOD)
@given(value=st.binary(max_size=60) | json_values().map(_written), with_fields=json_objects(*FIELDS))
def test_what_cannot_be_read_is_refused_and_changes_nothing(
    kind: Kind, value: bytes, with_fields: dict[str, Any]
) -> None:
    """Bytes, any JSON, and good records with any fields besides: taken, or refused with a ValueError and no trace."""
    key, good = GOOD[kind]
    for written in (value, _written({**good, **with_fields})):
        reference = _with_good()
        before = _records(reference)
        try:
            reference.apply(kind, key, written)
        except ValueError:
            assert _records(reference) == before


@given(kind=st.sampled_from(sorted(GOOD)), key=st.binary(max_size=80))
def test_a_key_that_cannot_be_read_is_refused(kind: Kind, key: bytes) -> None:
    """Also a tombstone's: it removes nothing but its own key's value."""
    reference = _with_good()
    before = _records(reference)
    try:
        reference.apply(kind, key, None)
    except ValueError:
        assert _records(reference) == before
