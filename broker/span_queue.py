"""Spans that wait to be sent: a bounded number of them, which a thread sends; what does not fit is dropped and counted.

OpenTelemetry's own batching drops without a count that anybody could read.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Final

import structlog
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from prometheus_client import Counter

__all__ = ["SpanQueue"]

# About 4 MB.
_MOST_WAITING: Final = 2048
_AT_ONCE: Final = 256
_PAUSE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 2.0

_log: Final = structlog.stdlib.get_logger("traces")


class SpanQueue(SpanProcessor):
    """Sends spans by an exporter of OpenTelemetry, once a second; `spans` counts what becomes of them, by outcome.

    `reason` returns what the exporter has last said of a failure, for it raises none of them.
    """

    def __init__(
        self, exporter: SpanExporter, spans: Counter, *, most: int = _MOST_WAITING, reason: Callable[[], str] = str
    ) -> None:
        self._exporter = exporter
        self._reason = reason
        self._waiting: queue.Queue[ReadableSpan] = queue.Queue(most)
        self._sent, self._failed, self._dropped = (spans.labels(name) for name in ("sent", "failed", "dropped"))
        self._closing = threading.Event()
        self._away = False
        # One that still waits for a collector must not hold up the end of the process.
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span to send; never waits."""
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            self._dropped.inc()

    def shutdown(self) -> None:
        """Send what waits, if that takes no more than two seconds, and end."""
        self._closing.set()
        self._thread.join(_LAST_SECONDS)
        self._exporter.shutdown()

    def _work(self) -> None:
        while not self._closing.wait(_PAUSE_SECONDS):
            self._send_waiting()
        self._send_waiting()

    def _send_waiting(self) -> None:
        """Send until nothing waits, or the collector does not take it."""
        while batch := self._batch():
            taken = self._export(batch)
            (self._sent if taken else self._failed).inc(len(batch))
            self._tell(away=not taken)
            if not taken:
                return

    def _batch(self) -> list[ReadableSpan]:
        batch: list[ReadableSpan] = []
        while len(batch) < _AT_ONCE:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch

    def _export(self, batch: list[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - traces are no reason for anything to end, this thread included
            return False

    def _tell(self, *, away: bool) -> None:
        was, self._away = self._away, away
        # An output that is full or gone must not end the thread.
        with contextlib.suppress(Exception):
            if away and not was:
                _log.warning("traces cannot be sent", reason=self._reason())
            elif was and not away:
                _log.info("traces can be sent again")
