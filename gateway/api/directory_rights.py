"""Who may write what of the directory over HTTP (docs/directory.md, "Whose records").

A directory is of all academies and a token of some. What a record says can let an academy's staff see a student, so
whoever writes needs `crud_directory` in every academy that the record belongs to, as it is and as it would be; with
`operate_telemetry` beside it, wherever held, the whole directory may be written. A token gives nobody what the one that
writes it has not. It is judged by what this process's view knows at that moment.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.access import UPLOAD
from gateway.api.directory_names import Claims, assets_near
from gateway.errors import ApiError
from gateway.operating import OPERATE
from schemas.fields import decode_object
from schemas.reference.directory import Academy, Asset, Task, Token, User
from schemas.reference.directory_file import MODELS, ONE
from schemas.reference.lookup import folded_name
from schemas.reference.tenancy import CHANGE, READ, reaches
from schemas.times import sql_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from schemas.reference.directory_file import Record
    from schemas.reference.lookup import Kind, Reference

__all__ = ["WRITE", "Writer", "known_record", "require_write", "writer_of"]

# The capability to write the directory.
WRITE: Final = "crud_directory"

# Whoever sends one of these with a token has taken its secret for something to be kept; upper and lower case, `_` and
# `-` make no difference.
_SECRETS: Final = frozenset({"token", "secret", "key", "password", "accesstoken", "apikey", "secretkey", "tokenkey"})
_KEY_SHOWN: Final = 16


class Writer(NamedTuple):
    """Who writes in one request: the academies in which `token` may, or `everywhere`; `strict` is the directory."""

    token: Token
    academies: frozenset[int]
    everywhere: bool
    strict: bool
    claims: Claims

    def holds(self, *names: str) -> bool:
        """Whether the token has all these capabilities, each in some academy."""
        return all(self.token.academies_with(name) for name in names)


def writer_of(token: Token, scope: int | None, *, strict: bool) -> Writer:
    """The writer that a token is, in the academy that the request names or in all of its own.

    Raises ApiError 403 where it may write nothing.
    """
    academies = token.academies_with(WRITE)
    if scope is not None:
        if scope not in academies:
            raise ApiError("missing-capability", capability=WRITE, academy=scope)
        return Writer(token, frozenset({scope}), everywhere=False, strict=strict, claims=Claims())
    if not academies:
        raise ApiError("missing-capability.anywhere", capability=WRITE)
    everywhere = bool(token.academies_with(OPERATE))
    return Writer(token, academies, everywhere=everywhere, strict=strict, claims=Claims())


def known_record(reference: Reference, kind: Kind, key: bytes) -> Record | None:
    """The record that the directory has under a key, None if there is none."""
    if kind == "tokens":
        return reference.token(key.decode())
    find: Callable[[int], Record | None] = {
        "assets": reference.asset,
        "users": reference.user,
        "tasks": reference.task,
        "academies": reference.academy,
    }[kind]
    return find(int(key))


def require_write(writer: Writer, reference: Reference, kind: Kind, key: bytes, value: bytes | None) -> None:
    """Raise ApiError 403 unless a writer may put a record (validated; None deletes it) in the place of what is there.

    400 for a token's record that holds more than belongs into one, and where too many have a name of it, those that
    this writer was let write before among them.
    """
    there = known_record(reference, kind, key)
    new = None if value is None else MODELS[kind].parse(key, value)
    if isinstance(new, Token):
        _require_token(writer, reference, new)
    if writer.everywhere:
        return
    if isinstance(new, User) and there is None:
        # Whoever is new here may be another academy's student a moment ago, or in a moment.
        raise ApiError("missing-capability.unknown", capability=OPERATE, user=new.id)
    if kind == "academies" and int(key) not in writer.academies:
        is_allowed = False
    else:
        is_own = all(record is None or _is_own(writer, reference, record) for record in (there, new))
        is_allowed = is_own and _takes_nothing(writer, reference, there, new)
    if not is_allowed:
        shown = key.decode()[:_KEY_SHOWN]
        raise ApiError("missing-capability.record", capability=WRITE, record=f"{ONE[kind]} {shown}")
    if new is not None:
        writer.claims.add(reference, new, there)


def _takes_nothing(writer: Writer, reference: Reference, there: Record | None, new: Record | None) -> bool:
    """Whether what would be there brings along nothing of others, and what goes leaves nothing of theirs."""
    if isinstance(new, Asset):
        # Students' work would be counted here that is done in whatever has one of its names.
        return _are_own(writer, assets_near(reference, new, there).values())
    if isinstance(there, Asset):
        return _are_own(writer, reference.group(there))
    if isinstance(new, User):
        # Whose work a notebook's name brings along is not to be seen from here: it may be anybody's.
        linked = there.notebook_names if isinstance(there, User) else ()
        return {*map(folded_name, linked)}.issuperset(map(folded_name, new.notebook_names))
    if isinstance(new, Token) and isinstance(there, Token):
        # Whoever holds it would be somebody else.
        return there.user_id == new.user_id
    return True


def _is_own(writer: Writer, reference: Reference, record: Record) -> bool:
    """Whether a record belongs to the writer's academies alone."""
    match record:
        case Asset():
            return record.academy in writer.academies
        case User():
            return _within(writer, record.academies)
        case Task():
            return reaches(writer.academies, reference.user(record.user_id), strict=writer.strict)
        case Academy():
            return record.id in writer.academies
        case Token():
            return _is_own_token(writer, reference, record)


