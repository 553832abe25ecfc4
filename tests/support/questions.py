"""The questions of docs/analysts.md and of pages like it: their SQL, and the outputs that the page shows.

    LEARNPACK_TEST_STACK=… uv run python -m tests.support.questions

loads the demo and writes the outputs into docs/analysts.md anew.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect

from schemas.settings import Settings
from tests.support.demo import load_demo
from tests.support.processes import Processes
from tests.support.stack import open_stack

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["PAGE", "Question", "answer", "questions"]

PAGE = Path(__file__).parents[2] / "docs" / "analysts.md"

_QUESTION = re.compile(
    r"^## (?P<title>\d+\. [^\n]+)\n.*?^```sql\n(?P<sql>.*?)```\n(?P<output>(?:\n\|[^\n]*)*)", re.DOTALL | re.MULTILINE
)
_DATABASE = re.compile(r"\btelemetry\.(?=[a-z_]+\b)")


@dataclass(frozen=True, slots=True)
class Question:
    """A question's heading, its SQL and the Markdown table below it."""

    title: str
    sql: str
    output: str


def questions(page: Path = PAGE) -> list[Question]:
    """All questions of a page, in order."""
    text = page.read_text("utf-8")
    return [Question(found["title"], found["sql"], found["output"].strip()) for found in _QUESTION.finditer(text)]


def answer(client: Client, database: str, sql: str) -> str:
    """The answer as a Markdown table; `database` stands in for the page's `telemetry`."""
    return client.raw_query(_DATABASE.sub(f"{database}.", sql), fmt="Markdown").decode().strip()


def _rewrite() -> None:
    with tempfile.TemporaryDirectory() as name, open_stack(Path(name)) as stack:
        directory = Path(name) / "demo"
        directory.mkdir()
        processes = Processes(directory)
        prefix = f"q{uuid.uuid4().hex[:8]}"
        settings = Settings(
            _env_file=None, kafka=stack.kafka, clickhouse=stack.clickhouse, database=prefix, topic_prefix=f"{prefix}."
        )
        try:
            asyncio.run(load_demo(settings, processes, directory))
        finally:
            processes.end_all()
        client = clickhouse_connect.get_client(dsn=stack.clickhouse, autogenerate_session_id=False)
        text = PAGE.read_text("utf-8")

        def fresh(found: re.Match[str]) -> str:
            kept = found[0][: len(found[0]) - len(found["output"])]
            return f"{kept}\n{answer(client, prefix, found['sql'])}"

        PAGE.write_text(_QUESTION.sub(fresh, text), "utf-8")
        client.command(f"DROP DATABASE {prefix}_g1")
        client.command(f"DROP DATABASE {prefix}")
        client.close()


if __name__ == "__main__":
    _rewrite()
