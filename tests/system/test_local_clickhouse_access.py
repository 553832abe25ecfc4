"""The local ClickHouse is no way into the machine, and its analyst reads what it may."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from tests.support.plain_http import PLAIN
from tests.support.ways_out import READS, SETTINGS, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

SECRET: Final = "root-of-all"
ACCOUNTS: Final = {"telemetry": "p@ss/word", "analyst": "an/alyst"}
GRANTS: Final = ("GRANT SELECT(a) ON t.x", "GRANT SELECT ON t.v")

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A server with an analyst, on a directory whose name is awkward."""
    directory = tmp_path_factory.mktemp("access") / "a b?c&d=%41#e"
    analyst = Analyst("analyst", ACCOUNTS["analyst"], GRANTS)
    password = ACCOUNTS["telemetry"]
    with ClickHouseServer(directory, user="telemetry", password=password, analyst=analyst, threads=5) as running:
        ask = asker(running)
        for statement in (
            "CREATE DATABASE t",
            "CREATE TABLE t.x (a UInt64, b String) ENGINE = MergeTree ORDER BY a",
            f"INSERT INTO t.x VALUES (1, '{SECRET}')",
            "CREATE VIEW t.v (a UInt64, n UInt64) SQL SECURITY DEFINER AS SELECT a, length(b) AS n FROM t.x",
        ):
            assert ask(statement).status_code == 200, statement
        yield running


def asker(server: ClickHouseServer) -> Ask:
    """Sends a statement as one of the users."""

    def ask(statement: str, user: str = "telemetry", **parameters: str) -> httpx.Response:
        address = f"http://127.0.0.1:{server.port}/"
        auth = (user, ACCOUNTS[user])
        return httpx.post(
            address, params=parameters, content=statement, auth=auth, timeout=60, trust_env=False, verify=PLAIN
        )

    return ask


@pytest.fixture
def ask(server: ClickHouseServer) -> Ask:
    """The same for the module's server."""
    return asker(server)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[dict[str, object]]:
    """A file, a path that is not there, and a port where nobody may call; what was done to them shows afterwards."""
    (tmp_path / "secret").write_text(SECRET, encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the standard library's
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        yield {"file": tmp_path / "secret", "out": tmp_path / "out", "port": port, "url": url}
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]


@pytest.mark.parametrize("user", ACCOUNTS)
@pytest.mark.parametrize("statement", READS, ids=range(len(READS)))
def test_no_query_leads_out(ask: Ask, outside: dict[str, object], user: str, statement: str) -> None:
    """No file is read or written, nobody is called, and the answer is an error."""
    answer = ask(statement.format(**outside), user)

    assert answer.status_code >= 400, answer.text
    assert SECRET not in answer.text


def test_no_parameter_names_a_function(ask: Ask, outside: dict[str, object]) -> None:
    """What names the function that a list is mapped by stands in the statement, where it is judged."""
    for user in ACCOUNTS:
        answer = ask(f"SELECT arrayMap({{f:Identifier}}, ['{outside['file']}'])", user, param_f="file")

        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("statement", WRITES, ids=range(len(WRITES)))
def test_no_statement_leads_out(ask: Ask, outside: dict[str, object], statement: str) -> None:
    """The same for what defines, inserts and administers; the analyst may do nothing of it, either."""
    for user in ACCOUNTS:
        answer = ask(statement.format(**outside), user)

        assert answer.status_code >= 400, (user, answer.text)
        assert SECRET not in answer.text


def test_queries_have_as_many_threads_as_the_server_was_told(ask: Ask) -> None:
    """That is their default, which each may change for itself."""
    query = "SELECT getSetting('max_threads')"

    assert ask(query).text == "5\n"
    assert ask(query, max_threads="2").text == "2\n"


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("user", ACCOUNTS)
def test_settings_open_nothing(ask: Ask, user: str, settings: dict[str, str]) -> None:
    """No setting of a request or a query names a place or an expression, or lifts a limit."""
    found = "SELECT a, getSetting('max_memory_usage') BETWEEN 1 AND 1 << 50, getSetting('max_execution_time') <= 3600 "
    answer = ask(f"{found} FROM t.x", user, **settings)

    assert answer.status_code >= 400 or (user == "analyst" and answer.text == "1\t1\t1\n"), answer.text
    clause = ", ".join(f"{name} = '{value.replace(chr(39), chr(92) + chr(39))}'" for name, value in settings.items())
    assert ask(f"SELECT a FROM t.x SETTINGS {clause}", user).status_code >= 400


