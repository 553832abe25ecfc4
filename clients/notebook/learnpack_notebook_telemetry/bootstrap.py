"""Sets a notebook up: the student's name, the session, and the names that its cells call."""

from __future__ import annotations

import builtins
import os
from typing import Final

from learnpack_notebook_telemetry.leaving import look_after, retire
from learnpack_notebook_telemetry.names import ask_for_name, full_name
from learnpack_notebook_telemetry.post import Gateway, is_address
from learnpack_notebook_telemetry.sender import Sender
from learnpack_notebook_telemetry.session import CODE_CHARACTERS, Session
from learnpack_notebook_telemetry.source import installed_from
from learnpack_notebook_telemetry.texts import choose_language, text

__all__ = ["HOST_VARIABLE", "KEY_VARIABLE", "STUDENT_VARIABLE", "setup_telemetry"]

HOST_VARIABLE: Final = "TELEMETRY_GATEWAY_URL"
KEY_VARIABLE: Final = "TELEMETRY_TOKEN"
STUDENT_VARIABLE: Final = "STUDENT_NAME"


def setup_telemetry(
    notebook_id: str,
    host: str | None = None,
    api_key: str | None = None,
    *,
    student: str | None = None,
    language: str | None = None,
    send_code: bool = False,
) -> Session:
    """Ask for the student's name, say what is sent, record `start`, and give every cell the names that it calls.

    Afterwards `STUDENT_NAME`, `_cell(cell_id, code_preview)`, `tracked_test(name)` and
    `_telemetry_capture(event, properties)` are there in every cell. Running it again begins a new session.

    Args:
        notebook_id: The notebook's name, the same for all students.
        host: The gateway's address; without one, TELEMETRY_GATEWAY_URL of the environment, else the gateway from which
            this package was installed, else nothing is sent.
        api_key: The course's ingest key; without one, TELEMETRY_TOKEN of the environment, else for the gateway from
            which this package was installed the key in that address, else nothing is sent.
        student: The student's full name; without one, STUDENT_NAME of the environment, else the student is asked.
        language: `en` or `es`; without one, the machine's.
        send_code: Whether the code previews that cells pass are sent.

    Returns:
        The session, with its status.

    Raises:
        ValueError: The name is none; the text tells the student what to do.
    """
    spoken = choose_language(language)
    host, api_key = _where_to(host, api_key)
    given = student or os.environ.get(STUDENT_VARIABLE, "")
    name = full_name(given, spoken) if given else ask_for_name(spoken)
    obstacle = _obstacle(name, host, api_key)
    sender = None
    retire()
    if obstacle is None:
        try:
            sender = Sender(Gateway(host, api_key).post)
            look_after(sender)
        except RuntimeError:
            obstacle = "no_thread"
    session = Session(notebook_id, name or "", sender, send_code=send_code)
    _say(session.student, host, spoken, obstacle, send_code=send_code)
    _offer(session)
    session.capture("start")
    return session


def _where_to(host: str | None, api_key: str | None) -> tuple[str, str]:
    """Address and key: what is given, else the environment's, else those from where the package came."""
    source = installed_from()
    address = (host or os.environ.get(HOST_VARIABLE) or source.host).strip()
    key = (api_key or os.environ.get(KEY_VARIABLE) or "").strip()
    # The key of one gateway is nobody else's business.
    if not key and address.rstrip("/") == source.host:
        key = source.api_key
    return address, key


def _obstacle(name: str | None, host: str, api_key: str) -> str | None:
    """The text for why nothing can be sent."""
    if name is None:
        return "no_name"
    if not is_address(host):
        return "no_host"
    return None if api_key else "no_key"


def _say(student: str, host: str, language: str, obstacle: str | None, *, send_code: bool) -> None:
    if student:
        print(text("welcome", language, student=student))
    if obstacle:
        print(text(obstacle, language))
    else:
        code = text("code_goes" if send_code else "code_stays", language, length=CODE_CHARACTERS)
        print(text("sent", language, host=host, code=code))


def _offer(session: Session) -> None:
    """Put the names where every cell, and every module that a cell imports, finds them."""
    offered = {
        "STUDENT_NAME": session.student,
        "_cell": session.cell,
        "_telemetry_capture": session.capture,
        "tracked_test": session.tracked_test,
    }
    for name, value in offered.items():
        setattr(builtins, name, value)
