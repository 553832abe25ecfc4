"""Our worker around the counting core: everything but what a webhook means."""

from __future__ import annotations

import uvloop

from bench.peers.counting import Counting, Packing
from bench.peers.ours import work
from bench.peers.task import Stopwatch, Task

if __name__ == "__main__":
    _task = Task.from_argv()
    uvloop.run(work(_task, Stopwatch(_task.warm), Packing if _task.packed else Counting))
