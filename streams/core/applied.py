"""What the handlers of LearnPack's, staff's and notebooks' records return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.directory import Asset
    from schemas.wire.staff import ForgetCommand
    from streams.core.decide import Decision
    from streams.core.effects import Completion
    from streams.core.working_state import WorkingState

__all__ = ["Applied"]


@dataclass(slots=True)
class Applied:
    """What a record did: its decision, and what must be written because of it.

    Facts and states are written by then.

    Attributes:
        working: The state that changed.
        document: The document that the state has from now on, if it has a new one.
        telemetry_id: The run that the document is of.
        completion: That a tutorial is completed.
        assets: Records of the directory as they are from now on.
        event: What the outcome calls the record, where that is not the webhook's own event.
        result: What the outcome says to staff.
        deletes: The id of a webhook that is taken out of the log.
        forgets: Whose documents are deleted.
    """

    decision: Decision
    working: WorkingState | None = None
    document: bytes | None = None
    telemetry_id: str = ""
    completion: Completion | None = None
    assets: Sequence[Asset] = ()
    event: str | None = None
    result: dict[str, Any] | None = None
    deletes: int | None = None
    forgets: ForgetCommand | None = None
