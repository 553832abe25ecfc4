"""A learning record store: takes statements in batches, each once by its id, and says what it does not take.

| answer | what becomes of the batch |
| --- | --- |
| 2xx | done: what the store had already it leaves as it is |
| no answer, 429, 5xx | the same again, after pauses that double, until it is taken or patience ends |
| 409 | in halves, until the one is found that the store has: with other figures it is left out and counted |
| 409, and other names | the export ends: it has all facts as they are named in another way |
| 413 | in halves |
| other 4xx, 3xx, 501 | the export ends and says what to do |
"""

from __future__ import annotations

import math
import random
import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import orjson

from operations.cut import printable
from operations.export.address import Address, shown
from operations.export.comparing import Kept, kept
from operations.export.errors import ExportError
from operations.export.statements import VERSION
from schemas.errors import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["BATCH_BYTES", "BATCH_STATEMENTS", "Differing", "Lrs", "Patience", "batches"]

BATCH_STATEMENTS: Final = 200
BATCH_BYTES: Final = 1 << 20

# Of silence, and of a whole answer, which may come byte by byte.
_TIMEOUT_SECONDS: Final = 60
_ANSWER_SECONDS: Final = 180
# Of an answer, which names the id of each statement; and of what is printed of it.
_MOST_BYTES: Final = 1 << 18
_LONGEST_ANSWER: Final = 300
_LONGEST_RETRY_AFTER: Final = 3600
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the same batch is sent again while the store does not take it, in seconds; None: for ever."""

    longest: float | None = 600
    first_pause: float = 1
    longest_pause: float = 60


def batches(statements: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Statements in runs of a bounded number and size; one that is larger goes alone."""
    batch: list[bytes] = []
    size = 0
    for statement in statements:
        if batch and (len(batch) >= BATCH_STATEMENTS or size + len(statement) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(statement)
        size += len(statement) + 1
    if batch:
        yield batch


class _Answer(NamedTuple):
    """What the store said, as far as it is read."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def passes(self) -> bool:
        """Whether the same may be taken later; what is not implemented stays so."""
        failed = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR and self.status != HTTPStatus.NOT_IMPLEMENTED
        return failed or self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def retry_after(self) -> float:
        """The seconds that it asks for; a date, or nonsense, asks for none."""
        given = self.headers.get("retry-after", "")
        return float(min(int(given), _LONGEST_RETRY_AFTER)) if _SECONDS.fullmatch(given) else 0.0


class Differing(NamedTuple):
    """Statements of a batch that the store has with other figures, and those of which it does not say what it has."""

    anew: int = 0
    unread: int = 0

    def __or__(self, other: Differing) -> Differing:
        return Differing(self.anew + other.anew, self.unread + other.unread)


class Lrs:
    """The store at an address; `say` is told why it is being waited for, and for how many seconds."""

    def __init__(
        self,
        url: str,
        login: tuple[str, str] | None,
        *,
        patience: Patience,
        say: Callable[[str, float], None],
        sleep: Callable[[float], None] = time.sleep,
        whole: float = _ANSWER_SECONDS,
    ) -> None:
        self.address = Address.of(url)
        self._patience = patience
        self._say = say
        self._sleep = sleep
        self._whole = whole
        # What is packed tells only now and then that it comes byte by byte.
        headers = {"X-Experience-API-Version": VERSION, "Accept-Encoding": "identity"}
        self._client = httpx.Client(auth=login, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def mark(self, statement: Mapping[str, Any]) -> None:
        """Leave the statement by which a store knows how students are named in it (Statements.mark).

        Raises ExportError where it has another one, which some stores leave in place without a word.
        """
        if self.send([orjson.dumps(statement)]) != Differing():
            message = (
                f"the LRS at {self.address} has the statement {statement['id']}, which says how students are named, and"
                " does not let it be read: let the user of TELEMETRY_LRS_USERNAME read statements."
            )
            raise ExportError(message)
        self._kept(statement)

    def send(self, statements: Sequence[bytes]) -> Differing:
        """Send a batch until the store has it; how many it has otherwise, which stay as they are there.

        Raises ExportError where it does not take them, or has some of them under other names.
        """
        answer = self._post(b"[" + b",".join(statements) + b"]")
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return Differing()
        halves = answer.status in (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if halves and len(statements) > 1:
            middle = len(statements) // 2
            return self.send(statements[:middle]) | self.send(statements[middle:])
        if answer.status == HTTPStatus.CONFLICT:
            found = self._kept(orjson.loads(statements[0]))
            return Differing(anew=found is Kept.ANEW, unread=found is Kept.UNREAD)
        raise self._refused(answer)

    def _kept(self, ours: Mapping[str, Any]) -> Kept:
        """What the store has under an id: some answer 409 to every one that they know. Raises ExportError."""
        for parameter in ("statementId", "voidedStatementId"):
            answer = self._answer("GET", self.address.one(parameter, str(ours["id"])))
            if answer.status != HTTPStatus.OK:
                continue
            if (found := kept(ours, answer.text)) is Kept.OTHERS:
                message = (
                    f"the LRS at {self.address} has {ours['id']} under other names: it was sent with another"
                    " --homepage, --actors or key of pseudonyms, and would have all facts twice; give those, or another"
                    " LRS."
                )
                raise ExportError(message)
            return found
        return Kept.UNREAD

    def _post(self, body: bytes) -> _Answer:
        return self._answer("POST", self.address.url, body)

    def _answer(self, method: str, url: str, body: bytes | None = None) -> _Answer:
        """The store's answer that is no failure of its own."""
        began, pause = time.monotonic(), self._patience.first_pause
        while True:
            least = 0.0
            try:
                answer = self._ask(method, url, body)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                message = f"{self.address} is no address of an LRS ({error}): correct --url."
                raise ExportError(message) from error
            except httpx.DecodingError as error:
                trouble = f"answers what cannot be read ({printable(str(error), _LONGEST_ANSWER)})"
            except httpx.RequestError as error:
                trouble = f"does not answer ({text_of(error)})"
            else:
                if not answer.passes:
                    return answer
                trouble, least = f"answers {answer.status}", answer.retry_after
            left = math.inf if self._patience.longest is None else began + self._patience.longest - time.monotonic()
            if left <= 0:
                message = (
                    f"the LRS at {self.address} {trouble}: mend it, and export again; it goes on from where it was."
                )
                raise ExportError(message)
            seconds = min(max(least, pause * random.uniform(0.5, 1)), left)  # noqa: S311 - no secret
            self._say(trouble, seconds)
            self._sleep(seconds)
            pause = min(2 * pause, self._patience.longest_pause)

    def _ask(self, method: str, url: str, body: bytes | None) -> _Answer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        with self._client.stream(method, url, content=body, headers=headers) as answer:
            told, end = bytearray(), time.monotonic() + self._whole
            for piece in answer.iter_bytes():
                told += piece
                if time.monotonic() > end:
                    message = f"no whole answer in {self._whole:.0f} s"
                    raise httpx.ReadTimeout(message)
                if len(told) > _MOST_BYTES:
                    break
            return _Answer(answer.status_code, answer.headers, told[:_MOST_BYTES].decode(errors="replace"))

    def _refused(self, answer: _Answer) -> ExportError:
        status = answer.status
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            mend = "set TELEMETRY_LRS_USERNAME and TELEMETRY_LRS_PASSWORD to a user of it who may write statements"
        elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            mend = f"give --url the address that it names: {shown(answer.headers.get('location', 'none'))}"
        elif status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            mend = "correct --url: it is the address before /statements, mostly one that ends in /xAPI"
        elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            mend = "let it take larger requests: a single statement is too large for it"
        else:
            mend = f"it says: {printable(answer.text, _LONGEST_ANSWER)}. Mend that, and export again"
        return ExportError(f"the LRS at {self.address} answers {status}: {mend}.")
