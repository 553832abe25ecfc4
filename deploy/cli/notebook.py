"""`notebook`: the address from which notebooks' first cells install their package."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

import typer

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from operations.absence import absence
from operations.asking import NO_ANSWER, ask
from schemas.errors import text_of

__all__ = ["register"]

_TIMEOUT_SECONDS: Final = 10.0
# Of nobody's documents, so that ClickHouse is not asked: whoever may read is told that the offset is no number.
_QUESTION: Final = "/v1/learnpack/telemetry?offset=none"
_READS, _UNKNOWN, _ONLY_WRITES, _BUSY = 400, 401, 403, 503
_UNASKED: Final = "the gateway does not say whether it knows --key, and whether that only writes"
_NO_SUCH_KEY: Final = (
    "the gateway knows no such --key, or it has ended: nothing that a notebook sends would be taken. Make one with "
    "learnpack-telemetry token create --ingest."
)
_READING_KEY: Final = (
    "--key can read what students did, and everybody who has the notebook would have it: give an ingest key "
    "(learnpack-telemetry token create --ingest)."
)
_NO_KEY: Final = (
    "note: the address holds no key. Give --key KEY, an ingest key, else each notebook has to name one (api_key=…)."
)


def notebook(
    *,
    key: Annotated[
        str | None,
        typer.Option(help="An ingest key that notebooks send with; it stands in the address, as in the notebooks."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="The gateway's address [default: TELEMETRY_GATEWAY_URL].")] = None,
) -> None:
    """Print the address from which notebooks install their package: at the gateway, with the hash of what comes."""
    current = settings(options={"gateway_url": "--url"}, gateway_url=url)
    source = "--url" if url else "TELEMETRY_GATEWAY_URL"
    file, digest = run(_newest(current.gateway_url.rstrip("/"), source))
    doubt = run(_judged(current.gateway_url.rstrip("/"), key)) if key else _NO_KEY
    query = f"?{urlencode({'token': key})}" if key else ""
    out.print(f"{current.gateway_url.rstrip('/')}/notebook/{file}{query}#sha256={digest}", markup=False)
    if doubt:
        err.print(doubt, markup=False)


async def _judged(gateway: str, key: str) -> str:
    """What to note of a key, empty for one that the gateway knows and that only writes.

    Raises Failed for one that it does not know or that reads, and where it cannot say yet.
    """
    try:
        headers = {"Authorization": f"Token {key}"}
        answer = await ask(f"{gateway}{_QUESTION}", timeout_seconds=_TIMEOUT_SECONDS, headers=headers)
    except NO_ANSWER as error:
        message = f"{_UNASKED} ({text_of(error)}): ask again in a moment."
        raise Failed(message) from error
    except ValueError as error:
        message = "--key is no key: it has characters that no header takes."
        raise Failed(message) from error
    if answer.status == _UNKNOWN:
        raise Failed(_NO_SUCH_KEY)
    if answer.good or answer.status == _READS:
        raise Failed(_READING_KEY)
    if answer.status == _BUSY:
        message = f"{_UNASKED} (status {answer.status}): ask again in a moment."
        raise Failed(message)
    # A proxy that lets only notebooks through refuses likewise.
    is_ours = answer.status == _ONLY_WRITES and b"missing-capability" in answer.body
    return "" if is_ours else f"note: {_UNASKED} (status {answer.status}): see that what a notebook sends arrives."


async def _newest(gateway: str, source: str) -> tuple[str, str]:
    """File and hash of the newest wheel there."""
    try:
        answer = await ask(f"{gateway}/notebook", timeout_seconds=_TIMEOUT_SECONDS)
    except NO_ANSWER as error:
        message = f"the gateway {absence(error, gateway, source) or f'at {gateway} fails: {error!r}'}."
        raise Failed(message) from error
    try:
        newest = answer.json()["results"][0]
        return str(newest["file"]), str(newest["sha256"])
    except (ValueError, LookupError, TypeError) as error:
        message = f"what answers at {gateway}/notebook (status {answer.status}) has no wheel: correct {source}, or let "
        message += "its gateway be of this release."
        raise Failed(message) from error


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(notebook)
