"""Figures of the system as a whole, which none of its parts knows of itself."""
