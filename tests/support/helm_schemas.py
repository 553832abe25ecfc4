"""What Kubernetes' own schemas say of the objects that the chart makes: of names that nobody knows, too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
import orjson

from tests.support.helm import FETCHED, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CUSTOM", "misfits"]

# Groups of custom resources; a real API server judges them by their definitions in tests/system/test_helm_server.py.
CUSTOM: Final = frozenset(
    {
        "clickhouse-keeper.altinity.com",
        "clickhouse.altinity.com",
        "gateway.networking.k8s.io",
        "kafka.strimzi.io",
        "keda.sh",
        "monitoring.coreos.com",
    }
)

_DEFINITIONS: Final = "/api/_definitions.json"


def misfits(documents: Iterable[dict[str, Any]]) -> list[str]:
    """What is wrong with each of these, in the oldest and in the newest version; empty if nothing is."""
    found = []
    for document in documents:
        group, _, _ = document["apiVersion"].rpartition("/")
        if group not in CUSTOM:
            name = f"{document['kind']} {document['metadata']['name']}"
            for version in VERSIONS:
                judge = _judge(version, document["apiVersion"], document["kind"])
                found += [
                    f"{version} {name} at {'.'.join(map(str, error.instance_path))}: {error.message}"
                    for error in judge.iter_errors(document)
                ]
    return found


@functools.cache
def _judge(version: str, api_version: str, kind: str) -> Any:
    """The validator of a kind. Raises FileNotFoundError for one that is not Kubernetes' own."""
    assert FETCHED is not None
    folder = FETCHED / f"schemas-{version}"
    # rbac.authorization.k8s.io/v1 is rbac-v1 in names of files.
    group, _, of_group = api_version.rpartition("/")
    file = "-".join(filter(None, (kind.lower(), group.partition(".")[0], of_group)))
    text = (folder / f"{file}.json").read_text("utf-8").replace(f"{_DEFINITIONS}#", "#")
    definitions = orjson.loads((folder / "_definitions.json").read_bytes())
    return jsonschema_rs.validator_for({**orjson.loads(text), "$defs": definitions["$defs"]})
