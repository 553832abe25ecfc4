"""What a replay in place would change, as a comparison for people and scripts (pure)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from operations.replay.comparison import EXAMPLES, MOST, SCORE_COLUMNS, VERDICT_COLUMNS, Comparison, TableDifference
from schemas.wire.rows import DEAD_LETTERS, SCORES, WEBHOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.replay_students.changes import Changes, Known
    from operations.replay_students.derived import Identity, Rows
    from operations.replay_students.scope import Scope

__all__ = ["comparison_of"]


def comparison_of(
    generation: int,
    scope: Scope,
    rows: Rows,
    changes: Mapping[str, Changes],
    live: Mapping[str, Mapping[Identity, Known]],
    *,
    letters: tuple[int, int, int],
) -> Comparison:
    """Compare recomputed rows with the live ones; `letters` are dead letters there are, new ones, those gone."""
    comparison = Comparison(generation, generation, part=str(scope)[0].upper() + str(scope)[1:])
    comparison.tables = [
        TableDifference(
            name, change.live, change.new, len(change.gone), len(change.added), len(change.changed), change.moving
        )
        for name, change in changes.items()
    ]
    known, new, gone = letters
    comparison.tables.append(TableDifference(DEAD_LETTERS.name, known, known + new - gone, gone, new, 0, 0))
    comparison.verdicts = _verdicts(rows, changes[WEBHOOKS.name], live[WEBHOOKS.name])
    moves = _moves(rows, changes[SCORES.name], live[SCORES.name])
    comparison.scores, comparison.scores_moved = moves[:MOST], len(moves)
    return comparison


def _verdicts(rows: Rows, changes: Changes, live: Mapping[Identity, Known]) -> list[dict[str, Any]]:
    kinds: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for identity in changes.changed:
        columns = rows.tables[WEBHOOKS.name][identity].columns
        old, new = live[identity].shown, tuple(columns[name] for name in VERDICT_COLUMNS)
        if old != new:
            kinds[old, new].append(int(identity[0]))
    ranked = sorted(kinds.items(), key=lambda item: -len(item[1]))[:MOST]
    return [
        {
            **{f"live_{name}": value for name, value in zip(VERDICT_COLUMNS, old, strict=True)},
            **{f"new_{name}": value for name, value in zip(VERDICT_COLUMNS, new, strict=True)},
            "webhooks": len(ids),
            "examples": sorted(ids)[:EXAMPLES],
        }
        for (old, new), ids in ranked
    ]


def _moves(rows: Rows, changes: Changes, live: Mapping[Identity, Known]) -> list[dict[str, Any]]:
    moves = []
    for identity in changes.changed:
        columns = rows.tables[SCORES.name][identity].columns
        old, new = live[identity].shown, tuple(columns[name] for name in SCORE_COLUMNS)
        if old == new:
            continue
        change = max(abs(float(after or 0) - float(before or 0)) for before, after in zip(old, new, strict=True))
        moves.append(
            {
                **dict(zip(SCORES.identity, identity, strict=True)),
                **{f"live_{name}": value for name, value in zip(SCORE_COLUMNS, old, strict=True)},
                **{f"new_{name}": value for name, value in zip(SCORE_COLUMNS, new, strict=True)},
                "change": change,
            }
        )
    return sorted(moves, key=lambda move: -float(move["change"]))
