"""What the worker would make of a webhook, by its own code, and nothing comes of it.

Of the student nothing is known here: that a webhook repeats another one, or is older than what is there, only the
worker finds. For all else it is refused or ignored by the same code, rules and directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from streams.core.chunk import ChunkProcessor, Record
from streams.core.dead import dead_outcome
from streams.core.policy import Past, Policy
from streams.processing import Core, process

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings
    from streams.processing import Load

__all__ = ["Judgement", "Record", "judge"]

# Today's rules judge, and the directory is not written.
_LOOKED_AT_ONLY: Final = Past(ignored=None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Status, verdict and text as the log of webhooks would have them."""

    status: str
    verdict: str
    text: str


def judge(settings: Settings, reference: Reference, record: Record) -> Judgement:
    """What would become of a record of the raw topic; of a large document it takes some tens of milliseconds."""
    policy = Policy.of(settings)

    def processor(load: Load) -> ChunkProcessor:
        return ChunkProcessor(load, reference, policy, _LOOKED_AT_ONLY)

    processed = process(Core(processor, dead_outcome), _nothing, [record])
    if processed.effects is None:
        return Judgement("ERROR", "dead", processed.dead[0].reason)
    outcome = orjson.loads(processed.effects.outcomes[-1])
    return Judgement(outcome["status"], outcome["verdict"], outcome["status_text"])


def _nothing(_key: bytes) -> None:
    return None
