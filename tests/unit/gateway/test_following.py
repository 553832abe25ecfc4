"""Whose tokens are in force while the topics of reference data come, go and fail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tenacity import wait_none

from gateway import following
from gateway.following import Views
from tests.support.followed_topics import BUG, SHA, TOKEN, Topics, unheard
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_no_token_outlives_the_view(tmp_path: Path) -> None:
    """When the follower fails, its owner hears of it and no token is good any more: it may have been revoked."""
    topics = Topics()
    heard: list[BaseException] = []
    views = Views(topics.follow, tmp_path, heard.append, pauses=wait_none())
    await views.start()
    async with asyncio.timeout(60):
        await views.usable.wait()
    assert views.token(SHA) is not None

    topics.followers[0].failed(BUG)

    assert heard == [BUG]
    assert not views.complete
    assert views.token(SHA) is None
    await views.stop()


async def test_a_revoked_token_never_comes_back(tmp_path: Path) -> None:
    """Not from the tokens of an earlier run either, once the topics have been read."""
    topics = Topics()
    first = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await first.start()

    async def saved() -> bool:
        return (tmp_path / "tokens.ndjson").exists()

    await aeventually(saved, 60)
    await first.stop()
    topics.records = [(SHA.encode(), None)]
    second = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await second.start()

    async def complete() -> bool:
        return second.complete

    await aeventually(complete, 60)
    assert second.token(SHA) is None
    second._complete = False  # noqa: SLF001 - as between two followers
    assert second.token(SHA) is None
    await second.stop()


async def test_tokens_outlive_a_topic_that_was_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic without any record revokes nothing, and what is kept on disk stays; its first record counts again."""
    monkeypatch.setattr(following, "_SAVE_SECONDS", 0.01)
    topics = Topics()
    first = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await first.start()
    file = tmp_path / "tokens.ndjson"

    async def saved() -> bool:
        return file.exists() and bool(file.read_bytes())

    await aeventually(saved, 60)
    await first.stop()
    before = file.read_bytes()
    topics.records = []
    second = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await second.start()

    async def complete() -> bool:
        return second.complete

    await aeventually(complete, 60)
    assert second.token(SHA) is not None
    assert file.read_bytes() == before
    second.reference.apply("tokens", b"%064x" % 1, TOKEN)
    assert second.token(SHA) is None

    async def written() -> bool:
        return file.read_bytes() not in {b"", before}

    await aeventually(written, 60)
    await second.stop()


async def test_tokens_that_change_while_they_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved is what was in force at one moment, however many come and go meanwhile."""
    monkeypatch.setattr(following, "_SAVE_SECONDS", 0)
    topics = Topics()
    topics.records = [(b"%064x" % number, TOKEN) for number in range(20_000)]
    views = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    failures: list[BaseException] = []
    save = views._cache.save  # noqa: SLF001 - looked at from outside

    def noting(tokens: Any) -> None:
        try:
            save(tokens)
        except BaseException as error:
            failures.append(error)
            raise

    monkeypatch.setattr(views._cache, "save", noting)  # noqa: SLF001
    await views.start()
    async with asyncio.timeout(60):
        await views.usable.wait()
    for number in range(20_000, 40_000):
        views.reference.apply("tokens", b"%064x" % number, TOKEN)
        if number % 100 == 0:
            await asyncio.sleep(0)
    await views.stop()

    assert failures == []
