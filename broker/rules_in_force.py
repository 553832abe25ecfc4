"""An academy's ignore rules as Kafka has them at this moment, whatever views of them know yet."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from broker.reading import read_cells, written_ends
from schemas.reference.lookup import Reference
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["rules_in_force"]

_PARTITION: Final = 0


async def rules_in_force(settings: Settings, academy: int) -> dict[str, Any]:
    """The rules of the last good record of an academy that was committed before this is asked, `{}` without one.

    Waits for transactions that are open meanwhile, as long as the caller does; raises KafkaError and OSError.
    """
    topic, view = Topics.of(settings).ignore_rules, Reference()
    ends = await written_ends(settings, topic, [_PARTITION])
    async for _, cells in read_cells(settings, topic, {}, ends):
        for key, value in cells:
            # What is no rules leaves those before in force, as everywhere.
            with contextlib.suppress(ValueError):
                view.apply("ignore-rules", key, value)
    rules = view.rules(academy)
    return {} if rules is None else rules.stored
