"""`notebook`: the address from which notebooks' first cells install their package."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

import typer

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from operations.absence import absence
from operations.asking import NO_ANSWER, ask

__all__ = ["register"]

_TIMEOUT_SECONDS: Final = 10.0
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
    if key and run(_reads(current.gateway_url.rstrip("/"), key)):
        message = (
            "--key can read what students did, and everybody who has the notebook would have it: give an ingest key "
            "(learnpack-telemetry token create --ingest)."
        )
        raise Failed(message)
    query = f"?{urlencode({'token': key})}" if key else ""
    out.print(f"{current.gateway_url.rstrip('/')}/notebook/{file}{query}#sha256={digest}", markup=False)
    if not key:
        err.print(_NO_KEY, markup=False)


async def _reads(gateway: str, key: str) -> bool:
    """Whether a key is somebody's token there: an ingest key reads nothing."""
    try:
        headers = {"Authorization": f"Token {key}"}
        answer = await ask(f"{gateway}/v1/learnpack/telemetry", timeout_seconds=_TIMEOUT_SECONDS, headers=headers)
    except (*NO_ANSWER, ValueError):
        return False
    return answer.good


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
