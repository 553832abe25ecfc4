"""Sends events with the `posthog` package of whatever environment runs it: `posthog_sender.py HOST KEY STUDENT GZIP`.

It needs nothing else, for the package's old versions run in an environment of their own. It prints how many events were
captured.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from posthog import Posthog  # type: ignore[attr-defined, unused-ignore]
from posthog.version import VERSION

_NOTEBOOK = "posthog-notebook"
_MAJOR_OF_NEW_CALLS = 6


def main(host: str, key: str, student: str, gzip: str) -> int:
    """Capture a session of a student, another student's start, and what has awkward properties."""
    failures: list[str] = []
    client = Posthog(
        key,
        host=host,
        gzip=gzip == "gzip",
        flush_at=20,
        flush_interval=0.2,
        on_error=lambda e, _: failures.append(str(e)),
    )
    captured = 0

    def capture(event: str, distinct_id: str = student, **properties: Any) -> None:
        nonlocal captured
        captured += 1
        properties = {"nb": _NOTEBOOK, "sess": "abc12345", **properties}
        if int(VERSION.split(".")[0]) >= _MAJOR_OF_NEW_CALLS:
            client.capture(event, distinct_id=distinct_id, properties=properties)
        else:
            client.capture(distinct_id, event, properties)

    capture("start")
    for number in range(30):
        capture("cell", cell_id=f"cell_{number}", cell_num=number, code="x = 1")
    for number, ok in enumerate((False, False, True), start=1):
        capture("test", ex="ex_1", ok=ok, attempt=number, ms=12, err=None if ok else "ValueError: x")
    capture("test", ex="ex_2", ok=False, attempt=1, ms=3, err="NameError: y")
    capture("start", f"{student}-2")
    capture("awkward", loss=math.nan, text="ñ", nested={"a": [1]})
    client.flush()
    client.shutdown()
    if failures:
        sys.stderr.write(f"{failures}\n")
        return 1
    sys.stdout.write(f"{captured}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
