"""The notebooks' background sender, with a gateway that does what the test says."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from learnpack_notebook_telemetry.post import Answer
from learnpack_notebook_telemetry.sender import Patience, Sender, Status

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TAKEN = Answer(accepted=True, again=False)
LATER = Answer(accepted=False, again=True, error="HTTP 500")
NEVER = Answer(accepted=False, again=False, error="HTTP 401")
QUICK = Patience(linger=0, first_pause=0.001, longest_pause=0.01)


class Post:
    """Keeps what it is given and answers in turn, the last answer ever after; `open` holds answers back."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[list[bytes]] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, events: Sequence[bytes]) -> Answer:
        """Answer a call."""
        self.calls.append(list(events))
        self.open.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def start() -> Iterator[Callable[..., Sender]]:
    """Starts senders; all of them are closed at the end."""
    started: list[tuple[Post, Sender]] = []

    def start(post: Post, patience: Patience = QUICK) -> Sender:
        sender = Sender(post, patience)
        started.append((post, sender))
        return sender

    yield start
    for post, sender in started:
        post.open.set()
        sender.close(10)


def test_events_arrive_in_order(start: Callable[..., Sender]) -> None:
    """Each is given to the gateway once, in batches that are bounded."""
    post = Post(TAKEN)
    sender = start(post, Patience(linger=0, batch=10))
    events = [str(number).encode() for number in range(95)]

    for event in events:
        assert sender.put(event)

    assert sender.flush(10)
    assert [event for call in post.calls for event in call] == events
    assert max(map(len, post.calls)) <= 10
    assert sender.status == Status(sent=95, waiting=0, lost=0, error="")


def test_events_of_a_run_go_in_one_call(start: Callable[..., Sender]) -> None:
    """What comes within the time to linger goes together."""
    post = Post(TAKEN)
    sender = start(post, Patience(linger=60))

    for event in (b"1", b"2", b"3"):
        sender.put(event)

    assert sender.flush(10)
    assert post.calls == [[b"1", b"2", b"3"]]


def test_a_batch_that_was_not_taken_is_tried_again(start: Callable[..., Sender]) -> None:
    """The same events, until the gateway has them; nothing is lost meanwhile."""
    post = Post(LATER, LATER, TAKEN)
    sender = start(post)

    sender.put(b"1")

    assert sender.flush(10)
    assert post.calls == [[b"1"]] * 3
    assert sender.status == Status(sent=1, waiting=0, lost=0, error="HTTP 500")


def test_a_refused_batch_is_given_up(start: Callable[..., Sender]) -> None:
    """The next one is tried all the same, and the status tells."""
    post = Post(NEVER, TAKEN)
    sender = start(post)

    sender.put(b"1")
    assert sender.flush(10)
    sender.put(b"2")
    assert sender.flush(10)

    assert post.calls == [[b"1"], [b"2"]]
    assert sender.status == Status(sent=1, waiting=0, lost=1, error="HTTP 401")


def test_what_waits_is_bounded(start: Callable[..., Sender]) -> None:
    """More than the bound is lost and counted, and never waited for."""
    post = Post(TAKEN)
    post.open.clear()
    sender = start(post, Patience(events=3, linger=0))

    taken = [sender.put(str(number).encode()) for number in range(5)]

    assert taken == [True, True, True, False, False]
    post.open.set()
    assert sender.flush(10)
    assert sender.status == Status(sent=3, waiting=0, lost=2, error="")


def test_flush_waits_no_longer_than_it_is_told(start: Callable[..., Sender]) -> None:
    """It says that events still wait."""
    post = Post(TAKEN)
    post.open.clear()
    sender = start(post)
    sender.put(b"1")

    assert not sender.flush(0.01)
    assert sender.status.waiting == 1


def test_closing_tries_what_waits_once_more(start: Callable[..., Sender]) -> None:
    """A sender in the middle of a long pause wakes for it."""
    post = Post(LATER, TAKEN)
    sender = start(post, Patience(linger=0, first_pause=3_600, longest_pause=3_600))
    sender.put(b"1")
    eventually(lambda: sender.status.error, 10, "a first failure")

    assert sender.close(10)
    assert sender.status == Status(sent=1, waiting=0, lost=0, error="HTTP 500")


def test_closing_gives_up_what_is_not_taken_then(start: Callable[..., Sender]) -> None:
    """All that waits counts as lost, and nothing is taken any more."""
    post = Post(LATER)
    sender = start(post, Patience(linger=0, batch=1, first_pause=3_600, longest_pause=3_600))
    for event in (b"1", b"2"):
        sender.put(event)
    eventually(lambda: sender.status.error, 10, "a first failure")

    assert sender.close(10)
    assert post.calls == [[b"1"], [b"1"]]
    assert not sender.put(b"3")
    assert sender.status == Status(sent=0, waiting=0, lost=3, error="HTTP 500")


def test_an_error_of_the_call_is_not_shown_to_the_student(
    start: Callable[..., Sender], capfd: pytest.CaptureFixture[str]
) -> None:
    """No traceback of the thread is written, and the event is tried again."""

    class Broken(Post):
        def __call__(self, events: Sequence[bytes]) -> Answer:
            if not self.calls:
                self.calls.append(list(events))
                raise ZeroDivisionError
            return super().__call__(events)

    sender = start(Broken(TAKEN))
    sender.put(b"1")

    assert sender.flush(10)
    assert sender.status == Status(sent=1, waiting=0, lost=0, error="ZeroDivisionError()")
    assert capfd.readouterr() == ("", "")


def test_a_forked_child_neither_waits_nor_sends(start: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no thread that would send, and perhaps a lock that nobody will release."""
    sender = start(Post(TAKEN))
    mine = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: mine + 1)

    assert not sender.put(b"1")
    assert not sender.flush(3_600)
    assert not sender.close(3_600)
    monkeypatch.undo()
    assert sender.status == Status(sent=0, waiting=0, lost=0, error="")
