"""A person's webhooks in the table `raw`, told by the code that the worker reads them with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from operations.raw_log.bodies import AS_BYTES, BODY, BRIEF, body_of, headers_of, record_of
from schemas.vocabulary import token_cannot_report
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from operations.raw_log.students import Students

__all__ = ["Webhooks", "find_webhooks"]

_KEYS: Final = ("user_id", "telemetry_id")
_RAW: Final = f"""
WITH {BRIEF}
SELECT id, source, principal, params, key, {BODY}, arrayMap(header -> (header.1, header.2), headers),
    place IS NOT NULL
FROM {{public:Identifier}}.raw
"""  # noqa: S608 - both are constants
_SPOOFS: Final = """
SELECT DISTINCT id FROM {database:Identifier}.webhooks WHERE startsWith(status_text, {text:String})
"""
# Whether a token spoke in another's name is told by the outcome where the row has no headers.
_ALLOWED: Final = ("crud_telemetry",)


@dataclass(slots=True)
class Webhooks:
    """Ids of webhooks, those of anonymous runs by themselves, and the actors whose they are."""

    ids: set[int] = field(default_factory=set)
    anonymous: set[int] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)


def find_webhooks(client: Client, public: str, databases: list[str], student: str, students: Students) -> Webhooks:
    """The webhooks of these students; raises ClickHouse's errors."""
    webhooks = Webhooks()
    parameters = {"public": public, "keys": list(_KEYS)}
    with client.query_rows_stream(_RAW, parameters=parameters, query_formats=AS_BYTES) as rows:
        for identity, source, principal, params, key, body, raws, headers, whole in rows:
            known: Any = [(name.decode("utf-8", "replace"), value) for name, value in headers]
            if not whole:
                known = headers_of(source, None, principal, params, _ALLOWED)
            if (owner := students.owner(record_of(key, body_of(body, raws, _KEYS), known))) is None:
                continue
            webhooks.owners.add(owner)
            (webhooks.anonymous if owner.startswith(ANONYMOUS) else webhooks.ids).add(int(identity))
    text = token_cannot_report(student, "")
    for database in databases:
        rows = client.query(_SPOOFS, parameters={"database": database, "text": text}).result_rows
        webhooks.ids |= {int(identity) for (identity,) in rows}
    return webhooks
