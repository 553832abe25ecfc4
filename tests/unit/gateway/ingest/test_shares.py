"""Room for bodies."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError
from gateway.ingest import shares as module
from gateway.ingest.shares import SMALL_BYTES, Share, Shares

MIB = 1 << 20


async def turns(number: int = 3) -> None:
    """Let everything that can go on do so."""
    for _ in range(number):
        await asyncio.sleep(0)


async def waiting(share: Share, size: int) -> asyncio.Task[None]:
    """A share that wants to hold so much, and has begun to wait for it."""
    task = asyncio.create_task(share.hold(size))
    await turns()
    return task


async def test_what_has_not_arrived_takes_no_room() -> None:
    """A thousand who only say how much they will send are in nobody's way."""
    shares = Shares(large=8 * MIB, small=MIB)
    for number in range(1000):
        shares.enter("hostile", f"{number}")

    assert shares.held == 0
    await asyncio.wait_for(shares.enter("student", "t").hold(5 * MIB), 5)


async def test_an_address_has_its_share() -> None:
    """Whoever holds half of all waits for themselves; others have the rest."""
    shares = Shares(large=8 * MIB, small=8 * MIB)
    one, two = shares.enter("hostile", "h"), shares.enter("hostile", "i")
    await one.hold(4 * MIB)
    held_up = await waiting(shares.enter("x", "y"), 0)
    favoured = await waiting(two, MIB)
    more = await waiting(shares.enter("hostile", "j"), MIB)

    assert (held_up.done(), favoured.done(), more.done()) == (True, True, False)
    await asyncio.wait_for(shares.enter("student", "t").hold(3 * MIB), 5)
    one.leave()
    await asyncio.wait_for(more, 5)


async def test_a_token_has_its_share() -> None:
    """From however many addresses it is used."""
    shares = Shares(large=8 * MIB, small=8 * MIB)
    for number in range(5):
        await shares.enter(f"a{number}", "hostile").hold(MIB)
    more = await waiting(shares.enter("a9", "hostile"), MIB)

    assert not more.done()
    await asyncio.wait_for(shares.enter("student", "t").hold(MIB), 5)
    more.cancel()


async def test_events_pass_while_large_bodies_wait() -> None:
    """The same address and token, all of whose room for large bodies is taken."""
    shares = Shares(large=8 * MIB, small=8 * MIB)
    for _ in range(5):
        await shares.enter("school", "course").hold(MIB)
    more = await waiting(shares.enter("school", "course"), MIB)

    await asyncio.wait_for(shares.enter("school", "course").hold(1000), 5)
    assert not more.done()
    more.cancel()


async def test_who_has_no_token_has_less() -> None:
    """An eighth of an address, and all of them together half."""
    shares = Shares(large=8 * MIB, small=8 * MIB)
    for _ in range(2):
        await shares.enter("hostile", None).hold(MIB)
    more = await waiting(shares.enter("hostile", None), MIB)

    assert not more.done()
    await asyncio.wait_for(shares.enter("hostile", "known").hold(MIB), 5)
    await asyncio.wait_for(shares.enter("other", None).hold(MIB), 5)
    more.cancel()


async def test_bodies_that_wait_for_each_other_come_to_an_end() -> None:
    """Half of each has arrived and there is room for no other half: one after the other gets more than there is."""
    shares = Shares(large=4 * MIB, small=MIB)

    async def body(share: Share) -> None:
        await share.hold(SMALL_BYTES)
        for _ in range(4):
            await share.arrived(MIB // 2)
            await turns()
        share.leave()

    await asyncio.wait_for(asyncio.gather(*(body(shares.enter("school", "course")) for _ in range(16))), 20)

    assert shares.held == 0


async def test_who_has_left_holds_nothing() -> None:
    """Also where it still waited for room, which has come since; and it keeps no other one from getting more."""
    shares = Shares(large=2 * MIB, small=MIB)
    one, other = shares.enter("a", "t"), shares.enter("a", "t")
    await one.hold(2 * MIB)
    favoured = await waiting(shares.enter("b", "u"), 2 * MIB)
    gone = await waiting(other, 2 * MIB)
    other.leave()
    one.leave()
    await asyncio.wait_for(gone, 5)

    assert favoured.done()
    assert (other.small, other.large) == (0, 0)


async def test_the_slow_go_when_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends less than 32 kB a second for more than two gives up the share; whoever is faster does not."""
    shares = Shares(large=6 * MIB, small=MIB)
    gone: list[str] = []
    loop = asyncio.get_running_loop()
    now = loop.time()
    # The time stands still: a second in which nothing went on would make a new one slow.
    with monkeypatch.context() as standing:
        standing.setattr(loop, "time", lambda: now)
        for name, got, since in (
            ("slow", 70_000, 3.0),
            ("fast", 300_000, 3.0),
            ("new", 100, 1.0),
            ("favoured", 0, 0.0),
        ):
            share = shares.enter("school", "course")
            share.give_up = lambda name=name: gone.append(name)
            await share.hold(MIB)
            share.begin(now - since)
            share._got = got  # noqa: SLF001 - what has come since
        more = await waiting(shares.enter("school", "course"), MIB)

    assert gone == ["slow"]
    more.cancel()


async def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """503, which says when to try again; nothing of it stays counted."""
    monkeypatch.setattr(module, "_LONGEST_WAIT", 0.0)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    shares = Shares(large=2 * MIB, small=MIB)
    shares_ = [shares.enter("school", "course") for _ in range(3)]
    await shares_[0].hold(MIB)
    await shares_[1].hold(MIB)
    held = shares.held

    with pytest.raises(ApiError, match="unavailable"):
        await shares_[2].hold(MIB)
    assert shares.held == held


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from(["a", "b"]), st.sampled_from(["t", None]), st.integers(0, 2 * MIB)
        ),
        max_size=40,
    )
)
async def test_what_is_held_is_bounded_and_given_back(steps: list[tuple[int, str, str | None, int]]) -> None:
    """In any order of growing, shrinking and leaving: no more than there is and one body; nothing at the end."""
    shares = Shares(large=3 * MIB, small=MIB)
    shares_: dict[int, Share] = {}
    tasks: list[asyncio.Task[None]] = []
    for number, address, token, size in steps:
        share = shares_.pop(number, None)
        if share is None:
            share = shares_[number] = shares.enter(address, token)
            tasks.append(await waiting(share, size))
        else:
            share.leave()
        assert shares.held <= 4 * MIB + 2 * MIB
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for share in shares_.values():
        share.leave()

    assert shares.held == 0
    assert not shares._accounts  # noqa: SLF001 - accounts of those who are gone are gone
