"""A client that knows of none but lost brokers finds the others again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.structs import BrokerMetadata

from broker import clients
from deploy.local.resources import free_port

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


@pytest.mark.parametrize("make", [clients.admin, clients.consumer, clients.producer])
async def test_a_client_asks_again_those_that_it_began_with(settings: SettingsFactory, make: Any) -> None:
    """As after two of three brokers were away, which are back, when the third one goes."""
    async with clients.opened(make(settings().kafka_options())) as client:
        requests = getattr(client, "_client", None) or client.client
        alive = requests.cluster.brokers()
        lost = BrokerMetadata(99, "127.0.0.1", free_port(), None)
        requests.cluster._brokers = {lost.nodeId: lost}  # noqa: SLF001 - nobody can lose a broker of the run's stack

        assert await requests.force_metadata_update()

        assert requests.cluster.brokers() == alive
        assert not [name for name, _ in requests._conns if isinstance(name, str)]  # noqa: SLF001 - as above
