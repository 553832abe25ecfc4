"""Whoever looks at a page: the session, its token as it is now, and what both may see."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from gateway.access import require, starting
from gateway.console.counts import StuckCounts
from gateway.console.csrf import form_token
from gateway.console.formats import Formats
from gateway.console.plain_sql import STUDENT, PlainSql
from gateway.console.view import View
from gateway.console.words import say
from gateway.errors import ApiError
from gateway.insights.sight import Sight
from gateway.operating import OPERATE
from gateway.reading.shown import full_name
from gateway.reading.turns import Turns
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from broker.rule_history import RuleHistory
    from gateway.api.services import Services
    from gateway.console.session import Seal, Session
    from gateway.insights.live import Live
    from gateway.insights.system import System
    from gateway.operating import Operating
    from schemas.reference.directory import Token

__all__ = ["SESSION_COOKIE", "VIEW_COOKIE", "Console", "LogInError", "Visitor", "view_of", "visitor_of"]

SESSION_COOKIE: Final = "learnpack-console"
VIEW_COOKIE: Final = "learnpack-console-view"

# Of a school of ten thousand no two are called the same, but once in two million sessions.
_PSEUDONYM_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Console:
    """What pages are made with.

    `sealing` gives the seal of sessions and raises ApiError 503 while it is not known. Names are searched one search
    after another.
    """

    services: Services
    live: Live
    operating: Operating
    system: System
    history: RuleHistory
    sealing: Callable[[], Awaitable[Seal]]
    stuck: StuckCounts = field(default_factory=StuckCounts)
    searches: Turns = field(default_factory=lambda: Turns(1, 20))


class LogInError(Exception):
    """Nobody is logged in; `over` is whether somebody was."""

    def __init__(self, *, over: bool) -> None:
        super().__init__(over)
        self.over = over


@dataclass(frozen=True, slots=True)
class Visitor:
    """A session with its token; `now` is the moment of the request in seconds since 1970 UTC."""

    console: Console
    seal: Seal
    session: Session
    token: Token
    view: View
    now: float

    def may(self, capability: str) -> bool:
        """Whether the token has a capability in the academy that is looked at; that of operators counts in any."""
        if capability == OPERATE:
            return bool(self.token.academies_with(OPERATE))
        return self.session.academy is not None and capability in self.token.capabilities(self.session.academy)

    def require(self, capability: str) -> None:
        """Raise ApiError 403 unless `may`."""
        if capability == OPERATE:
            if not self.may(OPERATE):
                raise ApiError("missing-capability.anywhere", capability=OPERATE)
        elif self.session.academy is None:
            raise ApiError("missing-capability.anywhere", capability=capability)
        else:
            require(self.token, capability, self.session.academy)

    @property
    def academy(self) -> int:
        """The academy that is looked at; only for pages that require a capability in one."""
        assert self.session.academy is not None  # noqa: S101 - `require` has looked
        return self.session.academy

    @property
    def academies(self) -> list[int]:
        """The academies in which the token may read."""
        return sorted(self.token.academies_with(READ))

    @property
    def sight(self) -> Sight:
        """What staff of the academy see."""
        return Sight(self.console.services.reference, self.academy, self.console.services.strict)

    @property
    def sql(self) -> PlainSql:
        """Writes queries that somebody may copy."""
        return PlainSql(self.console.services.settings.database, names=self.view.names)

    def copied_id(self, student: object) -> str:
        """A student's id, or several, as a line to be copied has it: a word in its place where names are hidden."""
        return str(student) if self.view.names else STUDENT

    @property
    def form_token(self) -> str:
        """What forms of this session hold."""
        return form_token(self.seal, self.session)

    @property
    def formats(self) -> Formats:
        """How things are written for this visitor."""
        return Formats(self.view.language, datetime.fromtimestamp(self.now, tz=UTC), self.zone)

    @property
    def zone(self) -> tzinfo:
        """The time zone of the academy that is looked at, by the directory; UTC where it says nothing."""
        number = self.session.academy
        academy = None if number is None else self.console.services.reference.academy(number)
        return UTC if academy is None else academy.zone

    def name(self, student: Mapping[str, Any] | None) -> str:
        """What a student is called: by name, else by id; where names are hidden, by a pseudonym of this session."""
        number = None if student is None else student["id"]
        if student is None or number is None:
            return say(self.view.language, "student.nobody")
        if not self.view.names:
            mark = self.seal.mark("student", f"{self.session.nonce}:{number}")
            pseudonym = hashlib.blake2b(mark.encode(), digest_size=_PSEUDONYM_BYTES).hexdigest().upper()
            return say(self.view.language, "student", id=pseudonym)
        return full_name(student) or say(self.view.language, "student", id=number)


def view_of(request: Request) -> View:
    """How the sender of a request wants to see pages."""
    return View.of(request.cookies.get(VIEW_COOKIE), request.headers.get("accept-language"))


async def visitor_of(request: Request) -> Visitor:
    """Who sends a request; raises LogInError, and ApiError 503 as long as nobody can be known."""
    console: Console = request.app.state.console
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        raise LogInError(over=False)
    now = time.time()
    seal = await console.sealing()
    session = seal.opened(cookie, int(now))
    if session is None:
        raise LogInError(over=True)
    try:
        token = console.services.access.of_digest(session.token)
    except ApiError as error:
        if error.slug == "invalid-token":
            raise LogInError(over=True) from error
        raise
    if not console.services.views.complete:
        raise starting()
    return Visitor(console, seal, session, token, view_of(request), now)
