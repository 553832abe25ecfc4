"""The Helm chart, and what of it is written by code: lists that the product has already.

`uv run python -m deploy.helm` writes them anew. Nothing else imports this package, and no wheel has it.
"""
