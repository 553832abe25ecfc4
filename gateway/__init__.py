"""The thin HTTP edge: it authenticates, bounds, publishes and reads; no business rule lives here."""
