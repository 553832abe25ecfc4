"""The commands by name, each loaded when it is asked for: a part does not wait for the libraries of all the others."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.markup import escape
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Commands", "plain"]

# Name -> module of this package, in the order of `--help`. A module adds its commands in `register(app)`, or has an
# `app` of its own whose commands follow the name.
_MODULES: Final = {
    "up": "up",
    "gateway": "parts",
    "worker": "parts",
    "sink": "parts",
    "setup": "parts",
    "send": "send",
    "archive": "archive",
    "status": "status",
    "trace": "trace",
    "doctor": "doctor",
    "forget": "forget",
    "rules": "rules",
    "directory": "directory",
    "token": "tokens",
    "dead-letters": "dead_letters",
    "raw": "archive",
    "replay": "replay",
}


class _Loaded(Mapping[str, Any]):
    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = _load(name, _MODULES[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()  # type: ignore[assignment]  # nobody adds to it

    def list_commands(self, _context: Any) -> list[str]:
        """The names of all commands; loads none."""
        return list(_MODULES)


def _load(name: str, module_name: str) -> Any:
    module = importlib.import_module(f"deploy.cli.{module_name}")
    own = typer.Typer()
    if hasattr(module, "register"):
        module.register(own)
    else:
        own.add_typer(module.app, name=name)
    return plain(typer.main.get_group(own).commands[name])


def plain(command: Any) -> Any:
    """The command, and those below it, with helps that are shown as they are written.

    Rich takes what stands in brackets for a style, and leaves it out.
    """
    for held in (command, *command.params):
        for name in ("help", "short_help", "epilog"):
            if text := getattr(held, name, None):
                setattr(held, name, escape(text))
    for below in getattr(command, "commands", {}).values():
        plain(below)
    return command
