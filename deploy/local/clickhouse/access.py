"""Who may do what in the engine: its own roles, limits and fixed settings, as the files that it reads when it starts.

The engine has one user, `default`, with three roles: every session takes one of them and nothing but this server can
change it (statements that try are refused). Nobody has the grants that lead out of the engine: sources such as files,
addresses and other databases, dictionaries, backups, functions of one's own. Settings that hold a path, an address or
an expression are fixed, because the engine would take them on anybody's word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from deploy.local.clickhouse.layout import FILES
from operations.secret_files import write_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "ANALYST",
    "APPLICATION",
    "CONFIG",
    "EXPECTED_GRANTS",
    "HIDDEN_EXCEPT",
    "KEEPER",
    "Account",
    "Analyst",
    "fixed",
    "write_access",
]

APPLICATION: Final = "application"
ANALYST: Final = "analyst"
KEEPER: Final = "keeper"

CONFIG: Final = "access/config.xml"

# What the engine's only user has, if it has read these files.
EXPECTED_GRANTS: Final = f"GRANT {ANALYST}, {APPLICATION}, {KEEPER} TO default"

_CREATES: Final = "CREATE DATABASE, CREATE TABLE, CREATE VIEW"
_APPLICATION_GRANTS: Final = (
    f"GRANT CHECK, SHOW, SELECT, {_CREATES}, CREATE TEMPORARY TABLE, UNDROP TABLE, KILL QUERY ON *.*",
    "GRANT INSERT, ALTER, DROP, TRUNCATE, OPTIMIZE ON *.*",
    f"REVOKE INSERT, ALTER, {_CREATES}, DROP, TRUNCATE, OPTIMIZE ON system.*",
)
# Takes away the tables of `system` that tell of others' queries and data: nobody can be forbidden to read those.
_KEEPER_GRANTS: Final = ("GRANT DROP TABLE ON system.*", f"GRANT DROP DATABASE ON {FILES}.*")
HIDDEN_EXCEPT: Final = frozenset(
    {
        "aggregate_function_combinators", "build_options", "codecs", "collations", "columns", "completions",
        "constraints", "contributors", "current_roles", "data_skipping_index_types", "data_skipping_indices",
        "data_type_families", "database_engines", "databases", "documentation", "enabled_roles", "events", "formats",
        "functions", "grants", "keywords", "licenses", "merge_tree_settings", "merges", "metrics", "numbers",
        "numbers_mt", "one", "parts", "parts_columns", "primes", "privileges", "projections", "settings",
        "settings_changes", "table_engines", "table_functions", "tables", "time_zones", "zeros", "zeros_mt",
    }
)  # fmt: skip

# Settings of free text that name no file, address, expression or language.
_HARMLESS: Final = frozenset(
    {
        "bool_false_representation", "bool_true_representation", "chdb_client_name", "compression",
        "count_distinct_implementation", "database", "default_format",
        "errors_output_format", "exclude_materialize_skip_indexes_on_insert", "force_data_skipping_indices",
        "force_optimize_projection_name", "format", "format_csv_null_representation", "format_custom_field_delimiter",
        "format_custom_result_after_delimiter", "format_custom_result_before_delimiter",
        "format_custom_row_after_delimiter", "format_custom_row_before_delimiter",
        "format_custom_row_between_delimiter", "format_json_object_each_row_column_for_object_name", "format_regexp",
        "format_tsv_null_representation", "ignore_data_skipping_indices", "input_format",
        "input_format_orc_reader_time_zone_name", "output_format",
        "insert_deduplication_token", "log_comment", "network_compression_method", "output_format_avro_codec",
        "output_format_orc_writer_time_zone_name", "output_format_pretty_grid_charset",
        "output_format_sql_insert_table_name", "preferred_optimize_projection_name", "query_cache_tag",
    }
)  # fmt: skip
_FREE_TEXT: Final = ("String", "Map", "URI")
# Other languages, and what would run as code, look into the process or leave it.
_SWITCHES: Final = re.compile(
    r"dialect|.*_dialect|implicit_.*|allow_introspection_functions|allow_fuzz_query_functions|allow_.*_ai_functions|"
    r"allow_python_table_function|allow_.*eval_table_function|allow_.*database_.*|dynamic_disk_.*|timeout_overflow_mode|"
    r"allow_unrestricted_reads_from_keeper|allow_archive_path_syntax"
)
# Zero would be no limit at all.
_LEAST: Final = {"max_memory_usage": "1", "max_execution_time": "0.001"}
_OFF: Final = ("allow_introspection_functions", "allow_python_table_function", "implicit_select")
_TABLE_SETTINGS: Final = ("disk", "table_disk", "storage_policy")


@dataclass(frozen=True, slots=True)
class Analyst:
    """A second user, who only reads, and only what `grants` (GRANT statements without TO) name."""

    user: str
    password: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the HTTP interface: the role of its sessions, and limits that its requests may only lower."""

    user: str
    password: str
    role: str
    limits: Mapping[str, int]

    @property
    def reads_only(self) -> bool:
        """Whether its statements may only read."""
        return self.role == ANALYST


def fixed(settings: Iterable[tuple[str, str]]) -> list[str]:
    """Of the engine's settings, as (name, type), those that nobody may change."""
    return sorted(
        name
        for name, kind in settings
        if (kind in _FREE_TEXT and name not in _HARMLESS) or _SWITCHES.fullmatch(name) is not None
    )


def write_access(
    directory: Path,
    settings: Sequence[tuple[str, str]],
    limits: Mapping[str, int],
    analyst: Sequence[str],
    threads: int,
) -> None:
    """Write the files of access control below a data directory; `limits` hold for every query of everybody.

    `threads` are a query's by default, which it may change; with 0 the engine decides.
    """
    constants = [*fixed(settings), *(f"merge_tree_{name}" for name in _TABLE_SETTINGS)]
    known = {name for name, _ in settings}
    values = "".join(f"<{name}>{value}</{name}>" for name, value in limits.items())
    values += "".join(f"<{name}>0</{name}>" for name in _OFF if name in known)
    values += f"<max_threads>{threads}</max_threads>" if threads else ""
    bounds = "".join(f"<{name}><min>{_LEAST[name]}</min><max>{value}</max></{name}>" for name, value in limits.items())
    bounds += "".join(f"<{name}><const/></{name}>" for name in constants)
    roles = "".join(
        f"<{role}><grants>{''.join(f'<query>{escape(grant)}</query>' for grant in grants)}</grants></{role}>"
        # A role without any grant would have them all.
        for role, grants in (
            (APPLICATION, _APPLICATION_GRANTS),
            (KEEPER, _KEEPER_GRANTS),
            (ANALYST, ("GRANT SELECT ON system.one", *analyst)),
        )
    )
    users = (
        f"<clickhouse><profiles><default>{values}<constraints>{bounds}</constraints></default></profiles>"
        f"<roles>{roles}</roles><users><default><password/><networks><ip>::/0</ip></networks>"
        "<profile>default</profile><quota>default</quota>"
        f"<grants><query>GRANT {APPLICATION}, {KEEPER}, {ANALYST}</query></grants></default></users>"
        "<quotas><default/></quotas></clickhouse>"
    )
    place = (directory / CONFIG).parent
    place.mkdir(parents=True, exist_ok=True)
    write_secret(place / "users.xml", users)
    rules = (place / "users.xml").relative_to(directory)
    main = f"<users_config>{rules}</users_config><default_database>{FILES}</default_database>"
    write_secret(directory / CONFIG, f"<clickhouse>{main}</clickhouse>")