def _is_own_token(writer: Writer, reference: Reference, token: Token) -> bool:
    """Whether a token holds in the writer's academies alone and no more than its own, and is its or their students'."""
    if not writer.academies.issuperset(token.academies) or any(_surplus(writer.token, token)):
        return False
    if token.user_id is None:
        return bool(token.academies)
    user = reference.user(token.user_id)
    return token.user_id == writer.token.user_id or (user is not None and _within(writer, user.academies))


def _within(writer: Writer, academies: Collection[int]) -> bool:
    """Whether these are the writer's; who is in none is nobody's, and no academy may take him in by itself."""
    return bool(academies) and writer.academies.issuperset(academies)


def _are_own(writer: Writer, assets: Collection[Asset]) -> bool:
    return all(asset.academy in writer.academies for asset in assets)


def _surplus(own: Token, token: Token) -> Iterator[tuple[str, int]]:
    """What a token may do and another one not, with the academy: uploading also where neither's list has it."""
    for academy, names in token.academies.items():
        for name in sorted(names - own.capabilities(academy)):
            yield name, academy
        if token.ingest and UPLOAD not in own.capabilities(academy):
            yield UPLOAD, academy
    for academy, names in own.academies.items():
        # A personal token uploads wherever it has no capabilities (gateway.access.require_upload).
        if names and UPLOAD not in names and not token.ingest and not token.capabilities(academy):
            yield UPLOAD, academy


def _require_token(writer: Writer, reference: Reference, new: Token) -> None:
    """Raise ApiError unless a token gives at most what the writer's own has, in the same academies and as long."""
    own, fields = writer.token, decode_object(new.value)
    for name, value in fields.items():
        # Whatever the field is called, a text whose digest is the record's key is the secret.
        is_secret = isinstance(value, str) and sha256(value.encode()).hexdigest() == new.sha256
        if is_secret or "".join(filter(str.isalnum, name.casefold())) in _SECRETS:
            raise ApiError("invalid-directory-record.secret", field=name[:60])
    if new.ingest and any(new.academies.values()):
        raise ApiError("invalid-directory-record.key")
    for name, academy in _surplus(own, new):
        raise ApiError("missing-capability", capability=name[:200], academy=academy)
    if own.expires_at is not None and (new.expires_at is None or new.expires_at > own.expires_at):
        until = sql_time(own.expires_at // 1000)[:19]
        raise ApiError("missing-capability.expiry", until=until)
    if new.ingest:
        # It reports for anybody, and nothing else; one of no academy does so everywhere.
        if not new.academies and not (writer.everywhere and writer.holds(UPLOAD)):
            raise ApiError("missing-capability.anywhere", capability=UPLOAD if writer.everywhere else OPERATE)
    elif new.user_id != own.user_id:
        _require_user(writer, reference, new.user_id)


def _require_user(writer: Writer, reference: Reference, user_id: int | None) -> None:
    """A personal token reads its user's documents and reports for him: whoever makes one must be allowed to do both.

    It would go on doing so when he has left the academy, so it is the LMS's to make.
    """
    if not writer.everywhere:
        raise ApiError("missing-capability.others", capability=OPERATE)
    user = None if user_id is None else reference.user(user_id)
    academies = () if user is None else user.academies
    for academy in academies:
        for name in (READ, CHANGE):
            if name not in writer.token.capabilities(academy):
                raise ApiError("missing-capability.student", capability=name)
    if not academies and not writer.holds(READ, CHANGE):
        raise ApiError("missing-capability.student", capability=READ)
