"""Logging: structlog and the libraries' own loggers, in one format on standard error; nothing of it in commands."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog
from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from structlog.typing import Processor

    from schemas.settings import Settings

__all__ = ["configure_logging", "silence_logging"]

# Libraries that say at INFO what only their authors need.
_CHATTY = ("aiokafka", "faust", "mode", "clickhouse_connect", "granian", "asyncio")
# Faust names the loggers of its services after the modules of their classes.
_SERVICES = ("streams.app", "streams.service", "streams.stores", "streams.tables", "streams.transport")


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
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in (*_CHATTY, *_SERVICES):
        logging.getLogger(name).setLevel(logging.WARNING)


def silence_logging() -> None:
    """Keep log records out of a command's output: what matters to its user comes back as an error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # A handler that drops everything, for some libraries set the levels of their loggers themselves.
    logging.basicConfig(level=logging.CRITICAL, handlers=[logging.NullHandler()], force=True)
