"""docs/asyncapi.yaml says what the topics carry; the code is held to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
import msgspec
import orjson
import pytest
import yaml  # type: ignore[import-untyped]
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy.demo.documents import demo_documents
from operations.tokens import NewToken
from schemas.reference.lookup import Reference
from schemas.settings import Settings
from schemas.wire import rows
from schemas.wire.derived import RECOMPUTED
from schemas.wire.generations import Generation, Journal
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.staff import DeleteCommand, TelemetryCommand, encode_command
from schemas.wire.topics import Topics
from schemas.wire.traces import TRACEPARENT
from sinks.writer.dead_letters import DeadLetters, Letter
from streams.core.dead import dead_outcome
from streams.dead_letters import DeadLetter, letter
from streams.messages import source_headers
from tests.chaos.kafka import create_topics, produce, read_all
from tests.support.client import Client
from tests.support.core import MORNING, Core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import SettingsFactory

PAGE: Final[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())
SCHEMAS: Final[dict[str, Any]] = PAGE["components"]["schemas"]
MESSAGES: Final[dict[str, Any]] = PAGE["components"]["messages"]
SPECS: Final = Topics().specs(Settings(_env_file=None))
CHANNELS: Final = {channel["address"]: channel for channel in PAGE["channels"].values()}


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from [value] if name == "$ref" else references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(reference: str) -> Any:
    """What a `$ref` within the page points to; raises KeyError if nothing is there."""
    node: Any = PAGE
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def a_record(value: bytes | None = b"{}", headers: list[tuple[str, bytes]] | None = None) -> ConsumerRecord[Any, Any]:
    """A record of the raw topic as aiokafka hands it over."""
    return ConsumerRecord(
        topic="learnpack.webhooks.raw",
        partition=3,
        offset=17,
        timestamp=MORNING,
        timestamp_type=0,
        key=b"7",
        value=value,
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=len(value or b""),
        headers=tuple(headers or ()),
    )


def everything() -> Core:
    """What comes of the bundled documents, a student's streamed session, staff's commands and a tutorial's end."""
    reference = Reference()
    asset = {"id": 5, "slug": "lists", "lang": "en", "graded": True, "learnpack_id": None}
    task = {"id": 9, "user_id": 7, "associated_slug": "lists", "task_type": "EXERCISE", "task_status": "PENDING"}
    reference.apply("assets", b"5", orjson.dumps(asset))
    reference.apply("tasks", b"9", orjson.dumps(task))
    core = Core(reference=reference)
    student = Client([False, True], MORNING)
    student.open(0)
    student.open(1)
    student.attempt(1, "compile", 1)
    student.ask(1)
    student.attempt(1, "test", 0)
    student.batch()
    records = [core.record(body) for body in demo_documents()]
    records += [core.record(payload, principal="7", academy=4) for _, payload in student.posted]
    commands = (
        TelemetryCommand("telemetry.upsert", "7", "lists", {"engagement_score": 3.5, "telemetry": {"steps": []}}),
        TelemetryCommand("telemetry.update", "8", "lists", {}),
        DeleteCommand("webhook.delete", 0),
    )
    records += [core.record(encode_command(command), source="staff") for command in commands]
    core.run(records)
    return core


CORE: Final = everything()


def test_every_topic_has_a_channel() -> None:
    """The page names the topics that `setup` creates, no more and no fewer."""
    assert PAGE["asyncapi"] == "3.0.0"
    assert set(CHANNELS) == {spec.name for spec in SPECS}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_channel_is_as_setup_creates_it(spec: Any) -> None:
    """Partitions, replicas, cleanup, retention and size limit are those of the defaults."""
    kafka = CHANNELS[spec.name]["bindings"]["kafka"]
    said = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in kafka["topicConfiguration"].items()
    }

    assert (kafka["partitions"], kafka["replicas"]) == (spec.partitions, spec.replication)
    assert said == {name: spec.config[name] for name in said}
    assert said.keys() == spec.config.keys() & {"cleanup.policy", "retention.ms", "max.message.bytes"}


def test_nothing_points_nowhere() -> None:
    """Every reference has a target, and every channel is written or read by somebody."""
    for reference in references(PAGE):
        assert resolved(reference)
    used = {operation["channel"]["$ref"].rsplit("/", 1)[1] for operation in PAGE["operations"].values()}
    assert PAGE["channels"].keys() - used == {"generations"}


def test_raw_headers_are_those_of_the_gateway() -> None:
    """A raw record has the headers that the page names."""
    full = RawHeaders(
        source="posthog",
        params={"asset_id": "5"},
        academy=4,
        principal="7",
        capabilities=("upload_assignment_telemetry",),
        reports_in=(4, 5),
        permitted=True,
        receipt="7f4b9f0e-91c1-4e0e-8a0d-0a7c2d0b8a55",
        idempotency_key="k",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        id=1,
        place=3,
        retry_of=2,
    )
    assert None not in msgspec.structs.astuple(full)

    written = {name: value.decode() for name, value in encode_headers(full)}

    assert written.keys() == SCHEMAS["rawHeaders"]["properties"].keys()
    jsonschema_rs.validate(SCHEMAS["rawHeaders"], written)


