"""Receipts."""

from __future__ import annotations

import uuid

from gateway.ingest.receipts import Receipts


def test_receipts_are_uuids_and_never_the_same() -> None:
    """Those of one gateway differ at the end, those of two at the beginning."""
    one, two = Receipts(), Receipts()
    made = [maker.next() for _ in range(1000) for maker in (one, two)]

    assert len(set(made)) == 2000
    assert all(str(uuid.UUID(receipt)) == receipt for receipt in made)
