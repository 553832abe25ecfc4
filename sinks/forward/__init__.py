"""Tells others over HTTP: completions, and students who are stuck, as signed webhooks."""
