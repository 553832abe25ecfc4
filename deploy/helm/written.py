"""The lists that the chart has of the code: names of settings, topics as `setup` makes them, and rights in Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.acls import Part, acls_of
from schemas.settings import Settings
from schemas.wire.topics import IN_SYNC, Topics

if TYPE_CHECKING:
    from schemas.wire.topics import TopicSpec

__all__ = ["CHART", "FOLDER", "written"]

CHART: Final = Path(__file__).parent / "learnpack-telemetry"
FOLDER: Final = CHART / "files"

# What the chart computes from its values (templates/strimzi-topics.yaml).
_BY_VALUES: Final = frozenset({"max.message.bytes", IN_SYNC})
_RETENTION: Final = "retention.ms"


def written() -> dict[str, str]:
    """The text of each file by its name."""
    topics = [_topic(spec, Settings(_env_file=None)) for spec in _specs(Settings(_env_file=None))]
    return {
        "settings.txt": "".join(f"{name}\n" for name in sorted(Settings.settings_names())),
        # JSON is YAML, which is what the chart's templates read; a topic, or a right, a line.
        "topics.yaml": _lines(topics),
        "acls.yaml": _lines([right for part in Part for right in _rights(part)]),
    }


def _lines(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(f"  {orjson.dumps(row).decode()}" for row in rows) + "\n]\n"


def _rights(part: Part) -> list[dict[str, Any]]:
    """What a part may do in Kafka, in Strimzi's words, without the prefix of the names."""
    return [
        {
            "part": part,
            "resource": "transactionalId" if right.resource == "transactional-id" else right.resource,
            "name": right.name,
            "pattern": "prefix" if right.prefixed else "literal",
            "operations": right.operations,
        }
        for right in acls_of(part, Settings(_env_file=None, topic_prefix=""))
    ]


def _specs(settings: Settings) -> list[TopicSpec]:
    return Topics("").specs(settings)


def _topic(spec: TopicSpec, settings: Settings) -> dict[str, Any]:
    """A topic without what values decide.

    `partitioned` is whether it has as many partitions as the raw one, `retained` whether it is kept for as long.
    """
    raw = _specs(settings)[0].config[_RETENTION]
    retained = spec.config.get(_RETENTION) == raw
    left_out = _BY_VALUES | ({_RETENTION} if retained else frozenset())
    return {
        "name": spec.name,
        "partitioned": spec.partitions > 1,
        "retained": retained,
        "config": {name: value for name, value in sorted(spec.config.items()) if name not in left_out},
    }