@pytest.mark.parametrize(
    ("schema", "table", "left_out"),
    [
        ("fact", rows.EVENTS, {"written_at"}),
        ("outcome", rows.WEBHOOKS, set()),
        ("score", rows.SCORES, {"deleted"}),
        ("documentRow", rows.TELEMETRY, {"document", "deleted"}),
    ],
)
def test_lines_have_the_columns_of_their_table(schema: str, table: rows.Table, left_out: set[str]) -> None:
    """Names, meanings and whether null is allowed are the columns', but for those that the table fills in itself."""
    said = SCHEMAS[schema]["properties"]
    columns = {column.name: column for column in table.columns if column.name not in left_out}

    assert said.keys() == columns.keys()
    assert {name: one["description"] for name, one in said.items()} == {
        name: column.comment for name, column in columns.items()
    }
    assert {name for name, one in said.items() if "null" in one["type"]} == {
        name for name, column in columns.items() if column.type.startswith("Nullable")
    }


@pytest.mark.parametrize(
    ("schema", "lines"), [("fact", CORE.facts), ("outcome", CORE.outcomes), ("score", CORE.scores)]
)
def test_lines_of_the_core_are_as_described(schema: str, lines: list[dict[str, Any]]) -> None:
    """Whatever the core writes into a packed topic has the columns and types of the page."""
    validator = jsonschema_rs.validator_for(SCHEMAS[schema])

    assert len(lines) > 10
    for line in lines:
        validator.validate(line)


def test_documents_and_completions_are_as_described() -> None:
    """So are a document's header and a completion."""
    documents, completions = list(CORE.telemetry.values()), CORE.completions

    assert len(documents) > 10
    assert len(completions) == 1
    for _, header in documents:
        jsonschema_rs.validate(SCHEMAS["documentRow"], header)
    jsonschema_rs.validate(SCHEMAS["completion"], completions[0])


def test_the_outcome_of_a_dead_letter_is_as_described() -> None:
    """The status row of what could not be read is an outcome like others."""
    line = orjson.loads(dead_outcome(a_record(b"soup"), "not JSON"))

    jsonschema_rs.validate(SCHEMAS["outcome"], line)


@pytest.mark.system
async def test_dead_letters_have_the_headers_of_the_page(settings: SettingsFactory) -> None:
    """Worker and sink name origin and reason in headers that the page knows, all of the required ones."""
    own = settings(partitions=1)
    topic = (await create_topics(own)).dead_letters
    worker = letter(DeadLetter(a_record(b"x" * 300_000), "process", "why", "Traceback"), 200_000)
    await produce(own.kafka, topic, [(0, worker.key, worker.value, worker.headers)])
    async with AIOKafkaProducer(**own.kafka_options(), acks="all") as producer:
        origin = TopicPartition("learnpack.facts", 3)
        await DeadLetters(producer, topic, 1 << 20).send(Letter(origin, 17, MORNING, "why", value=b"{}", line=2))

    (written,) = await read_all(own.kafka, topic, 1)

    known, required = SCHEMAS["deadLetterHeaders"]["properties"], SCHEMAS["deadLetterHeaders"]["required"]
    names = [{name for name, _ in record.headers} for record in written]
    assert len(names) == 2
    assert all(set(required) <= found <= set(known) for found in names)
    resolution = {"dead-letter-resolution", "dead-letter-id", "dead-letter-received-at", "dead-letter-deleted"}
    assert names[0] | names[1] == set(known) - resolution


@pytest.mark.parametrize(
    ("record", "taken"),
    [
        ({"rules": [{"user_ids": [1], "events": ["test"]}], "asset_ids": []}, True),
        ({"rule": []}, False),
        ({"rules": [{"user_ids": [1], "event": ["test"]}]}, False),
        ({"events": "test"}, False),
        ({}, True),
    ],
)
def test_rules_on_the_topic_are_as_described(record: dict[str, Any], taken: bool) -> None:  # noqa: FBT001 - expected
    """What the page allows is what takes effect, unknown fields included."""
    payload = {**MESSAGES["ignoreRules"]["payload"], "components": PAGE["components"]}
    reference = Reference()

    assert jsonschema_rs.is_valid(payload, record) == taken
    if taken:
        reference.apply("ignore-rules", b"1", orjson.dumps(record))
    else:
        with pytest.raises(ValueError, match=r"field|list"):
            reference.apply("ignore-rules", b"1", orjson.dumps(record))


def test_packed_messages_name_their_source() -> None:
    """The headers of packed messages are those of the page: of a chunk, traced or not, or of what was recomputed."""
    chunk, recomputed = SCHEMAS["sourceHeaders"]["oneOf"]
    assert [name for name, _ in source_headers(3, 9)] == chunk["required"]
    assert recomputed["required"] == [RECOMPUTED]
    assert set(SCHEMAS["sourceHeaders"]["properties"]) == {*chunk["required"], *recomputed["required"], TRACEPARENT}
    for name, schema in (("facts", "fact"), ("outcomes", "outcome"), ("scores", "score")):
        assert MESSAGES[name]["payload"]["x-line"] == {"$ref": f"#/components/schemas/{schema}"}


@pytest.mark.parametrize("user", [7, None])
def test_token_records_are_as_described(user: int | None) -> None:
    """What `token create` writes has the fields of the page."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    token = NewToken(user, {4: ("read_assignment",)}, now, now, "desk")

    jsonschema_rs.validate(SCHEMAS["token"], orjson.loads(token.record()))


def test_the_journal_of_generations_is_as_described() -> None:
    """A record of every step is one that the page allows."""
    begun = Journal().begun("as-recorded", "1.1", "2026-11-21T12:00:00+00:00")
    swapping = begun.paused().swapping({0: 5, 1: 7})
    moved = Journal(generations=(Generation(number=1, raw="webhooks.raw.2"),))
    for journal in (Journal(), moved, begun, swapping, swapping.swapped(), swapping.swapped().returning()):
        jsonschema_rs.validate(SCHEMAS["journal"], orjson.loads(journal.encode()))
