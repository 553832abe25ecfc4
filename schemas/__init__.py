"""What the records are: settings, topics, payloads, rules, reference data, rows and texts; no I/O."""
