"""Processes of the system belong to its parts; the trivial core counts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench.chassis import outputs
from bench.peers.counting import Counting, Packing, after
from bench.up import part_of


@dataclass
class Record:
    """What the counting core reads."""

    key: bytes
    value: bytes


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["java", "-Xmx512m", "-cp", "a.jar", "kafka.Kafka", "server.properties"], "Kafka"),
        (["python", "-m", "deploy.local.clickhouse", "directory", "8123"], "ClickHouse"),
        (["python", "-m", "deploy.cli", "worker", "--ready-file", "x"], "worker"),
        (["python", "-m", "deploy.cli", "up", "--data", "x"], "supervisor"),
    ],
)
def test_a_process_is_of_a_part(arguments: list[str], part: str) -> None:
    """By its command line."""
    assert part_of(arguments) == part


def test_the_core_counts_by_key_and_keeps_the_last() -> None:
    """Every record is one output; a key has one state, across chunks."""
    first = Counting({b"a": b"9 old"}.get)
    for key, value in ((b"a", b"x"), (b"b", b"y"), (b"a", b"z z")):
        first.apply(Record(key, value))

    assert first.finish().telemetry == [(b"a", b"10 x", []), (b"b", b"1 y", []), (b"a", b"11 z z", [])]
    assert dict(first.changes) == {b"a": b"11 z z", b"b": b"1 y"}
    assert after(b"11 z z", b"") == b"12 "


def test_packed_outputs_are_lines() -> None:
    """The worker joins them."""
    core = Packing(lambda _key: None)
    core.apply(Record(b"a", b"{}"))

    assert (core.facts, core.telemetry) == ([b"1 {}"], [])


def test_outputs_are_counted_as_they_are_written() -> None:
    """A packed record has an output a line, any other record is one output, whatever is in it."""
    assert outputs([b"1 {}\n2 {}", b"1 {}"], packed=True) == 3
    assert outputs([b'1 {"text":\n""}', b"1 {}"], packed=False) == 2
