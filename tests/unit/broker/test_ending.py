"""A process that was told to end is gone within its seconds, whatever its threads and tasks wait for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Final

import pytest

from schemas.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM: Final = """
    import asyncio, os, signal, sys, threading
    from broker.ending import end_within, stopped_by_signals
    from schemas.exits import ExitCode

    def wait_for_ever():
        threading.Thread(target=threading.Event().wait, name="endless").start()

    async def never_cancelled():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    async def main(what):
        stop = stopped_by_signals(1.0)
        if what == "thread":
            wait_for_ever()
        elif what == "executor":
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        elif what == "task":
            kept = asyncio.create_task(never_cancelled())
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        print("all of ours has returned", flush=True)
        if what == "loop":
            threading.Event().wait()

    if sys.argv[1] == "superseded":
        end_within(1.0, ExitCode.SUPERSEDED)
        wait_for_ever()
    else:
        asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def programs() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize(
    ("waits", "code"),
    [
        ("thread", ExitCode.OK),
        ("executor", ExitCode.OK),
        ("task", ExitCode.OK),
        ("loop", ExitCode.OK),
        ("superseded", ExitCode.SUPERSEDED),
    ],
)
def test_a_process_ends_whatever_its_threads_and_tasks_do(
    programs: list[subprocess.Popen[str]], waits: str, code: ExitCode
) -> None:
    """With a line that names who was waited for, and the code that it would have had."""
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROGRAM), waits],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    programs.append(program)

    told, _ = program.communicate(timeout=60)

    assert program.returncode == code, told
    assert "stopping took too long" in told
    assert waits != "thread" or "endless" in told
    assert waits == "superseded" or "all of ours has returned" in told


def test_a_process_that_ends_by_itself_is_not_waited_for(programs: list[subprocess.Popen[str]]) -> None:
    """Its seconds are a limit, and no delay."""
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROGRAM).replace("1.0", "600.0"), "nothing"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    programs.append(program)

    told, _ = program.communicate(timeout=60)

    assert program.returncode == ExitCode.OK, told
    assert "too long" not in told
