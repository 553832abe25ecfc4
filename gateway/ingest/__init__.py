"""From a request to records of the raw log."""
