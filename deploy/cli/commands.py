"""The commands by name, each loaded when it is asked for: a part does not wait for the libraries of all the others."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from deploy.cli.waiting import LOADING, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Commands", "encodable", "plain"]


class _Command(NamedTuple):
    """The module of this package that has a command, and its line in the list of all.

    A module adds its commands in `register(app)`, or has an `app` of its own whose commands follow the name.
    """

    module: str
    summary: str


# In the order of `--help`.
_COMMANDS: Final = {
    "up": _Command(
        "up", "Run the whole system here: Kafka, the ClickHouse engine, gateway, workers and sink. Ctrl-C stops it."
    ),
    "gateway": _Command("parts", "Take webhooks over HTTP and answer the staff API."),
    "worker": _Command("parts", "Process webhooks: rules, deduplication, state, facts, scores."),
    "sink": _Command("parts", "Insert facts, outcomes, scores, documents and raw webhooks into ClickHouse."),
    "forward": _Command("forward", "Tell others over HTTP who finished a tutorial or is stuck, as signed webhooks."),
    "monitor": _Command(
        "parts", "Tell Prometheus of the whole: lag by group, ClickHouse's tables, the ledger, generations."
    ),
    "setup": _Command("parts", "Create or upgrade topics and tables; doing it again changes nothing."),
    "send": _Command("send", "Post telemetry documents or webhooks as LearnPack would."),
    "import": _Command("history", "The LMS's history: bring it in, and compare its scores with those here."),
    "archive": _Command(
        "archive",
        "Write raw webhooks into Parquet files, one a day and partition; what is there already stays as it is.",
    ),
    "status": _Command(
        "status", "Show parts, lag per topic, rows and the last error; exit code 1 if a part does not work."
    ),
    "trace": _Command(
        "trace",
        "Follow one webhook, or list a student's: receipt, partition and offset, verdict and rule, facts, rows.",
    ),
    "webhooks": _Command("webhooks", "List the newest webhooks with what became of them, or follow them as they come."),
    "stuck": _Command("stuck", "Show who is stuck now, on what and for how long, the most urgent first."),
    "why": _Command(
        "why", "Say why a student's scores in a tutorial are what they are: their terms, and the steps that moved each."
    ),
    "doctor": _Command(
        "doctor", "Check configuration, reachability, versions and permissions; exit code 1 if something does not work."
    ),
    "acls": _Command("acls", "Print what each part may do in Kafka, as commands of Kafka's tools, or let it."),
    "forget": _Command(
        "forget", "Erase a student from state, directory and tables, and tell what Kafka's logs still hold until when."
    ),
    "rules": _Command("rules", "An academy's ignore rules."),
    "directory": _Command("directory", "Assets, users, tasks and academies as the LMS knows them."),
    "token": _Command("tokens", "Personal tokens and write-only ingest keys."),
    "notebook": _Command(
        "notebook",
        "Print the address from which notebooks install their package: at the gateway, with the hash of what comes.",
    ),
    "export": _Command("export", "Facts as xAPI statements, or as ProgSnap2 tables."),
    "dead-letters": _Command("dead_letters", "Records that could not be processed, and why."),
    "raw": _Command("archive", "The raw topic as a whole."),
    "replay": _Command("replay", "Recompute everything from the raw topic, compare, and swap."),
}


class _Loaded(Mapping[str, Any]):
    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = _load(name, _COMMANDS[name].module)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()  # type: ignore[assignment]  # nobody adds to it
        self._lists = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of all commands, and load none of them for it."""
        self._lists = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._lists = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, None if there is none; in the list only its name and what it is for."""
        if self._lists and cmd_name in _COMMANDS:
            return TyperCommand(cmd_name, help=escape(_COMMANDS[cmd_name].summary))
        return super().get_command(ctx, cmd_name)

    def list_commands(self, _context: Any) -> list[str]:
        """The names of all commands; loads none."""
        return list(_COMMANDS)


def _load(name: str, module_name: str) -> Any:
    with waiting(LOADING):
        module = importlib.import_module(f"deploy.cli.{module_name}")
    parent = typer.Typer()
    if hasattr(module, "register"):
        module.register(parent)
    else:
        parent.add_typer(module.app, name=name)
    return encodable(plain(typer.main.get_group(parent).commands[name]))


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


def encodable(command: Any) -> Any:
    """The command, and those below it, which refuse texts that are not UTF-8: nothing could be written of them.

    Names of files may be anything, and are no texts here.
    """
    invoke = command.invoke

    def checked(context: Any) -> Any:
        for parameter in command.params:
            given = context.params.get(parameter.name)
            if any(_is_broken(one) for one in (given if isinstance(given, (list, tuple)) else (given,))):
                message = "it is not UTF-8."
                raise typer.BadParameter(message, ctx=context, param=parameter)
        return invoke(context)

    command.invoke = checked
    for below in getattr(command, "commands", {}).values():
        encodable(below)
    return command


def _is_broken(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False
