"""The directory kept as the LMS's PostgreSQL has it, without Kafka Connect."""
