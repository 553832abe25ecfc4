"""Students are found by a part of their name, however that is written."""

from __future__ import annotations

from typing import Final

import orjson
import pytest

from gateway.console.student import matching
from gateway.insights.sight import Sight
from schemas.reference.lookup import Reference

NAMES: Final = {1: ("José", "Núñez"), 2: ("Jose", "Nunez"), 3: ("Zoë", "Ångström"), 4: ("Ada", "Lovelace")}


@pytest.fixture
def sight() -> Sight:
    """Staff of academy 1, whose members are these."""
    reference = Reference()
    for number, (first, last) in NAMES.items():
        value = {"id": number, "first_name": first, "last_name": last, "academies": [1]}
        reference.apply("users", b"%d" % number, orjson.dumps(value))
    return Sight(reference, 1, strict=True)


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("nunez", [1, 2]),
        ("NÚÑEZ", [1, 2]),
        ("  josé   n", [1, 2]),
        ("zoe angstrom", [3]),
        ("Zoe\u0308", [3]),
        ("4", [4]),
        ("x", []),
    ],
)
def test_accents_and_case_do_not_matter(sight: Sight, sought: str, found: list[int]) -> None:
    """Whoever types without them finds all."""
    assert [student["id"] for student in matching(sight, sight.reference.members(1), sought)] == found
