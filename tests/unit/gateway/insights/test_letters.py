"""Dead letters that are looked at: what takes long is no work of the loop's."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from gateway.insights import letters
from gateway.operating import Judged
from schemas.json_patch import PatchError, patched
from schemas.reference.lookup import Reference
from schemas.settings import Settings

if TYPE_CHECKING:
    from gateway.operating import Webhook

LETTER: Final[dict[str, Any]] = {
    "topic": "learnpack.webhooks.raw",
    "partition": 0,
    "offset": 7,
    "written_at": "2026-04-15T10:42:30.000Z",
    "key": "7",
    "headers": {},
    "value": '{"user_id": 7}',
}


async def test_a_letter_is_judged_in_a_thread() -> None:
    """Which is told of the directory what the loop would be."""
    seen: list[Any] = []

    class Judging:
        def judge(self, webhook: Webhook, reference: Reference) -> Judged:
            seen.extend((threading.current_thread(), webhook.value, reference.has_user(7)))
            return Judged("DONE", "stored", "OK")

    reference = Reference()
    reference.apply("users", b"7", b'{"id": 7}')
    services = SimpleNamespace(settings=Settings(), reference=reference)
    found = await letters.judged(cast("Any", services), cast("Any", Judging()), LETTER, {"user_id": 7})
    other = await letters.judged(cast("Any", services), cast("Any", Judging()), {**LETTER, "topic": "another"}, {})

    assert found == Judged("DONE", "stored", "OK")
    assert other is None
    assert seen[0] is not threading.current_thread()
    assert seen[1:] == [b'{"user_id":7}', True]


async def test_a_letter_is_patched_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch may have a thousand operations on a large value."""
    threads: list[threading.Thread] = []

    def noting(value: Any, operations: Any) -> Any:
        threads.append(threading.current_thread())
        return patched(value, operations)

    monkeypatch.setattr(letters, "patched", noting)

    assert await letters.patched_letter(LETTER, [{"op": "replace", "path": "/user_id", "value": 8}]) == {"user_id": 8}
    with pytest.raises(PatchError):
        await letters.patched_letter(LETTER, [{"op": "remove", "path": "/nothing"}])
    assert len(threads) == 2
    assert threading.current_thread() not in threads
