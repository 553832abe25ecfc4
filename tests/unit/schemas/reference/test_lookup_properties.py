"""What must hold of the view of the reference topics, whatever is on them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.lookup import KINDS, Kind, Reference
from tests.support.directory import SHA256, dumps

slugs = st.sampled_from(["a", "b", "c"])
texts = st.lists(slugs, max_size=2)
numbers = st.integers(1, 4)
values: dict[Kind, st.SearchStrategy[Any]] = {
    "ignore-rules": st.fixed_dictionaries({"user_ids": st.lists(numbers, max_size=2)}),
    "assets": st.fixed_dictionaries(
        {"slug": slugs},
        optional={
            "aliases": texts,
            "translations": st.dictionaries(st.sampled_from(["us", "es"]), slugs),
            "learnpack_id": numbers,
            "academy": st.sampled_from([1, 2, None]),
        },
    ),
    "users": st.fixed_dictionaries({"academies": st.lists(numbers, max_size=2)}),
    "tasks": st.fixed_dictionaries({"user_id": numbers, "associated_slug": slugs}),
    "academies": st.fixed_dictionaries({"timezone": st.sampled_from(["Europe/Madrid", "UTC", None])}),
    "tokens": st.fixed_dictionaries({"user_id": numbers}),
}
# A record that does not validate, for any kind.
bad = st.sampled_from([b"", b"{", b"[]", b'{"rules": 3, "slug": 3, "user_id": "x", "academies": 3, "timezone": 3}'])


def changes_of(kind: Kind) -> st.SearchStrategy[tuple[Kind, bytes, bytes | None]]:
    """Records of a kind: good ones, tombstones and bad ones."""
    keys = numbers.map(lambda number: b"%064d" % number if kind == "tokens" else b"%d" % number)
    return st.tuples(st.just(kind), keys, values[kind].map(dumps) | st.none() | bad)


def answers(reference: Reference) -> list[Any]:
    """Everything that can be asked of a view."""
    assets = [reference.asset(number) for number in range(6)]
    known = [asset for asset in assets if asset is not None]
    return [
        [rules and rules.stored for rules in map(reference.rules, range(6))],
        assets,
        [(reference.asset_by_slug(slug), reference.assets_named(slug.upper())) for slug in "abc"],
        [reference.asset_by_package(number) for number in range(6)],
        [(reference.group(asset), reference.canonical(asset)) for asset in known],
        [reference.user(number) for number in range(6)],
        [sorted(reference.members(number)) for number in range(6)],
        [reference.task(number) for number in range(6)],
        [reference.tasks_of(number, "abc") for number in range(6)],
        [reference.tasks_of(number, slug) for number in range(6) for slug in "abc"],
        [reference.academy(number) for number in range(6)],
        [reference.token(f"{number:064}") for number in range(6)],
        [sorted(reference.records(kind)) for kind in KINDS],
    ]


@given(st.lists(st.sampled_from(KINDS).flatmap(changes_of), max_size=30), st.randoms(use_true_random=False))
def test_answers_depend_only_on_the_last_good_value_of_each_key(
    changes: list[tuple[Kind, bytes, bytes | None]], random: Any
) -> None:
    """Any history of values, tombstones and bad records ends where a fresh view of the final records ends."""
    lived = Reference()
    final: dict[tuple[Kind, bytes], bytes] = {}
    for kind, key, value in changes:
        try:
            lived.apply(kind, key, value)
        except ValueError:
            continue
        answers(lived)
        final.pop((kind, key), None)
        if value is not None:
            final[kind, key] = value

    rebuilt = Reference()
    records = list(final.items())
    random.shuffle(records)
    for (kind, key), value in records:
        rebuilt.apply(kind, key, value)

    assert answers(lived) == answers(rebuilt)


@given(st.lists(changes_of("assets"), max_size=8))
def test_groups_are_classes(changes: list[tuple[Kind, bytes, bytes | None]]) -> None:
    """Every asset is in its own group, and all members of a group have the same one."""
    reference = Reference()
    for kind, key, value in changes:
        try:
            reference.apply(kind, key, value)
        except ValueError:
            continue
    for asset in (asset for number in range(6) if (asset := reference.asset(number))):
        group = reference.group(asset)

        assert asset in group
        assert all(reference.group(member) == group for member in group)
        assert reference.canonical(asset).id == min(member.id for member in group)


@given(
    st.sampled_from(KINDS), st.binary(max_size=4) | st.sampled_from([b"1", SHA256.encode()]), st.binary() | st.none()
)
def test_any_bytes_are_taken_or_refused(kind: Kind, key: bytes, value: bytes | None) -> None:
    """Whatever is on a topic, apply raises nothing but ValueError."""
    try:
        Reference().apply(kind, key, value)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is an outcome
