"""Recomputing some students in place."""
