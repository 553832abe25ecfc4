"""From records to Kafka, by a spool while it is away."""
