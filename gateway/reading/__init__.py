"""What the routes read from ClickHouse."""
