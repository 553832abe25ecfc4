"""A learning record store: takes statements in batches, each once by its id, and says what it does not take.

| answer | what becomes of the batch |
| --- | --- |
| 2xx | done: what the store had already it leaves as it is |
| no answer, 429, 5xx | the same again, after pauses that double, until it is taken or patience ends |
| 409 | in halves, until the statement is found that the store has: if with other content, it is left out and counted |
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
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx
import orjson

from operations.cut import printable
from operations.export.address import Address, shown
from operations.export.errors import ExportError
from operations.export.statements import VERSION, is_same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["BATCH_BYTES", "BATCH_STATEMENTS", "Lrs", "Patience", "batches"]

BATCH_STATEMENTS: Final = 200
BATCH_BYTES: Final = 1 << 20

_TIMEOUT_SECONDS: Final = 60
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
    ) -> None:
        self.address = Address.of(url)
        self._patience = patience
        self._say = say
        self._sleep = sleep
        self._client = httpx.Client(
            auth=login, headers={"X-Experience-API-Version": VERSION}, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def send(self, statements: Sequence[bytes]) -> int:
        """Send a batch until the store has it; how many it has with other content, which stay as they are there.

        Raises ExportError where it does not take them.
        """
        answer = self._post(b"[" + b",".join(statements) + b"]")
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return 0
        halves = answer.status in (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if halves and len(statements) > 1:
            middle = len(statements) // 2
            return self.send(statements[:middle]) + self.send(statements[middle:])
        if answer.status == HTTPStatus.CONFLICT:
            return 0 if self._has(statements[0]) else 1
        raise self._refused(answer)

    def _has(self, statement: bytes) -> bool:
        """Whether the store has this very one: some answer 409 to every id that they know."""
        ours = orjson.loads(statement)
        for parameter in ("statementId", "voidedStatementId"):
            answer = self._answer("GET", self.address.one(parameter, str(ours["id"])))
            if answer.status == HTTPStatus.OK:
                return is_same(ours, answer.text)
        return False

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
                trouble = f"does not answer ({str(error) or type(error).__name__})"
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
            told = bytearray()
            for piece in answer.iter_bytes():
                told += piece
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
