"""The raw log: copies, archives, restores."""
