"""What a run is told that cannot go on with a topic."""

from __future__ import annotations

from operations.raw_log.errors import other_students


def test_another_choice_of_students_says_how_to_go_on() -> None:
    """The choice of the first run is a digest, which nobody could turn back into the students."""
    assert str(other_students("raw.2", first="3131111f109aaf62")) == (
        "raw.2 was begun leaving out some students: give the `--without` of then, or choose another name."
    )
    assert str(other_students("raw.2", first="")) == (
        "raw.2 was begun leaving out nobody: give no `--without`, or choose another name."
    )
