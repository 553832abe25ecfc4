"""What all lists have: pages, a table for spreadsheets, and the call and the query that have the same."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from gateway.api.pages import address_of, number
from gateway.insights.callers import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.requests import Request

__all__ = ["MOST_EXPORTED", "Listed", "api_call", "as_csv", "filled", "listed", "log_call", "system_call"]

MOST_EXPORTED: Final = 10_000

_ROWS: Final = 50
_MOST: Final = 200
# A spreadsheet takes a cell that begins like one of these for a formula; where it parts cells by something else than a
# comma, as in many languages, a cell may begin within a text, whatever quotes stand around that.
_FORMULA: Final = re.compile(
    "(^|[;,|\t\r\n\"']) *(?=[=+\\-@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
    "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}])"
)


def filled(request: Request, names: Iterable[str]) -> dict[str, str]:
    """The filters of an address that say anything."""
    return {name: value for name in names if (value := request.query_params.get(name, "").strip())}


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: which rows, of how many, and the addresses around it."""

    limit: int
    offset: int
    path: str
    filters: Mapping[str, str]

    def address(self, offset: int) -> str:
        """Another page of the same list."""
        query = {**self.filters, **({"limit": str(self.limit)} if self.limit != _ROWS else {})}
        return f"{self.path}?{urlencode({**query, 'offset': offset} if offset else query)}"

    def part(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows of this page."""
        return rows[self.offset : self.offset + self.limit]

    def before(self) -> str | None:
        """The page before, None on the first."""
        return self.address(max(0, self.offset - self.limit)) if self.offset else None

    def after(self, shown: int, count: int) -> str | None:
        """The page after, None on the last."""
        end = self.offset + shown
        return self.address(end) if shown and end < count else None

    @property
    def export(self) -> str:
        """Where the list is as CSV."""
        return f"{self.path}.csv" + (f"?{urlencode(self.filters)}" if self.filters else "")


def listed(request: Request, filters: Mapping[str, str], path: str = "") -> Listed:
    """The page that an address asks for, of the list at a path, else at the address; raises ApiError 400."""
    return Listed(
        bounded("limit", request.query_params.get("limit"), _ROWS, least=1, most=_MOST),
        number("offset", request.query_params.get("offset"), 0, least=0),
        path or request.url.path,
        filters,
    )


def as_csv(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A table as a file, in which no cell is a formula; at most so many rows."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for place, row in enumerate(rows):
        if place == MOST_EXPORTED:
            break
        writer.writerow([_cell(value) for value in row])
    return Response(
        # What Excel needs to see that it is UTF-8.
        "\ufeff" + out.getvalue(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"},
    )


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _FORMULA.sub(r"\g<0>'", value)
    return "" if value is None else value


def api_call(request: Request, path: str, academy: int, filters: Mapping[str, str] | None = None) -> str:
    """The line that asks the API of insights for the same."""
    return _call(request, f"/v1/telemetry/academy{path}", academy, filters)


def log_call(request: Request, academy: int, filters: Mapping[str, str], path: str = "") -> str:
    """The line that asks the API of the webhook log for the same."""
    return _call(request, f"/v1/assignment/academy/learnpack/webhook{path}", academy, filters)


def system_call(request: Request, path: str, filters: Mapping[str, str]) -> str:
    """The line that asks the API of operators for the same."""
    return _call(request, f"/v1/telemetry{path}", None, filters)


def _call(request: Request, path: str, academy: int | None, filters: Mapping[str, str] | None) -> str:
    query = f"?{urlencode(filters)}" if filters else ""
    address = address_of(request, f"{path}{query}").replace("'", "%27")
    named = "" if academy is None else f" -H 'Academy: {academy}'"
    return f"curl -s '{address}' -H \"Authorization: Token $TELEMETRY_TOKEN\"{named}"
