"""Changes of ignore rules as records."""

from __future__ import annotations

import pytest

from schemas.wire.rule_changes import Changer, RuleChange, encode_change, read_change

RULES = {"rules": [{"user_ids": [7]}]}


@pytest.mark.parametrize(
    "who",
    [
        Changer(via="api", user_id=7, token="9f86d081884c7d65", name="Mesa de ayuda ñ"),
        Changer(via="command-line", name="root"),
        Changer(via="command-line"),
    ],
)
def test_a_change_is_read_as_it_was_written(who: Changer) -> None:
    """Whoever made it, and whatever is known of them."""
    value, headers = encode_change({}, RULES, who, limit=1000)

    assert read_change(b"4", value, headers, 17) == RuleChange(academy=4, at=17, who=who, before={}, after=RULES)


def test_what_is_too_large_loses_what_was_before() -> None:
    """The new rules are kept; the old ones are the new ones of the change before."""
    value, headers = encode_change({"user_ids": [*range(100)]}, RULES, Changer(via="api"), limit=100)
    change = read_change(b"4", value, headers, 17)

    assert (change.before, change.after) == (None, RULES)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{}", [("via", b"api")]),
        (b"soup", [("via", b"api")]),
        (b'{"before": {}, "after": []}', [("via", b"api")]),
        (b'{"before": 1, "after": {}}', [("via", b"api")]),
        (b'{"before": {}, "after": {}}', []),
        (b'{"before": {}, "after": {}}', [("via", b"telepathy")]),
    ],
)
def test_what_is_no_change_is_refused(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """ValueError, whoever wrote it."""
    with pytest.raises(ValueError, match="not"):
        read_change(b"4", value, headers, 17)
