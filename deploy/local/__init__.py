"""The local stack: real Kafka and the ClickHouse engine on this machine, from wheels and Maven artifacts alone."""
