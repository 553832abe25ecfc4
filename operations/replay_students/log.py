"""Recomputing the students of a scope from the raw topic, in memory, as the worker would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from broker.reading import read_topic
from operations.replay_students.derived import Rows
from operations.replay_students.scope import unit_of
from schemas.wire.pseudonyms import PREFIX
from schemas.wire.staff import DeleteCommand
from schemas.wire.topics import Topics
from schemas.wire.webhook import MAX_KEY_BYTES
from streams.core.chunk import ChunkProcessor
from streams.core.completions import Told, untold
from streams.core.dead import dead_outcome
from streams.core.errors import Undecodable
from streams.core.identity import identify
from streams.core.policy import Past
from streams.core.staff import command_of
from streams.core.store import is_told, owner_of
from streams.core.webhook import read
from streams.outbox import Outbox
from streams.prepare import prepare
from streams.processing import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from operations.replay_students.scope import Students
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings
    from streams.core.completions import Untold
    from streams.core.policy import Policy
    from streams.live_progress import LiveProgress

__all__ = ["Recomputation", "find_students"]

# The key of commands that concern no student.
_STAFF: Final = b"staff"


async def find_students(
    settings: Settings,
    students: Students,
    begin: Mapping[int, int],
    end: Mapping[int, int],
    advanced: Callable[[int], None],
) -> set[bytes]:
    """Whom a scope takes in by the webhooks in the log."""
    units: set[bytes] = set()
    async for _, records in read_topic(settings, Topics.of(settings).raw, begin, end, advanced):
        for record in records:
            try:
                webhook = read(record)
            except Undecodable:
                continue
            if students.concerns(webhook):
                units.add(webhook.student)
    return units


class Recomputation:
    """Some students' webhooks applied anew; call `advance` with ever later offsets.

    Attributes:
        rows: What came of them.
        state: The state table by partition.
        positions: Raw offsets by partition up to which was recomputed.
        places: Versions of the students' webhooks.
        records: Partition and offset of their records.
        homes: The partition of each actor.
        changelog: The live generation's cells of these students by partition, as far as `read_state` has read.
    """

    def __init__(
        self,
        settings: Settings,
        units: set[bytes],
        *,
        reference: Reference,
        policy: Policy,
        live: LiveProgress,
    ) -> None:
        """Work by the directory and the settings given, and by the rules or the recorded verdicts of `live`."""
        self.rows = Rows()
        self.state: dict[int, dict[bytes, bytes]] = {}
        self.positions: dict[int, int] = {}
        self.places: set[int] = set()
        self.records: set[tuple[int, int]] = set()
        self.homes: dict[str, int] = {}
        self.changelog: dict[int, dict[bytes, bytes]] = {}
        self._settings = settings
        self._topics = Topics.of(settings)
        self._units = units
        self._keys = {unit[:MAX_KEY_BYTES] for unit in units}
        self._hidden = any(unit.startswith(PREFIX.encode()) for unit in units)
        self._policy = policy
        self._live = live
        self._deletions: dict[int, int] = {}
        self._changelog_read: dict[int, int] = {}
        past = Past(live.ignored)
        self._core = Core(lambda load: ChunkProcessor(load, reference, policy, past), dead_outcome)

    @property
    def actors(self) -> list[str]:
        """Whoever rows may be of."""
        return sorted({*self.homes, *(unit.decode("utf-8", "replace") for unit in self._units)})

    async def advance(self, end: Mapping[int, int], advanced: Callable[[int], None]) -> None:
        """Apply what there is up to these raw offsets, which the live generation must have committed."""
        begin = self.positions
        async for number, records in read_topic(self._settings, self._topics.raw, begin, end, advanced):
            if wanted := [record for record in records if self._wants(record)]:
                reach = wanted[-1].offset
                await self._live.passes(number, reach, lambda: None)
                await self._live.read_verdicts(number, reach + 1)
                self._apply(number, wanted)
                self._live.forget_verdicts(number, reach + 1)
        self.positions = {**self.positions, **end}
        self.rows.delete_webhooks(self._deletions)

    def _wants(self, record: Any) -> bool:
        """Whether a record is one of theirs; what has a key of somebody else need not be read for that."""
        if record.key and record.key not in self._keys and record.key != _STAFF and not self._may_hide(record.key):
            return False
        try:
            webhook = read(record)
        except Undecodable:
            if record.key not in self._keys:
                return False
            self._note(record, unit=record.key)
            return True
        identify(webhook, self._policy)
        if webhook.headers.source == "staff":
            self._note_deletion(webhook)
        if webhook.student not in self._units:
            return False
        self.places.add(webhook.version)
        self._note(record, unit=webhook.student)
        self.homes.setdefault(webhook.actor or f"webhook:{webhook.id}", record.partition)
        return True

    def _may_hide(self, key: bytes) -> bool:
        """Whether a record with this key may be of one who is kept under a pseudonym."""
        return self._hidden and not key.isdigit()

    def _note(self, record: Any, unit: bytes) -> None:
        self.records.add((record.partition, record.offset))
        self.homes.setdefault(unit.decode("utf-8", "replace"), record.partition)

    def _note_deletion(self, webhook: Any) -> None:
        try:
            command = command_of(webhook)
        except Undecodable:
            return
        if isinstance(command, DeleteCommand):
            self._deletions[command.id] = max(webhook.version, self._deletions.get(command.id, 0))

    def _apply(self, number: int, records: Sequence[Any]) -> None:
        table = self.state.setdefault(number, {})
        settings = self._settings
        outbox = Outbox(
            self._topics,
            number,
            self._core,
            settings.max_message_bytes,
            live=False,
            redact=settings.redacted_keys,
        )
        prepared = prepare(self._core, table.get, outbox, records)
        if prepared is None:
            middle = len(records) // 2
            self._apply(number, records[:middle])
            self._apply(number, records[middle:])
            return
        processed, outgoing = prepared
        self.rows.take(self._topics, outgoing)
        for key, value in processed.effects.changes if processed.effects is not None else ():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value

    async def read_state(self, end: Mapping[int, int], advanced: Callable[[int], None]) -> None:
        """Know the live generation's cells of these students, from its changelog up to these offsets."""
        begin, owners = self._changelog_read, self._owners()
        async for number, records in read_topic(self._settings, self._topics.changelog, begin, end, advanced):
            cells = self.changelog.setdefault(number, {})
            for record in records:
                if record.key is None or owner_of(record.key) not in owners:
                    continue
                if record.value is None:
                    cells.pop(record.key, None)
                else:
                    cells[record.key] = record.value
        self._changelog_read = dict(end)

    def _owners(self) -> set[bytes]:
        owners = self._units | {owner_of(key) for table in self.state.values() for key in table}
        return owners | {unit_of(actor) for actor in self.homes}

    def cells(self) -> dict[int, list[tuple[bytes, bytes | None]]]:
        """What has to be written to the changelog, by partition, for the state to be the recomputed one."""
        out: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for number in self.state.keys() | self.changelog.keys():
            new, live = self.state.get(number, {}), self.changelog.get(number, {})
            # What was told stays told.
            gone = sorted(key for key in live.keys() - new.keys() if not is_told(key))
            changed: list[tuple[bytes, bytes | None]] = [(key, None) for key in gone]
            changed += [(key, value) for key, value in sorted(new.items()) if live.get(key) != value]
            changed += self._untold(number).cells
            if changed:
                out[number] = changed
        return out

    def completions(self) -> dict[int, list[tuple[bytes, bytes]]]:
        """Those that follow now and have not been told, by partition."""
        by_partition = {number: self._untold(number).completions for number in sorted(self.state)}
        return {number: completions for number, completions in by_partition.items() if completions}

    def _untold(self, number: int) -> Untold:
        live = Told().take(self.changelog.get(number, {}).items())
        return untold(live, Told(remembered=live.remembered).take(self.state.get(number, {}).items()))
