"""How derived records reach ClickHouse: DDL, writer, daily aggregates."""
