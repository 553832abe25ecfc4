"""What stands at the bottom of a terminal while `up` runs: what it is doing, then how the system does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.rule import Rule
from rich.text import Text

from deploy.run.levels import Level, level_of
from deploy.run.listening import Kind
from operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from deploy.run.listening import Notice
    from operations.pulse import Pulse

__all__ = ["Panel"]

_RUNS: Final = "runs"
# Of parts that all run; more would be a list that nobody reads.
_MOST_NAMED: Final = 8
_MINUTE: Final = 60
_STATES: Final = {Kind.STARTS: "starts", Kind.READY: _RUNS, Kind.ENDED: "ended"}
_STYLES: Final = {_RUNS: "green", "starts": "yellow", "ended": "red"}


class Panel:
    """The state of the parts, by name, and the text about it: a line until `ready`, then four.

    It is told by the supervisor as a listener, and read by whoever draws it, also in another thread.
    """

    def __init__(self, parts: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing runs yet."""
        self.doing = "starting"
        self.pulse: Pulse | None = None
        self._states = dict.fromkeys(parts, "waits")
        self._counts = {Level.WARNING: 0, Level.ERROR: 0}
        self._restarts = 0
        self._clock = clock
        self._began = clock()
        self._ready = False

    def ready(self) -> None:
        """What was to be done at the start is done."""
        self._ready = True
        self.doing = ""

    def wrote(self, _part: str, line: str) -> None:
        """Count warnings and errors."""
        if (level := level_of(line)) in self._counts:
            self._counts[level] += 1

    def told(self, notice: Notice) -> None:
        """Note how a part is."""
        if notice.kind is Kind.STOPPING:
            self.doing, self._ready = "stopping; Ctrl-C once more does not wait", False
        elif notice.kind in _STATES and notice.part in self._states:
            self._states[notice.part] = _STATES[notice.kind]
            self._restarts += notice.kind is Kind.ENDED

    def __rich__(self) -> RenderableType:
        """How it looks now."""
        if not self._ready:
            return Group(self._line(Text(f"{self.doing}, {self._lasted()}: ") + self._parts()))
        counts = (
            counted(self._counts[Level.WARNING], "warning"),
            counted(self._counts[Level.ERROR], "error"),
            counted(self._restarts, "restart"),
        )
        bad = self._counts[Level.ERROR] + self._restarts
        return Group(
            Rule(style="dim"),
            self._line(Text(f"up {self._lasted()}: ") + self._parts()),
            self._line(self._figures()),
            self._line(Text(", ".join(counts), style="red" if bad else "") + Text("; Ctrl-C stops", style="dim")),
        )

    @staticmethod
    def _line(text: Text) -> Text:
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _lasted(self) -> str:
        seconds = int(self._clock() - self._began)
        if seconds < _MINUTE:
            return f"{seconds} s"
        hours, minutes, seconds = seconds // _MINUTE**2, seconds // _MINUTE % _MINUTE, seconds % _MINUTE
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    def _parts(self) -> Text:
        """The parts by state; those that do not run come first, for what is cut off is at the end."""
        by_state: dict[str, list[str]] = {}
        for name, state in sorted(self._states.items(), key=lambda item: item[1] == _RUNS):
            by_state.setdefault(state, []).append(name)
        texts = []
        for state, names in by_state.items():
            listed = ", ".join(names) if len(names) <= _MOST_NAMED else counted(len(names), "part")
            verb = state if len(names) == 1 else state.removesuffix("s")
            texts.append(Text(f"{listed} {verb}", style=_STYLES.get(state, "dim")))
        return Text("; ").join(texts)

    def _figures(self) -> Text:
        if self.pulse is None:
            return Text("asking for figures …", style="dim")
        arrivals = self.pulse.arrivals
        if arrivals is None:
            came = Text("ClickHouse does not answer", style="red")
        elif arrivals.age is None:
            came = Text("no webhook in the last hour")
        else:
            came = Text(f"{arrivals.last_minute / 60:.1f} webhooks/s, the newest {_ago(arrivals.age)}")
        return came + Text("; ") + self._waiting()

    def _waiting(self) -> Text:
        if self.pulse is None or self.pulse.to_process is None or self.pulse.to_store is None:
            return Text("Kafka does not answer", style="red")
        backlogs = {"workers": self.pulse.to_process, "sinks": self.pulse.to_store}
        behind = [f"{who} {backlog.seconds:.0f} s behind" for who, backlog in backlogs.items() if backlog.offsets]
        return Text(", ".join(behind) or "nothing waits")


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s ago" if seconds < 2 * _MINUTE else f"{seconds // _MINUTE:.0f} min ago"
