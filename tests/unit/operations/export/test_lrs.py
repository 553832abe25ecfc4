"""What a learning record store answers, and what becomes of a batch then."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.resources import free_port
from operations.export.actors import Actors
from operations.export.errors import ExportError
from operations.export.lrs import BATCH_BYTES, BATCH_STATEMENTS, Differing, Lrs, Patience, batches
from operations.export.statements import Statements
from schemas.wire.pseudonyms import Pseudonyms
from tests.support.lrs import Fails, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lrs import Store


def statement(number: int, content: str = "") -> bytes:
    """A statement, as far as the store looks at it."""
    return json.dumps({"id": f"{number}", "content": content}).encode()


@contextlib.contextmanager
def lrs_at(url: str, slept: list[float] | None = None, **options: Any) -> Iterator[Lrs]:
    """A client that never sleeps, but notes how long it would."""
    noted = [] if slept is None else slept
    options = {"patience": Patience(), "say": lambda *_: None, "login": None, **options}
    with contextlib.closing(Lrs(url, sleep=noted.append, **options)) as lrs:
        yield lrs


def ids(there: Store) -> list[str]:
    """What the store has."""
    return sorted(there.statements, key=int)


def test_a_batch_goes_as_one_request() -> None:
    """With the login, to the address below the one that is given, or to that; sent again it changes nothing."""
    with store() as there:
        for url in (there.url, f"{there.url}/", f"{there.url}/statements"):
            with lrs_at(url, login=("ada", "a:secret")) as lrs:
                assert lrs.send([statement(1), statement(2)]) == Differing()

    assert (ids(there), there.requests) == (["1", "2"], [2, 2, 2])
    assert set(there.logins) == {"ada:a:secret"}


def test_what_the_store_has_otherwise_is_left_out() -> None:
    """It is found by halves, counted, and the others arrive."""
    with store() as there, lrs_at(there.url) as lrs:
        lrs.send([statement(3, "first"), statement(6, "first")])
        differing = lrs.send([statement(number) for number in range(8)])

    assert differing == Differing(unread=2)
    assert ids(there) == [str(number) for number in range(8)]
    assert there.statements["3"]["content"] == "first"


def test_what_the_store_has_already_is_no_other() -> None:
    """Where it refuses every id that it has, the statement itself is looked at; a rerun goes on."""
    made = {
        "actor": {"account": {"homePage": "https://lms.example", "name": "1"}},
        "verb": {"id": "urn:verb"},
        "object": {"id": "urn:object"},
        "timestamp": "2026-03-02T08:00:00.250Z",
        "result": {"success": True},
    }
    batch = [json.dumps({"id": f"{number}", **made}).encode() for number in range(5)]
    with store() as there, lrs_at(f"{there.url}?tenant=7") as lrs:
        there.refuses_known = True
        lrs.send(batch[:3])
        there.statements["1"] = {**there.statements["1"], "timestamp": "2026-03-02T09:00:00.25+01:00"}
        there.statements["2"] = {**there.statements["2"], "result": {"success": False}}
        assert lrs.send(batch) == Differing(anew=1)

    assert ids(there) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": {"account": {"homePage": "https://lms.example", "name": "2"}}},
        {"actor": {"account": {"homePage": "https://other.example", "name": "1"}}},
        {"object": {"id": "urn:other"}},
    ],
)
def test_what_has_other_names_there_ends_the_export(changes: dict[str, Any]) -> None:
    """One statement suffices: no fact is ever told anew of another student or object."""
    made = {
        "id": "1",
        "actor": {"account": {"homePage": "https://lms.example", "name": "1"}},
        "verb": {"id": "urn:verb"},
        "object": {"id": "urn:object"},
        "timestamp": "2026-03-02T08:00:00.250Z",
    }
    with store() as there, lrs_at(there.url) as lrs:
        lrs.send([json.dumps({**made, **changes}).encode()])
        with pytest.raises(ExportError, match="another --homepage, --actors or key"):
            lrs.send([json.dumps(made).encode(), statement(2)])


def test_a_store_is_held_to_one_way_of_naming() -> None:
    """By one statement of the homepage, whether the store refuses another one or leaves its own in place silently."""
    first, second, open_ = (
        Statements("https://lms.example", Actors(pseudonyms))
        for pseudonyms in (Pseudonyms(b"one"), Pseudonyms(b"two"), None)
    )
    with store() as there, lrs_at(there.url) as lrs:
        for _ in range(2):
            lrs.mark(first.mark())
        for other in (second, open_):
            with pytest.raises(ExportError, match="another --homepage, --actors or key"):
                lrs.mark(other.mark())
        there.is_lax = True
        with pytest.raises(ExportError, match="another --homepage, --actors or key"):
            lrs.mark(second.mark())
        lrs.mark(first.mark())
        lrs.mark(Statements("https://another.example", Actors(None)).mark())

    assert len(there.marks) == 2


def test_an_answer_that_never_ends_is_left() -> None:
    """A byte now and then is no answer: it is told, and asked again."""
    told: list[str] = []
    with (
        store(Fails(200, "[" * 50, drips=0.01)) as there,
        lrs_at(there.url, whole=0.05, say=lambda why, _: told.append(why)) as lrs,
    ):
        assert lrs.send([statement(1)]) == Differing()

    assert told == ["does not answer (no whole answer in 0 s)"]


def test_what_is_too_large_is_cut() -> None:
    """Into requests that the store takes; one that is too large by itself ends the export."""
    with store() as there, lrs_at(there.url) as lrs:
        there.most = 200
        assert lrs.send([statement(number, "x" * 30) for number in range(8)]) == Differing()
        with pytest.raises(ExportError, match="too large for it"):
            lrs.send([statement(9, "x" * 300)])

    assert len(there.statements) == 8


def test_a_store_that_fails_is_asked_again() -> None:
    """After pauses that grow, and at least as long as it asks for; each is told."""
    told: list[str] = []
    slept: list[float] = []
    failures = [
        Fails(503),
        Fails(500),
        Fails(429, headers={"Retry-After": "17"}),
        Fails(502, headers={"Retry-After": "soon"}),
    ]
    with store(*failures) as there, lrs_at(there.url, slept, say=lambda why, _: told.append(why)) as lrs:
        assert lrs.send([statement(1)]) == Differing()

    assert told == ["answers 503", "answers 500", "answers 429", "answers 502"]
    assert 0.5 <= slept[0] <= 1 <= slept[1] <= 2
    assert slept[2] == 17
    assert 4 <= slept[3] <= 8


def test_no_pause_is_longer_than_patience() -> None:
    """Whatever the store asks for; an answer that cannot be unpacked is a failure of its own."""
    told: list[str] = []
    slept: list[float] = []
    failures = [Fails(503, headers={"Retry-After": "3600"}), Fails(200, "no gzip", {"Content-Encoding": "gzip"})]
    with store(*failures) as there, lrs_at(there.url, slept, say=lambda why, _: told.append(why)) as lrs:
        assert lrs.send([statement(1)]) == Differing()

    assert 60 < slept[0] <= 600
    assert told[0] == "answers 503"
    assert "cannot be read" in told[1]


def test_no_message_has_what_is_secret_in_an_address() -> None:
    """A login belongs into settings; a query goes with each request, and is not printed."""
    for url in ("http://ada:s3cr3t@lrs.example/xAPI", "ada:s3cr3t@lrs.example", "http://ada:s3/cr?3t@lrs.example"):
        with pytest.raises(ExportError, match="TELEMETRY_LRS_PASSWORD") as refused:
            Lrs(url, None, patience=Patience(), say=lambda *_: None)
        assert "s3" not in str(refused.value)
    moved = Fails(302, headers={"Location": "https://other.example/xAPI?token=s3cr3t"})
    with store(Fails(401), moved) as there, lrs_at(f"{there.url}?token=s3cr3t") as lrs:
        for _ in range(2):
            with pytest.raises(ExportError, match="answers") as refused:
                lrs.send([statement(1)])
            assert "s3cr3t" not in str(refused.value)
        assert lrs.send([statement(1)]) == Differing()
        assert there.queries == {"token=s3cr3t"}


def test_patience_ends() -> None:
    """With what to do; where it is for ever it does not, which following is."""
    url = f"http://127.0.0.1:{free_port()}/xAPI"
    ends = pytest.raises(ExportError, match=r"does not answer .* it goes on from where it was")
    with lrs_at(url, patience=Patience(longest=0)) as lrs, ends:
        lrs.send([statement(1)])


@pytest.mark.parametrize(
    ("answer", "mend"),
    [
        (Fails(401), "TELEMETRY_LRS_USERNAME"),
        (Fails(403), "TELEMETRY_LRS_PASSWORD"),
        (Fails(404), "ends in /xAPI"),
        (Fails(501, "no"), "it says: no"),
        (Fails(302, headers={"Location": "https://lrs.example/"}), "https://lrs.example/"),
        (Fails(400, '{"detail": "bad\x1b[31m actor"}'), "bad"),
        (Fails(422, "x" * 100_000), "Mend that"),
    ],
)
def test_what_it_does_not_take_ends_the_export(answer: Fails, mend: str) -> None:
    """In one line of bounded length that says what to do, with nothing in it that a terminal would obey."""
    with store(answer) as there, lrs_at(there.url) as lrs, pytest.raises(ExportError) as refused:
        lrs.send([statement(1)])

    text = str(refused.value)
    assert str(answer.status) in text
    assert mend in text
    assert len(text) < 600
    assert text.isprintable()


def test_an_address_of_nothing_is_named() -> None:
    """As what it is."""
    with lrs_at("ftp://lrs.example/xAPI") as lrs, pytest.raises(ExportError, match="correct --url"):
        lrs.send([statement(1)])


def test_batches_are_bounded() -> None:
    """In number and in bytes; whatever is larger goes alone, and nothing is left out or moved."""
    many = [statement(number) for number in range(2 * BATCH_STATEMENTS + 1)]
    large = [b"x" * size for size in (10, BATCH_BYTES, 10, BATCH_BYTES + 1, BATCH_BYTES // 2, BATCH_BYTES // 2, 10)]

    assert [len(batch) for batch in batches(iter(many))] == [BATCH_STATEMENTS, BATCH_STATEMENTS, 1]
    assert [one for batch in batches(many) for one in batch] == many
    assert [one for batch in batches(large) for one in batch] == large
    assert [len(batch) for batch in batches(large)] == [1, 1, 1, 1, 1, 2]
    assert list(batches([])) == []