def test_settings_that_are_free_text_are_known(ask: Ask) -> None:
    """Whatever the engine's version adds is fixed: only what is known to be harmless can be set."""
    changeable = "SELECT name FROM system.settings WHERE type IN ('String', 'Map') AND NOT readonly"
    names = set(ask(changeable).text.split())

    assert "log_comment" in names
    assert not [name for name in names if any(word in name for word in ("path", "url", "schema", "filter", "file"))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT a FROM t.x", "1\n"),
        ("SELECT a, n FROM t.v", f"1\t{len(SECRET)}\n"),
        ("SELECT count() FROM t.x", "1\n"),
        ("WITH y AS (SELECT a FROM t.x) SELECT a + 1 FROM y", "2\n"),
        ("SHOW TABLES FROM t", "v\nx\n"),
        ("SELECT number FROM numbers(2)", "0\n1\n"),
        ("SELECT format('{}-{}', a, 2) FROM t.x", "1-2\n"),
        ("SELECT getSetting('readonly'), getSetting('max_execution_time')", "1\t60\n"),
    ],
)
def test_an_analyst_reads_what_is_granted(ask: Ask, query: str, expected: str) -> None:
    """Columns and views that are named, with limits that only get lower."""
    assert ask(query, "analyst").text == expected
    assert ask(query, "analyst", max_execution_time="100000").text == expected


@pytest.mark.parametrize(
    "query",
    [
        "SELECT b FROM t.x",
        "SELECT * FROM t.x",
        "SELECT b.size FROM t.x",
        "SELECT a FROM t.x WHERE b LIKE 'r%'",
        "SELECT a FROM t.x ORDER BY b",
        "SELECT a FROM t.x PREWHERE b = ''",
        "SELECT * FROM merge('t', 'x')",
        "SELECT * FROM mergeTreeIndex('t', 'x')",
        "SELECT tx.b FROM t.x AS tx",
        "SELECT COLUMNS('.*') FROM t.x",
        "SELECT dictGet('t.d', 'b', 1)",
        "SELECT joinGet('t.x', 'b', 1)",
        "INSERT INTO t.x VALUES (2, '')",
        "DELETE FROM t.x WHERE 1",
        "ALTER TABLE t.x DELETE WHERE 1",
        "DROP TABLE t.x",
        "TRUNCATE TABLE t.x",
        "CREATE TABLE t.y (a Int) ENGINE = Memory",
        "CREATE TEMPORARY TABLE y (a Int)",
        "CREATE VIEW t.y SQL SECURITY DEFINER AS SELECT b FROM t.x",
        "OPTIMIZE TABLE t.x",
        "KILL QUERY WHERE 1",
        "SET ROLE application",
        "SET readonly = 0",
        "USE t",
        "SELECT 1 SETTINGS max_threads = 1",
        "SELECT * FROM system.processes",
        "SELECT * FROM system.errors",
        "SELECT * FROM system.mutations",
        "SELECT * FROM system.query_log",
        "SHOW PROCESSLIST",
    ],
)
def test_an_analyst_gets_nothing_else(ask: Ask, query: str) -> None:
    """Other columns, changes, roles, settings and what tells of others' queries are refused."""
    for parameters in ({}, {"readonly": "0"}, {"session_id": "s"}, {"database": "t"}):
        answer = ask(query, "analyst", **parameters)

        assert answer.status_code >= 400, answer.text
        assert SECRET not in answer.text
    assert ask("SELECT a, b FROM t.x").text == f"1\t{SECRET}\n"


def test_an_analyst_comes_into_no_session_of_others(ask: Ask) -> None:
    """A named session keeps its temporary tables and its role to the user that began it."""
    assert ask("CREATE TEMPORARY TABLE mine (a String)", session_id="shared").status_code == 200
    assert ask("SELECT count() FROM mine", session_id="shared").text == "0\n"

    assert ask("SELECT count() FROM mine", "analyst", session_id="shared").status_code >= 400
    assert ask("SELECT b FROM t.x", "analyst", session_id="shared").status_code >= 400


def test_a_query_ends_at_its_limits(ask: Ask) -> None:
    """Too much memory and too long a time are errors, for the analyst at smaller ones."""
    much = "SELECT length(groupArray(repeat('x', 1000) || toString(number))) FROM numbers(100000000)"
    answer = ask(much, "analyst")
    assert "MEMORY_LIMIT_EXCEEDED" in answer.text, answer.text
    long = "SELECT sum(sipHash64(number)) FROM numbers(100000000000)"
    assert "TIMEOUT_EXCEEDED" in ask(long, "analyst", max_execution_time="0.3").text


def test_the_data_are_the_owner_s(server: ClickHouseServer) -> None:
    """Nobody else may look into the directory."""
    assert server.directory.stat().st_mode & 0o777 == 0o700


def test_tables_outlive_a_restart(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """Also those of the database `default`, and after a kill."""
    running = clickhouse_servers()
    ask = asker(running)
    ask("CREATE TABLE kept (a Int) ENGINE = MergeTree ORDER BY a")
    ask("INSERT INTO kept VALUES (1)")
    for end in (running.stop, running.kill):
        end()
        running.start()
        assert ask("SELECT a FROM kept").text == "1\n"
