"""Three Kafka brokers that are one cluster and let clients in by a password over TLS alone, on this machine."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any, Final

from deploy.local.kafka.cluster import BROKERS, KafkaCluster
from deploy.local.kafka.node import KafkaNode
from deploy.local.resources import LOOPBACK, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Authority

__all__ = ["SecuredCluster"]

_USER: Final = "application"
_PASSWORD: Final = "secret of the application"
_HEAP_MB: Final = 256


class _Node(KafkaNode):
    """A node with a further listener, SASL over TLS; nodes speak to each other, on this machine, as ever."""

    def __init__(self, directory: Path, store: Path) -> None:
        super().__init__(directory, heap_mb=_HEAP_MB)
        self._store = store
        self._secured = free_port()

    @property
    def address(self) -> str:
        """HOST:PORT for clients."""
        return f"{LOOPBACK}:{self._secured}"

    def _write_configuration(self) -> None:
        super()._write_configuration()
        ports = self._chosen_ports()
        plain = f"PLAINTEXT://{LOOPBACK}:{ports.broker}"
        values = {
            "listeners": f"{plain},CONTROLLER://{LOOPBACK}:{ports.controller},SECURED://{self.address}",
            "advertised.listeners": f"{plain},SECURED://{self.address}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secured.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._store,
        }
        # Of two lines for a name the later one holds.
        with self._properties.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())

    def _format(self) -> None:
        """Format with a user; a directory that was formatted before has none."""
        assert self._quorum is not None
        user = f"--add-scram=SCRAM-SHA-512=[name={_USER},password={_PASSWORD}]"
        told = [f"--cluster-id={self._quorum.cluster_id}", "-c", str(self._properties), "--ignore-formatted", user]
        tool = [*self._java("-Xmx128m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", *told]
        done = subprocess.run(tool, env=self.env(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _store(authority: Authority, directory: Path) -> Path:
    """A file as Kafka takes it: the key, in PKCS 8 alone, and the certificate."""
    certificate, key = authority.signed("broker", LOOPBACK)
    directory.mkdir()
    store = directory / "broker.pem"
    converted = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key], check=True, capture_output=True)
    store.write_bytes(converted.stdout + certificate.read_bytes())
    return store


class SecuredCluster(KafkaCluster):
    """The three of them, with directories below one of their own."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        super().__init__([directory / f"broker-{number}" for number in range(1, BROKERS + 1)])
        self._authority = authority
        store = _store(authority, directory)
        self._nodes = [_Node(one.directory, store) for one in self.nodes]
        self.nodes = [*self._nodes]

    def settings(self) -> dict[str, Any]:
        """The settings with which anybody comes in."""
        return {
            "kafka": ",".join(node.address for node in self._nodes),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_security_mechanism": "SCRAM-SHA-512",
            "kafka_security_username": _USER,
            "kafka_security_password": _PASSWORD,
            "kafka_security_cafile": self._authority.cafile,
        }
