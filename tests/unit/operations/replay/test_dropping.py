"""What `replay drop` says that it will do."""

from __future__ import annotations

from operations.replay.dropping import Dropping
from schemas.wire.generations import Generation, Journal


def test_what_is_dropped_is_known_before() -> None:
    """A new generation is deleted with what nobody needs; one that was live before is only left as it was."""
    idle = Journal(live=3, previous=2, last=3, generations=tuple(Generation(number=number) for number in (1, 2, 3)))

    assert Dropping.of(Journal()) == Dropping(None, ())
    assert Dropping.of(idle) == Dropping(None, (1,))
    assert Dropping.of(idle.begun("as-recorded", None, "now")) == Dropping(4, (4, 1))
    assert Dropping.of(idle.returning()) == Dropping(2, (1,))
