"""The slim state of one (student, tutorial): a document without its texts, and what facts have been told of it.

It keeps what indicators, facts and deduplication need (times, codes, identities), about a tenth of the document.
All times are microseconds since 1970 UTC, or None where the client sent no time.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "MISSING",
    "NO_FLOORS",
    "SCHEMA",
    "Attempt",
    "Document",
    "Named",
    "Notebook",
    "Origin",
    "Orphan",
    "Overlay",
    "Quiz",
    "Run",
    "Seen",
    "State",
    "Step",
    "Student",
    "Timed",
]

# The format of all that the state table holds (schemas.wire.formats), of each kind of key; a partition's committed
# offset carries it as well, so that a reader knows before it reads.
SCHEMA: Final = 1

# What stands in Attempt.code for an attempt without the key `exit_code`; null is None.
MISSING: Final = False

# Of the lists of a step from which nothing has been let go: no item began before that.
NO_FLOORS: Final = (-(1 << 63),) * 4


class Timed(msgspec.Struct, array_like=True, gc=False):
    """Something with a beginning and an end: an AI interaction."""

    started: int | None
    ended: int | None


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """A compilation or a test; `code` is its exit code, None for null (or no number), MISSING without the key."""

    started: int | None
    ended: int | None
    code: int | bool | None

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure: it has an exit code, and that is not 0 (MISSING is, and null is not)."""
        return self.code != 0


class Quiz(msgspec.Struct, array_like=True, gc=False):
    """A quiz submission; `passed` is its status SUCCESS."""

    started: int | None
    ended: int | None
    passed: bool
    quiz_hash: str


class Step(msgspec.Struct, array_like=True, gc=False):
    """A step of the document; `slug` as the client sent it, `position` its own or its place in the list."""

    slug: str | bool | int | float | None
    position: int
    opened: int | None = None
    completed: int | None = None
    testable: bool | None = None
    elements: bool = False
    pending: list[str] = []
    compilations: list[Attempt] = []
    tests: list[Attempt] = []
    interactions: list[Timed] = []
    quizzes: list[Quiz] = []


class Document(msgspec.Struct, array_like=True, gc=False):
    """A telemetry document without its texts; `sessions` is the number of workout sessions."""

    telemetry_id: str
    started: int | None
    last: int | None
    sessions: int
    steps: list[Step]


class Overlay(msgspec.Struct, array_like=True, gc=False):
    """One streamed item that the document does not hold (yet).

    `event` is the webhook's, `at` the instant that places it (its own start, else when it arrived), `touched` the
    instant up to which the student was active by it.
    """

    event: str
    slug: str
    position: int | None
    at: int
    touched: int
    webhook_id: int
    attempt: Attempt | None = None
    interaction: Timed | None = None
    quiz: Quiz | None = None

    @property
    def own_start(self) -> int | None:
        """The instant at which the item says that it began, None where it says nothing."""
        held = self.attempt or self.interaction or self.quiz
        return None if held is None else held.started


class Seen(msgspec.Struct, array_like=True, gc=False):
    """What facts have been told of one step.

    The lists hold the starts of its items, `untimed` counts those without one by kind. What began no later than its
    kind's floor has been told too (streams.core.bounds).
    `completed` is NOT_TOLD, DERIVED (from streamed events, until a document confirms or denies it) or CONFIRMED.
    """

    opened: bool = False
    completed: int = 0
    compilations: list[int] = []
    tests: list[int] = []
    interactions: list[int] = []
    quizzes: list[int] = []
    untimed: tuple[int, ...] = (0, 0, 0, 0)
    floors: tuple[int, ...] = NO_FLOORS


class Notebook(msgspec.Struct, array_like=True, gc=False):
    """What the events of a notebook said: when, in which sessions, which cells ran and which exercises were tested.

    `cells` are the first runs by cell, `exercises` the tests by exercise in order of start, and `seen` the 8-byte
    digests of the last events.
    """

    first: int | None = None
    last: int | None = None
    sessions: list[str] = []
    cells: dict[str, int] = {}
    exercises: dict[str, list[Attempt]] = {}
    seen: bytes = b""


class State(msgspec.Struct, array_like=True, gc=False):
    """Everything the worker keeps of one (student, tutorial).

    `id` is the webhook that created it, `version` the last that changed it, `effective_at` (milliseconds) when that
    was. `mark` is the last_interaction_at below which a batch is stale, `root` the keys of batches without steps,
    which lie over the stored document, `staff` the fields that staff set, in force until the next batch.
    `finished_at` (milliseconds) is when the tutorial was first complete, `told_tasks` the tasks that completions have
    named. `overlaid` is the document with its overlay on top and `previous` the step opened last in it, kept where
    laying it anew would cost too much. `notebook` is what a notebook's events said, None for a tutorial.
    `sessions` are the starts of the work sessions that have been told.
    """

    schema: int
    id: int
    version: int
    effective_at: int
    asset_id: int | None
    telemetry_id: str = ""
    document: Document | None = None
    mark: int | None = None
    overlay: list[Overlay] = []
    root: msgspec.Raw = msgspec.Raw(b"\xc0")
    seen: dict[str, Seen] = {}
    started: bool = False
    finished_at: int | None = None
    told_tasks: list[int] = []
    staff: msgspec.Raw = msgspec.Raw(b"\xc0")
    overlaid: Document | None = None
    previous: int | None = None
    notebook: Notebook | None = None
    sessions: list[int] = []


class Origin(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a fact comes from: the columns that all facts of one webhook share; `received_at` is in milliseconds."""

    webhook_id: int
    version: int
    received_at: int
    academy_id: int | None
    actor: str
    telemetry_id: str
    package_id: int | None
    source: str


class Orphan(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A streamed item whose tutorial is not known yet, with the columns of its fact."""

    origin: Origin
    item: Overlay
    details: str


class Named(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How the batches of a run name its tutorial."""

    asset_ids: list[int]
    slug: str
    package_slug: str
    package_id: int | None


class Run(msgspec.Struct, array_like=True, gc=False):
    """Which asset a telemetry_id belongs to, the streamed items that wait to learn it, and how batches named it."""

    asset_slug: str | None
    asset_id: int | None
    orphans: list[Orphan] = []
    named: Named | None = None


class Student(msgspec.Struct, array_like=True, gc=False):
    """What redelivery needs of one student: the last effective instant (ms) and two rings of recent webhooks.

    `tutorials` and `runs` count the states and runs that there are of it.
    """

    effective_at: int = 0
    bodies: bytes = b""
    receipts: bytes = b""
    tutorials: int = 0
    runs: int = 0
