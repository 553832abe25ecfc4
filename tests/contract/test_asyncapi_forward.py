"""docs/asyncapi.yaml says what forwarders write and post; the code is held to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson
import yaml  # type: ignore[import-untyped]

from schemas.wire.forwarding import Episode, Pause
from tests.support.core import MORNING

PAGE: Final[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())


def test_who_is_stuck_is_as_described() -> None:
    """An episode has the fields of the page, each in its kind."""
    error = {"event": "compile", "kind": "TypeError", "exit_code": None}
    fields: dict[str, Any] = dict.fromkeys(("stuck_since", "last_failure", "told_at"), MORNING)
    fields |= {"actor": "ada", "asset_slug": "loops", "step_slug": "01", "last_error": error}
    fields |= {"user_id": None, "step_position": None, "failures": 3, "questions": 0}

    episode = Episode(**fields)

    jsonschema_rs.validate(PAGE["components"]["schemas"]["episode"], orjson.loads(episode.encode()))


def test_a_pause_is_as_described() -> None:
    """It says why and since when."""
    pause = orjson.loads(Pause(reason="410", at=MORNING).encode())

    jsonschema_rs.validate(PAGE["components"]["messages"]["pause"]["payload"], pause)
