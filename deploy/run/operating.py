"""The commands of operators that the gateway offers over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from gateway.errors import KafkaUnavailableError
from gateway.operating import Judged, Resolved
from gateway.reading.questions import BusyError
from gateway.reading.store import ReadError
from operations import dead_letters
from operations.clickhouse import connected
from operations.generations.journal import at_live, read_journal
from operations.judging import Record, judge
from operations.lag_history import LagHistory
from operations.replay.saved import LatestComparison
from operations.row_counts import RowCounts
from operations.status import collect_status
from schemas.json_patch import patched, readable
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.operating import Webhook
    from operations.dead_letters import DeadLetter
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

__all__ = ["Operating"]

_TRIAL_SECONDS: Final = 60.0
# All of it within what a caller waits for: whoever does not answer is told of, not waited for.
_STATUS_SECONDS: Final = 5.0
# A thousand letters take longer than a caller waits: those that have had no turn by then are left.
_LETTERS_SECONDS: Final = 5.0
_DOES_NOT_WAIT: Final = "it does not wait (any more)."


class Operating:
    """Runs them on the live generation, those that change something one after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each is a transaction of one id: a second one would fence the first.
        self._turn = asyncio.Lock()
        self._trial = asyncio.Lock()
        self._comparison = LatestComparison(settings)
        self._lag_history = LagHistory(settings)
        self._row_counts = RowCounts()

    async def status(self, *, counted: bool = True) -> dict[str, Any]:
        """As gateway.operating.Operating."""
        reading = asyncio.ensure_future(read_journal(self._settings))
        status, comparison = await asyncio.gather(
            collect_status(
                self._settings,
                _STATUS_SECONDS,
                _STATUS_SECONDS,
                counts=self._row_counts,
                counted=counted,
                journal=reading,
            ),
            asyncio.to_thread(self._comparison.read),
        )
        # None where it cannot be read: what is wrong is told of Kafka, as a part.
        failed = reading.cancelled() or reading.exception() is not None
        generations = None if failed else reading.result().as_json()
        return {**status.as_json(), "generations": generations, "comparison": comparison}

    async def keep_lag(self) -> None:
        """As gateway.operating.Operating."""
        await self._lag_history.keep()

    async def keep_counts(self) -> None:
        """As gateway.operating.Operating."""
        await self._row_counts.keep(partial(connected, self._settings), self._settings.database)

    async def retry(self, letters: Sequence[int]) -> Resolved:
        """As gateway.operating.Operating."""
        return await self._resolve(partial(dead_letters.retry, seconds=_LETTERS_SECONDS), letters)

    async def change(self, letter: int, patch: list[Any]) -> Resolved:
        """As gateway.operating.Operating."""

        def changed(value: bytes) -> bytes:
            return orjson.dumps(patched(readable(value), patch))

        return await self._resolve(partial(dead_letters.retry, change=changed), [letter])

    async def drop(self, letters: Sequence[int]) -> Resolved:
        """As gateway.operating.Operating."""
        return await self._resolve(partial(dead_letters.drop, seconds=_LETTERS_SECONDS), letters)

    async def _resolve(
        self, work: Callable[[Settings, Sequence[DeadLetter]], Awaitable[dead_letters.Resolved]], ids: Sequence[int]
    ) -> Resolved:
        async with self._turn:
            try:
                settings = at_live(self._settings, await read_journal(self._settings))
                chosen = await asyncio.to_thread(dead_letters.waiting_among, settings, ids)
                done = await work(settings, chosen)
            except ClickHouseError as error:
                raise ReadError(str(error).partition("\n")[0]) from error
            except (KafkaError, OSError, JournalError) as error:
                raise KafkaUnavailableError(str(error)) from error
        waiting = {letter.id for letter in chosen}
        left = {number: _DOES_NOT_WAIT for number in ids if number not in waiting}
        return Resolved(done.count, left | {letter.id: reason for letter, reason in done.left})

    def judge(self, webhook: Webhook, reference: Reference) -> Judged:
        """As gateway.operating.Operating."""
        record = Record(webhook.partition, webhook.offset, webhook.arrival, webhook.key, webhook.value, webhook.headers)
        judgement = judge(self._settings, reference, record)
        return Judged(judgement.status, judgement.verdict, judgement.text)

    async def try_rules(self, academy: int, rules: dict[str, Any], minutes: int) -> dict[str, Any]:
        """As gateway.operating.Operating: one at a time, in a process of its own that webhooks do not wait for."""
        if self._trial.locked():
            raise BusyError
        async with self._trial:
            return await _tried(academy, rules, minutes)


async def _tried(academy: int, rules: dict[str, Any], minutes: int) -> dict[str, Any]:
    command = ("-m", "deploy.cli", "rules", "test", str(academy), "--since", f"{minutes}m", "--json")
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_TRIAL_SECONDS):
            out, err = await child.communicate(orjson.dumps(rules))
    except TimeoutError as error:
        message = f"rules were tried for more than {_TRIAL_SECONDS:.0f} s; try them on fewer days"
        raise ReadError(message) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise ReadError(err.decode("utf-8", "replace").strip().rpartition("\n")[2])
    tried: dict[str, Any] = orjson.loads(out)
    return tried
