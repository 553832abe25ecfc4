"""The LMS's history: its rows of webhooks and of telemetry as raw records of then, and what became of them."""
