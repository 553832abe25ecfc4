"""What statements may do, judged by the engine's own text of them."""

from __future__ import annotations

import pytest

from deploy.local.clickhouse.access import fixed
from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.guard import judge

REFUSED = frozenset({"file", "url", "format", "null", "values"})


@pytest.mark.parametrize(
    ("parsed", "code"),
    [
        (b"SELECT 1 INTO OUTFILE 'x' FORMAT CSV", 358),
        (b"INSERT INTO t FROM INFILE 'x' FORMAT CSV", 48),
        (b"SELECT 1 PARALLEL WITH SET ROLE a", 497),
        (b"SET ROLE a", 497),
        (b"SET DEFAULT ROLE a TO b", 497),
        (b"SELECT file('x')", 497),
        (b"SELECT `file`('x'), FILE(1)", 497),
        (rb"SELECT `fi\le`('x')", 497),
        (b"SELECT arrayMap(file, ['x'])", 497),
        (b"SELECT arrayMap(`file` AS f, ['x'])", 497),
        (b"SELECT * APPLY file", 497),
        (b"SELECT arrayMap({f:Identifier}, ['x'])", 497),
        (b"CREATE TABLE t (`a` String DEFAULT file('x')) ENGINE = Memory", 497),
        (b"CREATE TABLE t (`a` String) ENGINE = File('CSV')", 497),
        (b"CREATE DATABASE d ENGINE = Filesystem('/')", 497),
        (b"CREATE TABLE t (`a` String) ENGINE = EmbeddedRocksDB(0, '/x') PRIMARY KEY a", 497),
        (b"ATTACH TABLE t FROM '/x' (`a` String) ENGINE = MergeTree ORDER BY a", 497),
        (b"SELECT * FROM values('a Int, b String ALIAS x', 1)", 497),
        (b"SELECT * FROM format(CSV, 'a Int, b String default x', '1')", 497),
        (b"SELECT * FROM format(CSV, concat('a'), '1')", 497),
        (b"SELECT * FROM format(concat('CSV'), 'a Int', '1')", 497),
        (b"INSERT INTO FUNCTION null('a Int, b String DEFAULT x') FORMAT JSONEachRow", 497),
        (b"INSERT INTO FUNCTION null(concat('a')) FORMAT JSONEachRow", 497),
    ],
)
def test_what_leads_out_of_the_engine_is_refused(parsed: bytes, code: int) -> None:
    """Files, addresses, roles and columns with expressions are nobody's."""
    with pytest.raises(ClickHouseError) as refused:
        judge(parsed, REFUSED, reads_only=False)

    assert refused.value.code == code


@pytest.mark.parametrize(
    "parsed",
    [
        b"SELECT 1",
        b"SELECT 'INTO OUTFILE \\' file(', outfile FROM infile",
        b"SELECT file, url FROM t.file WHERE format IN ('x')",
        b"INSERT INTO t.file (a) SELECT 1",
        b"SELECT count(t.file) FROM {d:Identifier}.{t:Identifier} AS t WHERE a = {a:String}",
        b"SELECT format('{} {}', a, b)",
        b"SELECT n FROM format(JSONEachRow, 'n UInt32, b String', '{}')",
        b"SELECT n FROM format(JSONEachRow, '{}')",
        b"INSERT INTO FUNCTION null('`a` Int, b String') FORMAT JSONEachRow",
        b"CREATE TABLE t (`a` String) ENGINE = ReplacingMergeTree(v) ORDER BY a",
        b"CREATE DATABASE d ENGINE = Atomic",
        b"SET max_threads = 1",
    ],
)
def test_what_stays_inside_is_served(parsed: bytes) -> None:
    """Names and texts that look like what is refused are names and texts."""
    judge(parsed, REFUSED, reads_only=False)


@pytest.mark.parametrize(
    ("parsed", "right"),
    [
        (b"INSERT INTO t FROM INFILE 'data' COMPRESSION 'none' FORMAT CSV", True),
        (b"INSERT INTO t FROM INFILE 'other' COMPRESSION 'none' FORMAT CSV", False),
        (b"INSERT INTO t FROM INFILE 'data' SELECT 1 FROM INFILE 'data'", False),
        (b"INSERT INTO t SELECT 1", False),
    ],
)
def test_data_come_from_one_place(parsed: bytes, *, right: bool) -> None:
    """An INSERT reads the file that the server made for it, once."""
    if right:
        judge(parsed, REFUSED, reads_only=False, infile=b"'data'")
        return
    with pytest.raises(ClickHouseError):
        judge(parsed, REFUSED, reads_only=False, infile=b"'data'")


@pytest.mark.parametrize("parsed", [b"SET a = 1", b"INSERT INTO t SELECT 1", b"KILL QUERY WHERE 1", b"USE t", b""])
def test_an_analyst_reads(parsed: bytes) -> None:
    """Whatever does more is refused."""
    with pytest.raises(ClickHouseError, match="only reads"):
        judge(parsed, REFUSED, reads_only=True)
    judge(b"WITH x AS (SELECT 1) SELECT * FROM x", REFUSED, reads_only=True)


def test_settings_that_name_places_and_languages_are_fixed() -> None:
    """Free text is fixed unless it is known to be harmless, numbers are not."""
    found = fixed(
        [
            ("format_schema", "String"),
            ("additional_table_filters", "Map"),
            ("log_comment", "String"),
            ("a_new_path", "String"),
            ("dialect", "Dialect"),
            ("max_threads", "MaxThreads"),
            ("implicit_select", "Bool"),
        ]
    )

    assert found == ["a_new_path", "additional_table_filters", "dialect", "format_schema", "implicit_select"]
