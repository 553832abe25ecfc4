"""The span of a block: of the webhooks in it that are traced, from its cut to the last insert."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from broker.tracing import traced_among

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from broker.tracing import Span, Tracer
    from sinks.writer.block import Block, Piece
    from sinks.writer.routes import Route

__all__ = ["begin_span", "with_parents"]

# No more of a block are followed; a span has links to a few of them only.
_MOST: Final = 1_000


def with_parents(records: Sequence[Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces that records are decoded to; those of traced records know the span that they go on from."""
    parents = {record.offset: parent for record, parent in traced_among(records)}
    return (replace(one, parent=parents[one.offset]) if one.offset in parents else one for one in pieces)


def begin_span(tracer: Tracer | None, route: Route, block: Block) -> Span | None:
    """The span of storing a block, begun now; None if nothing in it is traced."""
    if tracer is None:
        return None
    parents = (piece.parent for part in block.slices for piece in part.pieces if piece.parent is not None)
    table = route.targets[0].table.name
    return tracer.follow(
        f"insert {table}",
        "client",
        list(islice(parents, _MOST)),
        {
            "db.system.name": "clickhouse",
            "db.operation.name": "INSERT",
            "db.collection.name": table,
            "messaging.source.name": route.topic,
            "telemetry.rows": block.rows,
        },
    )
