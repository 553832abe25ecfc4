"""Runs one part of the system in this process, wired to what it needs of the others' code.

Each function imports only its own part: a process starts a second sooner without the libraries of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.reference import Reference
    from schemas.settings import Settings
    from streams.views import ReferenceFollower

__all__ = ["run_gateway", "run_sink", "run_worker"]


def run_gateway(settings: Settings, ready_file: Path | None) -> int:
    """Serve HTTP until told to stop; the exit code."""
    import gateway.main  # noqa: PLC0415 - see above
    from streams.views import ReferenceFollower  # noqa: PLC0415

    def follow(reference: Reference, failed: Callable[[BaseException], None]) -> ReferenceFollower:
        return ReferenceFollower(Topics.of(settings), settings.kafka_options(), reference, on_failed=failed)

    return gateway.main.main(settings, follow_views=follow, ready_file=ready_file)


def run_worker(settings: Settings, data: Path, ready_file: Path | None) -> int:
    """Process webhooks until told to stop, with the state table's files in `data`; the exit code."""
    import streams.worker  # noqa: PLC0415 - see above

    return streams.worker.main(settings, data_dir=data, ready_file=ready_file)


def run_sink(settings: Settings, ready_file: Path | None) -> int:
    """Insert derived records into ClickHouse until told to stop; the exit code."""
    import sinks.main  # noqa: PLC0415 - see above

    return sinks.main.main(settings, ready_file=ready_file)
