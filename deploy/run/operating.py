"""The commands of operators that the gateway offers over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka.errors import KafkaError

from gateway.errors import KafkaUnavailableError
from gateway.operating import Resolved
from gateway.reading.questions import BusyError
from gateway.reading.store import ReadError
from operations import dead_letters
from operations.generations.journal import at_live, read_journal
from operations.replay.saved import LatestComparison
from operations.status import collect_status
from schemas.json_patch import patched, readable
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from operations.dead_letters import DeadLetter
    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["Operating"]

_TRIAL_SECONDS: Final = 60.0
_JOURNAL_SECONDS: Final = 5.0


class Operating:
    """Runs them on the live generation, those that change something one after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each is a transaction of one id: a second one would fence the first.
        self._turn = asyncio.Lock()
        self._trial = asyncio.Lock()
        self._comparison = LatestComparison(settings)

    async def status(self) -> dict[str, Any]:
        """As gateway.operating.Operating."""
        journal = await self._journal()
        current = self._settings if journal is None else at_live(self._settings, journal)
        status, comparison = await asyncio.gather(collect_status(current), asyncio.to_thread(self._comparison.read))
        generations = None if journal is None else journal.as_json()
        return {**status.as_json(), "generations": generations, "comparison": comparison}

    async def _journal(self) -> Journal | None:
        """None where it cannot be read: what is wrong is told of Kafka, as a part."""
        try:
            async with asyncio.timeout(_JOURNAL_SECONDS):
                return await read_journal(self._settings)
        except (KafkaError, OSError, TimeoutError, JournalError):
            return None

    async def retry(self, letters: Sequence[int]) -> Resolved:
        """As gateway.operating.Operating."""
        return await self._resolve(dead_letters.retry, letters)

    async def change(self, letter: int, patch: list[Any]) -> Resolved:
        """As gateway.operating.Operating."""

        def changed(value: bytes) -> bytes:
            return orjson.dumps(patched(readable(value), patch))

        return await self._resolve(lambda settings, chosen: dead_letters.retry(settings, chosen, changed), [letter])

    async def drop(self, letters: Sequence[int]) -> Resolved:
        """As gateway.operating.Operating."""
        return await self._resolve(dead_letters.drop, letters)

    async def _resolve(
        self, work: Callable[[Settings, Sequence[DeadLetter]], Awaitable[dead_letters.Resolved]], ids: Sequence[int]
    ) -> Resolved:
        async with self._turn:
            try:
                settings = at_live(self._settings, await read_journal(self._settings))
                # Others may have resolved some of them meanwhile.
                waiting = await asyncio.to_thread(dead_letters.find_letters, settings)
                chosen = [letter for letter in waiting if letter.id in set(ids)]
                done = await work(settings, chosen)
            except (KafkaError, OSError, JournalError) as error:
                raise KafkaUnavailableError(str(error)) from error
        return Resolved(done.count, {letter.id: reason for letter, reason in done.left})

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
