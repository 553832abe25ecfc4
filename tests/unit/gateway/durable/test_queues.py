"""When what waits sets out without waiting for the beat."""

from __future__ import annotations

import pytest

from gateway.durable.publishing import RawRecord
from gateway.durable.queues import Queues


@pytest.mark.parametrize(("processes", "enough"), [(1, 64), (2, 32), (16, 16)])
async def test_each_process_of_a_gateway_waits_for_its_share_of_the_records(processes: int, enough: int) -> None:
    """Clients that wait for their answers are shared between the processes: none sees as many as one alone would."""
    queues = Queues(4, processes)

    for number in range(enough):
        assert not queues.worth_a_round
        queues.add(RawRecord(b"%d" % number, b"{}", [], 0))

    assert queues.worth_a_round
