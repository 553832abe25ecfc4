"""One student in one notebook: what a notebook's cells call."""

from __future__ import annotations

import inspect
import time
from collections import Counter
from datetime import datetime, timezone
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast
from uuid import uuid4

from learnpack_notebook_telemetry.events import encode
from learnpack_notebook_telemetry.sender import Status
from learnpack_notebook_telemetry.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from learnpack_notebook_telemetry.sender import Sender

__all__ = ["CODE_CHARACTERS", "Session"]

CODE_CHARACTERS: Final = 500

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """What a student does from one set-up to the next; without a `sender` everything works and nothing is sent.

    Events are `start`, `cell`, `test` and the notebook author's own. Each carries the notebook as `nb`, this session
    as `sess`, the student, and the package's version as `v`.
    """

    def __init__(self, notebook_id: str, student: str, sender: Sender | None, *, send_code: bool = False) -> None:
        self.notebook_id = notebook_id
        self.student = student
        self.session_id = uuid4().hex[:8]
        self._sender = sender
        self._send_code = send_code
        self._cells = 0
        self._attempts: Counter[str] = Counter()

    def capture(self, event: str, properties: Mapping[str, object] | None = None) -> None:
        """Record an event of the notebook's own; never raises, whatever is in the properties."""
        if self._sender is None:
            return
        common = {"nb": self.notebook_id, "sess": self.session_id, "student": self.student, "v": __version__}
        try:
            now = datetime.now(timezone.utc)
            self._sender.put(encode(event, self.student, {**(properties or {}), **common}, now, uuid4()))
        except Exception:  # noqa: BLE001, S110 - a notebook does not stop for its telemetry
            pass

    def cell(self, cell_id: str, code_preview: str = "") -> None:
        """Record that a cell runs; `code_preview` goes along only where the course has asked for code."""
        self._cells += 1
        properties: dict[str, object] = {"cell_id": cell_id, "cell_num": self._cells}
        if self._send_code and isinstance(code_preview, str):
            properties["code"] = code_preview[:CODE_CHARACTERS]
        self.capture("cell", properties)

    def tracked_test(self, name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """A decorator for the test of an exercise: each call is an attempt, passed unless it raises.

        What the test returns or raises stays as it is; of an error only its type is sent. Works for `async def` too.
        """

        def decorate(function: Callable[P, T]) -> Callable[P, T]:
            if inspect.iscoroutinefunction(function):

                @wraps(function)
                async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                    __tracebackhide__ = True
                    with _Attempt(self, name):
                        return await function(*args, **kwargs)

                return cast("Callable[P, T]", awaited)

            @wraps(function)
            def called(*args: P.args, **kwargs: P.kwargs) -> T:
                __tracebackhide__ = True
                with _Attempt(self, name):
                    return function(*args, **kwargs)

            return called

        return decorate

    def attempt(self, name: str) -> int:
        """The number of the attempt at an exercise that begins now; the first is 1."""
        self._attempts[name] += 1
        return self._attempts[name]

    @property
    def status(self) -> Status:
        """How many events were sent, wait and were lost, and the last error: for whoever looks for a fault."""
        return self._sender.status if self._sender else Status(0, 0, 0, "nothing is sent from this notebook")

    def flush(self, timeout: float = 5) -> bool:
        """Wait at most `timeout` seconds; whether every event so far has been dealt with."""
        return self._sender.flush(timeout) if self._sender else True

    def _ipython_display_(self) -> None:
        """Show nothing when a cell ends with the set-up."""


class _Attempt:
    """Times a test and records how it ended, on leaving the block."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    def __enter__(self) -> None:
        self._number = self._session.attempt(self._name)
        self._began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        milliseconds = int((time.perf_counter() - self._began) * 1000)
        error = kind.__name__ if kind else None
        outcome = {"ex": self._name, "ok": kind is None, "try": self._number, "ms": milliseconds, "error_type": error}
        self._session.capture("test", outcome)
