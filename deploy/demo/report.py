"""Sends the bundled documents and asks what became of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.demo.documents import demo_documents
from deploy.demo.errors import DemoError
from deploy.demo.figures import Figures
from deploy.demo.outcomes import Since, until_come_out, until_stored
from deploy.demo.populate import bring_made
from deploy.demo.sending import send_webhooks
from operations.clickhouse import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings

__all__ = ["run_demo"]


async def run_demo(settings: Settings, doing: Callable[[str], None]) -> Figures:
    """Send the documents; returns webhooks by status, facts by kind and the students' scores once all is stored.

    `doing` is told what goes on. Beside the documents come webhooks of more students (deploy.demo.made), which are in
    none of these figures. Raises DemoError if something is refused or has no outcome after 45 s.
    """
    bodies = demo_documents()
    assert settings.token is not None  # noqa: S101 - `up` always has one
    demo_rows = _Own.of(bodies, await Since.now(settings))
    numbers = iter(range(1, len(bodies) + 1))

    def sent() -> None:
        doing(f"the demo: {next(numbers)} of {len(bodies)} documents sent")

    answers = await send_webhooks(bodies, settings.gateway_url, settings.token.get_secret_value(), sent=sent)
    if set(answers) != {"200 ok"}:
        message = f"the gateway refused documents: {dict(answers)}"
        raise DemoError(message)
    doing("the demo: documents are processed and stored")
    await asyncio.to_thread(until_come_out, settings, _WEBHOOKS, demo_rows.parameters, len(bodies))
    doing("the demo: more students come, who are made up")
    await bring_made(settings, bodies)
    await until_stored(settings)
    return await asyncio.to_thread(_figures, settings, demo_rows)


@dataclass(frozen=True, slots=True)
class _Own:
    """What tells the documents' rows from others: their students and runs, and for webhooks since when they came."""

    students: list[int]
    runs: list[str]
    since: Since

    @classmethod
    def of(cls, bodies: list[bytes], since: Since) -> _Own:
        """Those of documents, with the moment before they are sent."""
        documents = [orjson.loads(body) for body in bodies]
        return cls(
            sorted({document["user_id"] for document in documents}),
            sorted({document["telemetry_id"] for document in documents}),
            since,
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The same as parameters of a query."""
        return {"students": self.students, "runs": self.runs, **self.since.parameters}


_WEBHOOKS: Final = f"has({{students:Array(UInt64)}}, student_id) AND {Since.CONDITION}"
_SCORES: Final = "user_id, engagement_score, frustration_score, completion_rate, asset_slug"
_OWN_RUNS: Final = "WHERE has({students:Array(UInt64)}, user_id) AND has({runs:Array(String)}, telemetry_id)"


def _figures(settings: Settings, demo_rows: _Own) -> Figures:
    client = connected(settings)
    try:
        webhooks = client.query(
            f"SELECT status, verdict, count() FROM webhooks WHERE {_WEBHOOKS} GROUP BY ALL ORDER BY ALL",  # noqa: S608 - as above
            parameters=demo_rows.parameters,
        ).result_rows
        facts = client.query(
            f"SELECT event, count() FROM events {_OWN_RUNS} GROUP BY ALL ORDER BY 2 DESC, 1",  # noqa: S608
            parameters=demo_rows.parameters,
        ).result_rows
        scores = client.query(
            f"SELECT {_SCORES} FROM scores {_OWN_RUNS} ORDER BY frustration_score DESC, user_id",  # noqa: S608
            parameters=demo_rows.parameters,
        ).result_rows
    finally:
        client.close()
    return Figures(len(demo_rows.students), tuple(webhooks), tuple(facts), tuple(scores))
