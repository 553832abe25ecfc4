"""Who is let in by certificates, passwords and tokens, and what is said to who is not."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition

from broker import clients
from broker.refusals import KafkaRefusedError
from operations.acls import Part
from operations.topics import setup_topics
from schemas.wire.topics import Topics
from tests.support.authorities import Authority
from tests.support.parts import as_awaitable
from tests.support.secured_kafka import user_of
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.support.processes import Processes
    from tests.support.secured_kafka import SecuredKafka
    from tests.system.secured.conftest import AsPart

pytestmark = pytest.mark.system

GATEWAY = user_of(Part.GATEWAY)


async def there_and_back(settings: Settings) -> Any:
    """Write a record to the raw topic and read it, by the clients of every part."""
    source = TopicPartition(Topics.of(settings).raw, 0)
    async with (
        clients.opened(clients.producer(settings.kafka_options())) as producer,
        clients.opened(clients.consumer(settings.kafka_options())) as consumer,
    ):
        sent = await producer.send_and_wait(source.topic, b"value", b"key", partition=0)
        consumer.assign([source])
        consumer.seek(source, sent.offset)
        return (await consumer.getone(source)).value


def certificate(secured: SecuredKafka, _directory: Path) -> dict[str, Any]:
    """By a certificate, which names the user."""
    return secured.by_certificate(secured.authority.issue(GATEWAY))


def token(secured: SecuredKafka, directory: Path) -> dict[str, Any]:
    """By a token, whose subject is the user."""
    (directory / "token").write_text(secured.issuer.token(GATEWAY))
    return secured.by_token(directory / "token")


@pytest.mark.parametrize("how", [certificate, token])
def test_a_user_comes_by_certificate_or_token(how: Any, granted: AsPart, secured: SecuredKafka, tmp_path: Path) -> None:
    """And may do what is granted to the same name that has a password."""
    asyncio.run(setup_topics(granted(Part.SETUP)))

    assert asyncio.run(there_and_back(granted(**how(secured, tmp_path)))) == b"value"


@pytest.mark.long
async def test_nothing_is_lost_where_connections_end_with_their_tokens(
    granted: AsPart, secured: SecuredKafka, tmp_path: Path
) -> None:
    """Whoever writes and reads connects anew, with the token that the file has by then."""
    await setup_topics(granted(Part.SETUP))
    settings = granted(**token(secured, tmp_path))
    source, got = TopicPartition(Topics.of(settings).raw, 0), list[bytes]()
    logins = 0

    async def read(consumer: Any) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                got.extend(record.value for record in records)

    (tmp_path / "token").write_text(secured.issuer.token(GATEWAY, seconds=8))
    async with (
        clients.opened(clients.producer(settings.kafka_options())) as producer,
        clients.opened(clients.consumer(settings.kafka_options())) as consumer,
    ):
        consumer.assign([source])
        consumer.seek(source, 0)
        reading = asyncio.create_task(read(consumer))
        sent = list[bytes]()
        while logins < 4:
            (tmp_path / "token").write_text(secured.issuer.token(GATEWAY, seconds=8))
            logins += 1
            until = asyncio.get_running_loop().time() + 6
            while asyncio.get_running_loop().time() < until:
                sent.append(b"%d" % len(sent))
                await producer.send_and_wait(source.topic, sent[-1], partition=0)
        await aeventually(as_awaitable(lambda: len(got) >= len(sent)), 60, "every record")
        reading.cancel()
        await asyncio.wait({reading})
    assert got == sent


def sockets() -> int:
    """How many this process has."""
    return sum(descriptor.is_socket() for descriptor in Path("/proc/self/fd").iterdir())


async def test_who_is_refused_is_told_what_to_do(as_part: AsPart, secured: SecuredKafka, tmp_path: Path) -> None:
    """Of passwords, certificates and tokens, by whoever cannot begin."""
    before = sockets()
    (tmp_path / "old").write_text(secured.issuer.token(GATEWAY, seconds=-3600))
    (tmp_path / "foreign").mkdir()
    foreign = Authority(tmp_path / "foreign", "foreign")
    cases: list[tuple[dict[str, Any], str, str]] = [
        (secured.as_user(GATEWAY, kafka_security_password="wrong"), "let telemetry-gateway in", "_PASSWORD"),
        (secured.as_user(GATEWAY, kafka_security_mechanism="PLAIN"), "log in by PLAIN", "_MECHANISM"),
        (
            secured.as_user(GATEWAY, kafka_security_cafile=foreign.certificate),
            "no trusted authority has signed",
            "_CAFILE",
        ),
        (
            secured.as_user(GATEWAY, kafka=secured.address("SASL").replace("127.0.0.1", "localhost")),
            "for other names",
            "by a name",
        ),
        (
            secured.by_certificate(secured.authority.issue(GATEWAY, begins=-3, ends=-1)),
            "refuses the certificate",
            "has not expired",
        ),
        (secured.by_certificate(foreign.issue(GATEWAY)), "refuses the certificate", "_CERTFILE"),
        (secured.as_user(GATEWAY, kafka=secured.address("TLS")), "or wants one", "_KEYFILE"),
        (secured.by_token(tmp_path / "old"), "does not take the token", "_TOKENFILE"),
        (secured.by_token(tmp_path / "none"), "waits for a token", "_TOKENFILE"),
    ]

    async def tried(settings: Settings) -> KafkaRefusedError:
        with pytest.raises(KafkaRefusedError) as caught:
            async with clients.opened(clients.admin(settings.kafka_options())):
                pass
        return caught.value

    for security, detail, mend in cases:
        refused = await tried(as_part(**security))
        assert detail in refused.detail
        assert mend in refused.mend
    # aiokafka does not wait until a connection that failed is closed.
    await aeventually(as_awaitable(lambda: sockets() <= before), 30, "closed connections")


def test_commands_and_parts_tell_it_in_one_line(as_part: AsPart, secured: SecuredKafka, processes: Processes) -> None:
    """Exit code 1, the reason and what to set, and no password."""
    refused = as_part(Part.WORKER, kafka_security_password="hunter2")
    environment = as_environment(refused, secured, "hunter2")
    commands = (["worker"], ["sink"], ["token", "list"], ["doctor"])

    children = [processes.start([sys.executable, "-m", "deploy.cli", *words], environment) for words in commands]

    for child in children:
        assert child.process.wait(120) == 1
        assert "does not let telemetry-worker in" in child.output
        assert "TELEMETRY_KAFKA_SECURITY_PASSWORD" in child.output
        assert "hunter2" not in child.output
        assert "Traceback" not in child.output


def as_environment(settings: Settings, secured: SecuredKafka, password: str) -> dict[str, str]:
    """What a process needs to log in as these settings do, by password."""
    security = secured.as_user(settings.kafka_security_username or "", kafka_security_password=password)
    named = security | {"topic_prefix": settings.topic_prefix, "data": settings.data}
    return {f"TELEMETRY_{name.upper()}": str(value) for name, value in named.items()}
