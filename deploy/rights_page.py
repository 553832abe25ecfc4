"""docs/kafka-security.md: what each part may do in Kafka, from the table of it.

`uv run python -m deploy.rights_page` writes it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.marked_pages import between
from operations.acls import Part, acls_of, principal_of
from schemas.settings import Settings

__all__ = ["PAGE", "render"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "kafka-security.md"

_BEGIN: Final = "<!-- rights: written by `uv run python -m deploy.rights_page` -->\n"
_END: Final = "<!-- end of rights -->\n"

_WHO: Final = {
    Part.GATEWAY: "Without the rights to dead letters operators cannot resolve them over HTTP or in the console.",
    Part.WORKER: "It ends changes of generations whose process died, for all parts.",
    Part.SINK: "",
    Part.FORWARD: "Every forwarder, whatever its name.",
    Part.MONITOR: "It only looks.",
    Part.SYNC: "`directory sync`, from where the LMS's database can be read (docs/directory.md).",
    Part.SETUP: "`learnpack-telemetry setup`, also as a job before an upgrade. Before a change to a copied log"
    " (`TELEMETRY_GENERATION` set) run it as the operator.",
    Part.OPERATOR: "Whoever runs the other commands, and the processes that `replay` starts.",
    Part.LMS: "What the LMS writes and reads; its consumer groups begin with `lms`, behind the prefix.",
}


def render(page: str) -> str:
    """The text of the page with the tables as they should be; raises ValueError where it has no marks for them."""
    return between(page, _BEGIN, _END, "".join(map(_section, Part)))


def _section(part: Part) -> str:
    head = ["", f"### {part.capitalize()}", "", f"`{principal_of(part)}`. {_WHO[part]}".rstrip(), ""]
    rows = [
        f"| {right.resource} | `{right.name}{'*' * right.prefixed}` | {', '.join(right.operations)} | {right.reason} |"
        for right in acls_of(part, Settings(_env_file=None))
    ]
    return "\n".join([*head, "| kind | name | operations | what for |", "| --- | --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text("utf-8")), encoding="utf-8")
