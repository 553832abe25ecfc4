"""Replays: a generation computed beside the live one, compared with it, and put in its place."""
