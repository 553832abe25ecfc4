"""docs/metrics.md: every figure that Prometheus is told, from where the parts declare them.

`uv run python -m deploy.metrics_page` writes it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.marked_pages import between
from deploy.run.metrics import SUPERVISOR
from gateway.metrics import Metrics
from operations.directory_sync.metrics import SYNC
from operations.monitoring.metrics import MONITOR
from sinks.forward.metrics import FORWARD
from sinks.metrics import SINK
from streams.metrics import WORKER

if TYPE_CHECKING:
    from broker.metrics import PartMetrics

__all__ = ["PAGE", "every_part", "render"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

_BEGIN: Final = "<!-- figures: written by `uv run python -m deploy.metrics_page` -->\n"
_END: Final = "<!-- end of figures -->\n"

_PARTS: Final = {
    "gateway": "At its own address, `/metrics`; of several processes any tells of all.",
    "worker": "Those of a replay, too: there `process` is `replay-worker-N`.",
    "sink": "Those of a replay, too.",
    "forward": "Of each process of a forwarder.",
    "supervisor": "`up`, of the parts that it runs.",
    "sync": "`learnpack-telemetry directory sync --every`.",
    "monitor": "Of the system as a whole: `learnpack-telemetry monitor` on a cluster, `up` beside the supervisor's.",
}


class _Nothing:
    """Stands for a gateway's delivery and spool, which nobody reads here."""

    direct = False
    records = size = limit = damaged = 0
    age = 0.0


def every_part() -> list[PartMetrics]:
    """The figures of each part, in the order of the page."""
    gateway = Metrics()
    gateway.watch(_Nothing(), _Nothing(), Path())
    return [gateway, WORKER, SINK, FORWARD, SUPERVISOR, SYNC, MONITOR]


def render(page: str) -> str:
    """The text of the page with the tables as they should be; raises ValueError where it has no marks for them."""
    return between(page, _BEGIN, _END, "".join(map(_section, every_part())))


def _section(part: PartMetrics) -> str:
    head = ["", f"### {part.part.capitalize()}", "", _PARTS[part.part], "", "| figure | kind | by | what it is |"]
    rows = [
        f"| `{figure.name}` | {figure.kind} | {', '.join(figure.labels)} | {figure.text} |" for figure in part.declared
    ]
    return "\n".join([*head, "| --- | --- | --- | --- |", *rows]).replace("|  |", "| |") + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text("utf-8")), encoding="utf-8")
