"""What the records are: settings, topics, payloads, rules, reference data, rows and texts. No I/O, no Kafka, no HTTP."""
