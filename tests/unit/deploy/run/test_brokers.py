"""How many brokers a system has, and where they are, from one start to the next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.kafka import KafkaCluster, KafkaNode
from deploy.local.resources import LOOPBACK, free_port
from deploy.run.brokers import broker_parts, copies_of, plan_brokers
from deploy.run.kept import Kept
from deploy.run.system import LocalSystem
from schemas.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(_env_file=None)


def formatted(directory: Path, *names: str) -> Path:
    """A system's directory in which these brokers have begun."""
    for name in names:
        (directory / name / "logs").mkdir(parents=True)
        (directory / name / "logs" / "meta.properties").write_text("version=1\ncluster.id=-x\nnode.id=1\n")
    return directory


def planned(directory: Path, wanted: int | None) -> KafkaNode | KafkaCluster:
    """The Kafka of a system."""
    return plan_brokers(directory, wanted, Kept(directory / "env"), SETTINGS)


@pytest.mark.parametrize(
    ("there", "wanted", "copies"),
    [((), None, 1), ((), 3, 3), (("kafka",), None, 1), (("kafka-2",), None, 3), (("kafka-1", "kafka-3"), 3, 3)],
)
def test_a_directory_keeps_its_number(tmp_path: Path, there: tuple[str, ...], wanted: int | None, copies: int) -> None:
    """A new one has one broker or as many as are wanted, an old one those that it has, also if one of them is lost."""
    assert copies_of(planned(formatted(tmp_path, *there), wanted)) == copies


@pytest.mark.parametrize(("there", "wanted", "has"), [("kafka", 3, "one broker"), ("kafka-1", 1, "3 brokers")])
def test_another_number_is_refused(tmp_path: Path, there: str, wanted: int, has: str) -> None:
    """The log would have to be moved: the line says what to do instead."""
    with pytest.raises(LocalStackError, match=re.escape(f"the system in {tmp_path} has {has}, and that stays so")):
        planned(formatted(tmp_path, there), wanted)


def test_a_start_that_failed_before_anything_was_kept_decides_nothing(tmp_path: Path) -> None:
    """As after a first `up` without network."""
    (tmp_path / "kafka").mkdir()

    assert copies_of(planned(tmp_path, 3)) == 3


def test_one_broker_of_three_is_not_emptied_by_two_new_ones(tmp_path: Path) -> None:
    """These would be most, agree that there is nothing, and let it delete what it has."""
    left = formatted(tmp_path, "kafka-2") / "kafka-2"
    (left / "logs" / "__cluster_metadata-0").mkdir()

    with pytest.raises(LocalStackError, match=r"kafka-1 and .*kafka-3 are gone, .* Bring one of them back, or name"):
        planned(tmp_path, None).prepare()

    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("kafka-")] == ["kafka-2"]


def test_three_brokers_keep_three_copies(tmp_path: Path) -> None:
    """Topics are made so, and commands know it from `env`; who says a number is heard."""
    assert LocalSystem(tmp_path, 1, SETTINGS, 3).followed == {"partitions": 4, "replication": 3}
    named = Settings(_env_file=None, replication=2, partitions=1)
    assert LocalSystem(tmp_path, 1, named, 3).followed == {}


def test_each_broker_keeps_its_port(tmp_path: Path) -> None:
    """What terminals and scripts know of the servers holds after a restart."""
    ports = [free_port(), free_port(), free_port()]
    (tmp_path / "env").write_text(f"TELEMETRY_KAFKA={','.join(f'{LOOPBACK}:{port}' for port in ports)}\n")
    kafka = planned(tmp_path, 3)

    assert isinstance(kafka, KafkaCluster)
    assert kafka.wanted_ports == ports


def test_brokers_are_parts_that_begin_and_end_together(tmp_path: Path) -> None:
    """None is ready without another one, and the last to end would wait for a controller in vain."""
    kafka = KafkaCluster([tmp_path / f"kafka-{number}" for number in (1, 2, 3)])

    parts = broker_parts(kafka)

    assert [part.name for part in parts] == ["kafka-1", "kafka-2", "kafka-3"]
    assert [(part.together, part.ends_together) for part in parts] == [(False, False), (True, True), (True, True)]
    assert all(part.critical for part in parts)
