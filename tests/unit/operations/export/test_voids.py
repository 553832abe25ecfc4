"""What was voided is known again, as far as it is kept."""

from __future__ import annotations

from operations.export.voids import Voids


def test_the_last_void_counts() -> None:
    """In whatever order they are heard of, and before a version the one below it; so it is out of a file."""
    voids = Voids()
    for version in (8, 12, 10, 8):
        voids.add("1", version)
    again = Voids(voids.kept())

    for known in (voids, again):
        assert (known.last("1"), known.last("1", 12), known.last("1", 8), known.last("2")) == (12, 10, None, None)


def test_what_is_kept_is_bounded() -> None:
    """Those that were voided longest ago are forgotten."""
    voids = Voids(most=2)
    for item in ("1", "2", "1", "3"):
        voids.add(item, 1)

    assert voids.kept() == {"1": [1], "3": [1]}
