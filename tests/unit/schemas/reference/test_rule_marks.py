"""Marks of ignore rules."""

from __future__ import annotations

from schemas.reference.rule_marks import mark_of


def test_rules_are_told_apart_whatever_the_order_of_their_keys() -> None:
    """Who saves says which rules he saw; that of rules is part of what they say."""
    assert mark_of({"user_ids": [1], "events": ["test"]}) == mark_of({"events": ["test"], "user_ids": [1]})
    assert len({mark_of(rules) for rules in ({}, {"user_ids": [1]}, {"user_ids": ["1"]}, {"user_ids": [True]})}) == 4
    assert len(mark_of({})) == 24
