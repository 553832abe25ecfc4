"""Keys that are left out: of documents, logs and dead letters, and of raw without changing what follows from it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given

from schemas.redaction import NEEDED, blotted, blotted_body, redacted, redacted_body, redacted_headers
from streams.core.policy import Policy
from tests.support.core import Core
from tests.support.documents import histories
from tests.support.secrets import secret_event, secret_notebook
from tests.support.strategies import json_values

KEYS = frozenset({"fullname", "source_code", "files"})


def keys_in(value: Any) -> set[str]:
    """Every key of a value, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


@given(json_values())
def test_no_named_key_is_left(value: Any) -> None:
    """Whatever the value is; all else is as it was, and the value itself is not changed."""
    named = frozenset(sorted(keys_in(value))[::2])
    before = repr(value)

    assert keys_in(redacted(value, named)) & named == set()
    assert repr(redacted(value, frozenset())) == before == repr(value)


def test_of_what_facts_tell_the_size_of_raw_keeps_only_that() -> None:
    """A text of asterisks that is as long, also by its base64, a list of zeros; other keys are gone."""
    code = {"source_code": "cHJpbnQ=", "stdout": "é", "fullname": "Ada", "note": "x"}
    kept = blotted({"steps": [{"files": [{"name": "a"}], "tests": [code]}]}, KEYS | {"stdout"})

    assert kept == {"steps": [{"files": [0], "tests": [{"source_code": "*******=", "stdout": "**", "note": "x"}]}]}
    assert blotted({"source_code": 3, "fullname": {"source_code": "x"}}, KEYS) == {}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (None, None),
        (b"", b""),
        (b'{"a":  1}', b'{"a":  1}'),
        (b'{"fullname": "Ada", "a": 1}', b'{"a":1}'),
        (b'{"fullname": "\\ud83d", "a": "\\ud83d"}', '{"a":"\ufffd"}'.encode()),
        (b'\xef\xbb\xbf{"fullname": "Ada"}', b"{}"),
        (b'{"fullname": "Ada"', b""),
        (b"fullname", b""),
        (b'[{"fullname": 1}]', b"[{}]"),
        (b'{"a":' * 200 + b'{"fullname":1}' + b"}" * 200, b'{"a":' * 200 + b"{}" + b"}" * 200),
        (b'{"a":' * 1000 + b'{"fullname":1}' + b"}" * 1000, b""),
        (b"[" * 100_000, b""),
    ],
)
def test_bodies_of_any_kind_lose_the_keys(body: bytes | None, kept: bytes | None) -> None:
    """What has none of them stays as it is; of what cannot be read nothing is left."""
    assert redacted_body(body, KEYS) == kept
    assert redacted_body(body, frozenset()) == body


def test_parameters_lose_the_keys() -> None:
    """In the header that holds them, which is gone where it cannot be read."""
    headers = [("params", b'{"fullname":"Ada","slug":"x"}'), ("source", b"learnpack")]

    assert redacted_headers(headers, KEYS) == [("params", b'{"slug":"x"}'), ("source", b"learnpack")]
    assert redacted_headers([("params", b"{fullname")], KEYS) == []


def test_raw_without_every_key_that_may_be_left_out_gives_the_same_facts_and_scores() -> None:
    """Of all real documents, and events; only the stored document lacks more, as it does without that."""
    for history in histories().values():
        every = frozenset(set().union(*map(keys_in, history)) - NEEDED)
        assert every
        policy = Policy(redact=every)
        whole, less = Core(policy=policy), Core(policy=policy)
        for document in history:
            whole.send(document)
            less.send(blotted_body(orjson.dumps(document), every))
        assert (less.facts, less.outcomes, less.completions) == (whole.facts, whole.outcomes, whole.completions)
        assert (less.scores, less.telemetry, less.table.keys()) == (whole.scores, whole.telemetry, whole.table.keys())


def test_events_without_every_key_that_may_be_left_out_give_the_same_facts() -> None:
    """LearnPack's and notebooks', with something in every place."""
    events = [secret_event(name) for name in ("open_step", "compile", "test", "ai_interaction", "quiz_submission")]
    cells = [secret_notebook(name) | {"uuid": name} for name in ("start", "cell", "test")]
    # Of a message that is left out nobody can tell how it began.
    every = frozenset(keys_in([*events, *cells]) - NEEDED - {"err", "error"})
    whole, less = Core(policy=Policy(redact=every)), Core(policy=Policy(redact=every))
    for event, source in [*((one, "learnpack") for one in events), *((one, "posthog") for one in cells)]:
        whole.send(event, source=source)
        less.send(blotted(event, every), source=source)

    assert len(whole.facts) == len(events) + len(cells)
    assert (less.facts, less.outcomes) == (whole.facts, whole.outcomes)
