"""What the demo tells."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import pytest
from pydantic import SecretStr

from deploy.demo.documents import demo_documents
from deploy.demo.report import run_demo
from operations.tokens import CAPABILITIES, NewToken, grant
from schemas.reference.tenancy import REPORT_FOR_ANYONE
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.demo.figures import Figures
    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system


def test_only_its_own_rows_are_told(installed: Settings, start_part: Callable[..., Child], tmp_path: Path) -> None:
    """Beside rows of others, and run twice, it shows its own webhooks of this run and its own facts and scores."""
    token = NewToken(1, {1: (*CAPABILITIES, REPORT_FOR_ANYONE)}, datetime.now(UTC))
    secret = asyncio.run(grant(installed, token))
    own = installed.model_copy(update={"token": SecretStr(secret)})
    for part in ("gateway", "worker", "sink"):
        start_part(part, DEFAULT_ACADEMY="1")
    other = tmp_path / "other.json"
    step = {"slug": "00", "position": 0, "opened_at": 1_772_438_400_000}
    other.write_bytes(orjson.dumps({"telemetry_id": "other", "user_id": 77, "slug": "elsewhere", "steps": [step]}))

    def shown() -> Figures:
        return asyncio.run(run_demo(own, lambda _: None))

    assert command("send", other, "--token", secret).out == "1 x 200 ok\n"
    first = shown()
    assert command("send", other, "--token", secret).out == "1 x 200 ok\n"
    second = shown()

    documents = len(demo_documents())
    assert list(first.webhooks) == [("DONE", "stored", documents)]
    assert list(second.webhooks) == [("IGNORED", "duplicate", documents)]
    assert {row[0] for row in first.scores}.isdisjoint({77})
    assert (first.facts, first.scores) == (second.facts, second.scores)
    assert first.facts
