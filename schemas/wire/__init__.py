"""What travels: topics, headers, records, rows."""
