"""How fast one may send: each personal token by itself, and under an ingest key each student.

An ingest key is public and serves a course, so it has a far larger allowance, and those who abuse it must not use up
what others need: whoever sends little passes even while the key's is used up. Students are what clients say they are,
so new ones are counted by the address they come from; above that, they share one bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.ingest.buckets import Allowance, Bucket, Buckets, Refusal

if TYPE_CHECKING:
    from schemas.reference.directory import Token

__all__ = ["Rates"]

# Some 300 bytes each. Who comes back within ten minutes is known still.
_MOST_STUDENTS: Final = 30_000
_KNOWN_SECONDS: Final = 600.0

# Tokens are as many as were made, addresses as many as there are.
_MOST_TOKENS: Final = 30_000
_MOST_ADDRESSES: Final = 10_000

# Of a key's allowance: the students that may be new in a minute from one address.
_NEW_PART: Final = 30

# Requests that have not leaked yet of somebody who sends little, where a student may have hundreds.
_LITTLE_PART: Final = 20


class Rates:
    """Who may send now; `each` is the allowance of a token or student, `key` that of an ingest key.

    Time comes in as an argument (seconds, any origin).
    """

    def __init__(self, each: Allowance, key: Allowance) -> None:
        self._each = each
        self._key = key
        self._new = Allowance(max(1, key.requests // _NEW_PART), key.size)
        self._little = each.requests / _LITTLE_PART
        self._tokens = Buckets(_MOST_TOKENS)
        self._students = Buckets(_MOST_STUDENTS, _KNOWN_SECONDS)
        self._addresses = Buckets(_MOST_ADDRESSES)
        self._spare = Bucket(0.0)

    def of_token(self, token: Token, now: float) -> Refusal | None:
        """Count a request of a personal token; why it is refused, if it is, and then it does not count."""
        bucket = self._bucket(self._tokens, token.sha256, now)
        if bucket is None:
            return Refusal(self._each, 1)
        refusal = bucket.refusal(self._each, now)
        if refusal is None:
            bucket.add(0)
        return refusal

    def add_bytes(self, token: Token, size: int) -> None:
        """Count the body of a request that `of_token` let pass."""
        bucket = self._tokens.get(token.sha256)
        if bucket is not None:
            bucket.add(size, requests=0)

    def of_student(self, token: Token, student: bytes, address: str, size: int, now: float) -> Refusal | None:
        """Count a webhook of a student under an ingest key, as `of_token` does."""
        bucket = self._student(token, student, address, now)
        refusal = bucket.refusal(self._each, now)
        if refusal is not None:
            return refusal
        everybodys = self._bucket(self._tokens, token.sha256, now)
        over = Refusal(self._key, 1) if everybodys is None else everybodys.refusal(self._key, now)
        if over is not None and bucket.requests >= self._little:
            return over
        if over is None and everybodys is not None:
            everybodys.add(size)
        bucket.add(size)
        return None

    def whose(self, refusal: Refusal) -> str:
        """Whose allowance a refusal under an ingest key is of: `key` or `student`."""
        return "key" if refusal.allowance is self._key else "student"

    def _student(self, token: Token, student: bytes, address: str, now: float) -> Bucket:
        # A hash, since what clients call themselves may be long.
        name = hash((token.sha256, student))
        bucket = self._students.get(name)
        if bucket is not None:
            return bucket
        new = self._bucket(self._addresses, (token.sha256, address), now)
        if new is not None and new.refusal(self._new, now) is None and (bucket := self._students.make(name, now)):
            new.add(0)
            return bucket
        return self._overflow(token, now)

    def _overflow(self, token: Token, now: float) -> Bucket:
        """What all students share that have no bucket of their own."""
        name = (token.sha256, "overflow")
        return self._tokens.get(name) or self._tokens.make(name, now) or self._spare

    @staticmethod
    def _bucket(buckets: Buckets, name: object, now: float) -> Bucket | None:
        return buckets.get(name) or buckets.make(name, now)
