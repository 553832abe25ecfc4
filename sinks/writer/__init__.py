"""The writer: from records of Kafka to blocks of ClickHouse, each exactly once."""
