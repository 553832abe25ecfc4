"""`directory sync` as the Helm chart runs it: off by itself, one pod, with the file of queries that it is given."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
import yaml  # type: ignore[import-untyped]

from deploy.helm.written import CHART
from operations.directory_sync.queries import parse_queries
from tests.support.commands import command
from tests.support.helm import RefusedError, by_kind, need_helm, pods, rendered

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = need_helm

NAME: Final = "telemetry-learnpack-telemetry-sync"
TOOLS: Final = "telemetry-learnpack-telemetry-tools"


def told(values: str) -> dict[str, Any]:
    """A set of values, as its file has it."""
    read: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{values}.yaml").read_text("utf-8"))
    return read


def read_by(pod: dict[str, Any]) -> tuple[str, str]:
    """The ConfigMap and the key in it whose text is where the pod's command looks for queries."""
    (container,) = pod["spec"]["containers"]
    words = container["command"]
    file = PurePosixPath(words[words.index("--query-file") + 1])
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == str(file.parent)]
    (volume,) = [one["configMap"] for one in pod["spec"]["volumes"] if one["name"] == mount["name"]]
    keys = {item["path"]: item["key"] for item in volume.get("items", [{"path": file.name, "key": file.name}])}
    assert mount["readOnly"] is True
    return volume["name"], keys[file.name]


def test_it_is_off_by_itself() -> None:
    """Nothing of it is there, and Kafka's user of it need not be named."""
    secured = ("kafka.securityProtocol=SASL_SSL", "kafka.mechanism=PLAIN")
    users = [f"kafka.users.{part}.username={part}" for part in ("gateway", "worker", "sink")]
    users += [f"kafka.users.{part}.username={part}" for part in ("monitor", "setup", "operator")]
    secrets = [one.replace(".username=", ".secret=") for one in users]
    documents = rendered("external", *secured, *users, *secrets)

    assert [one["kind"] for one in documents if one["metadata"]["name"] == NAME] == []
    assert "TELEMETRY_LMS_POSTGRES" not in {
        one["name"] for one in pods(documents)[TOOLS]["spec"]["containers"][0]["env"]
    }
    with pytest.raises(RefusedError, match=r"Kafka's user of sync is not named: set kafka\.users\.sync\.username"):
        rendered("secured", "kafka.users.sync.username=")


@pytest.mark.parametrize("values", ["full", "secured"])
def test_one_pod_asks_the_lms(values: str) -> None:
    """An upgrade ends it before it starts the next; beside it the pod of commands may, for an import."""
    documents = rendered(values)
    spec = by_kind(documents, "Deployment")[NAME]["spec"]
    secret = told(values)["sync"]["postgresSecret"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    who = {
        name: variable["valueFrom"]["secretKeyRef"]
        for name, pod in pods(documents).items()
        for variable in pod["spec"]["containers"][0]["env"]
        if variable["name"] == "TELEMETRY_LMS_POSTGRES"
    }
    assert who == {name: {"key": "url", **secret} for name in (NAME, TOOLS)}
    policy = by_kind(documents, "NetworkPolicy")[NAME]["spec"]
    (selected,) = policy["podSelector"]["matchExpressions"]
    assert selected == {"key": "app.kubernetes.io/component", "operator": "In", "values": ["sync", "tools"]}
    (rule,) = policy["egress"]
    ports = told(values)["networkPolicy"].get("postgres", {}).get("ports", [5432])
    assert [port["port"] for port in rule["ports"]] == ports


def test_the_pod_reads_the_file_of_queries() -> None:
    """As the values have it, to the letter, or out of a ConfigMap that is there already."""
    documents = rendered("full")
    name, key = read_by(pods(documents)[NAME])
    text = by_kind(documents, "ConfigMap")[name]["data"][key]

    assert text == told("full")["sync"]["queries"]
    assert list(parse_queries(text)) == ["academies", "users"]
    assert read_by(pods(rendered("secured"))[NAME]) == ("lms-queries", "breathecode.sql")
    assert by_kind(rendered("secured"), "ConfigMap") == {}


def test_other_queries_are_another_pod() -> None:
    """They are read once, when it starts; no other pod is touched."""
    before, after = pods(rendered("full")), pods(rendered("full", "sync.queries=-- users\nSELECT 1 AS id"))

    assert [name for name, pod in after.items() if pod != before[name]] == [NAME]
    assert after[NAME]["spec"] == before[NAME]["spec"]


@pytest.mark.parametrize("span", ["1s", "9999s", "1m", "999m", "1399m", "1440m", "1h", "24h"])
def test_a_pause_that_the_chart_takes_the_product_takes(span: str, tmp_path: Path) -> None:
    """The file is missed, which is looked for after the span is understood."""
    outcome = command("directory", "sync", "--query-file", tmp_path / "none.sql", "--every", span)

    assert re.fullmatch(pattern(), span)
    assert (outcome.code, "no such file" in outcome.complaint) == (1, True)


@pytest.mark.parametrize("span", ["", "0s", "10000s", "1441m", "25h", "1d", "30", "00m"])
def test_a_pause_that_the_product_does_not_take_the_chart_refuses(span: str, tmp_path: Path) -> None:
    """Before there is a pod that would not start."""
    outcome = command("directory", "sync", "--query-file", tmp_path / "none.sql", "--every", span)

    assert re.fullmatch(pattern(), span) is None
    assert outcome.code == 2


def pattern() -> str:
    """What values may be for the pause."""
    schema = orjson.loads((CHART / "values.schema.json").read_bytes())
    return str(schema["properties"]["sync"]["properties"]["every"]["pattern"])
