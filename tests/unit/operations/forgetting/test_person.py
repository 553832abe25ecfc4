"""Whom an id or a name means."""

from __future__ import annotations

import orjson
import pytest

from operations.forgetting.person import Person, identify
from schemas.reference.lookup import Reference


@pytest.fixture
def reference() -> Reference:
    """Two users, who share a name in notebooks."""
    made = Reference()
    for number, names in ((203, ["Juan de la Cruz", "ana"]), (9, ["Ana", "Eva"])):
        record = {"id": number, "academies": [], "notebook_names": names}
        made.apply("users", b"%d" % number, orjson.dumps(record))
    return made


@pytest.mark.parametrize("asked", ["203", " 0203 ", "JUAN DE LA CRUZ"])
def test_a_user_is_known_by_id_and_by_a_name_of_their_own(reference: Reference, asked: str) -> None:
    """Both lead to the id and to the names that nobody else has."""
    person = identify(reference, asked)

    assert (person.user, person.known_as[0]) == (203, "203")
    assert person.is_named("juan de la cruz")
    assert not person.is_named("Ana")
    assert person.may_be("somebody")
    assert not person.may_be("ANA")


@pytest.mark.parametrize("asked", ["Ana", "Zoe", "telemetry:r"])
def test_a_name_of_several_or_of_nobody_means_itself(reference: Reference, asked: str) -> None:
    """No user is erased for it."""
    person = identify(reference, asked)

    assert (person.user, person.known_as) == (None, (asked,))
    assert person.is_named(asked.upper())


def test_a_run_is_a_person_s_if_nobody_else_has_it() -> None:
    """The run itself does not count, and a template's id that two students have is nobody's."""
    person = Person("203", 203, frozenset(), frozenset())
    shared = [("a", ["203", "telemetry:a"]), ("b", ["203", "9"]), ("", ["203"]), ("c", ["203", "Juan"])]

    assert person.anonymous(shared, ["203", "Juan"]) == ["telemetry:a", "telemetry:c"]
