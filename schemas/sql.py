"""Values, columns and tables as ClickHouse's statements write them, where they cannot be bound as parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.wire.rows import Column, Table

__all__ = ["column_definition", "literal", "table_comment"]


def literal(value: str | int) -> str:
    """A value as it stands in a statement, quotes and all."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def column_definition(column: Column) -> str:
    """A column as CREATE and ALTER write it."""
    parts = [f"`{column.name}`", column.type]
    if column.default:
        parts.append(f"DEFAULT {column.default}")
    parts.append(f"COMMENT {literal(column.comment)}")
    if column.codec:
        parts.append(f"CODEC({column.codec})")
    return " ".join(parts)


def table_comment(table: Table) -> str:
    """What ClickHouse says of a table: what it is, and the format of its rows (schemas.wire.formats)."""
    return f"{table.comment} (format {table.format})"
