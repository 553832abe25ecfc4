"""What `up --demo` shows: real documents go in, and what came out is read back from ClickHouse."""
