"""Logging: structlog and the libraries' own loggers, in one format on standard error; nothing of it in commands."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

import structlog
from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from structlog.typing import Processor

    from schemas.settings import Settings

__all__ = ["OncePerPeriod", "configure_logging", "silence_logging"]

# Libraries that say at INFO what only their authors need.
_CHATTY = ("aiokafka", "faust", "mode", "granian", "asyncio", "httpcore", "httpx")
# It warns of each answer that does not come, which its caller tells of by an event of its own.
_TOLD_BY_CALLERS: Final = "clickhouse_connect"
# Faust names the loggers of its services after the modules of their classes.
_SERVICES = ("streams.app", "streams.service", "streams.stores", "streams.tables", "streams.transport")

# Every client of every part complains many times a second while a broker is away.
_CLIENT: Final = "aiokafka"
_PERIOD_SECONDS: Final = 10.0
_MOST_KINDS: Final = 1_000
# Until the broker has made what it keeps of groups.
_PASSING: Final = ("Group Coordinator Request failed", "Marking the coordinator dead")


class OncePerPeriod(logging.Filter):
    """Passes a Kafka client's message once per period, whatever its values; records of other loggers always.

    What a client says of a group that has just been made, and tries again by itself, is held back for the first period:
    only what goes on is told.
    """

    def __init__(self, seconds: float = _PERIOD_SECONDS) -> None:
        """Begin with nothing passed."""
        super().__init__()
        self._seconds = seconds
        self._passed: dict[tuple[str, str], float] = {}
        self._begun: dict[tuple[str, str], float] = {}
        self._latest: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written; its own time is what counts."""
        if record.name.partition(".")[0] != _CLIENT:
            return True
        kind = (record.name, str(record.msg))
        if kind[1].startswith(_PASSING) and not self._goes_on(kind, record.created):
            return False
        if record.created - self._passed.get(kind, 0.0) < self._seconds:
            return False
        if len(self._passed) >= _MOST_KINDS:
            self._passed.clear()
        self._passed[kind] = record.created
        return True

    def _goes_on(self, kind: tuple[str, str], now: float) -> bool:
        """Whether a message has come again and again for a period."""
        begun, latest = self._begun.get(kind, now), self._latest.get(kind, now)
        if now - latest > self._seconds:
            begun = now
        self._begun[kind], self._latest[kind] = begun, now
        return now - begun >= self._seconds


def configure_logging(settings: Settings) -> None:
    """Write every log record of this process to standard error, as `TELEMETRY_LOG_FORMAT` says."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        # Without locals, which may hold a request's token.
        tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        last: list[Processor] = [tracebacks, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    handler.addFilter(OncePerPeriod())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in (*_CHATTY, *_SERVICES):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_TOLD_BY_CALLERS).setLevel(logging.ERROR)


def silence_logging() -> None:
    """Keep log records out of a command's output: what matters to its user comes back as an error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # A handler that drops everything, for some libraries set the levels of their loggers themselves.
    logging.basicConfig(level=logging.CRITICAL, handlers=[logging.NullHandler()], force=True)
