"""Recomputing everything beside the live generation."""
