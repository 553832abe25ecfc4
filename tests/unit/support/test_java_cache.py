"""Brokers of tests start from a cache where there is one, and without where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import java_cache

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_cache_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java is told of the file as soon as it is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    without = java_cache.java_options()
    kept = java_cache.cache_file()
    kept.parent.mkdir(parents=True)
    kept.touch()

    assert not any(str(tmp_path) in option for option in without)
    assert java_cache.java_options() == (*without, f"-XX:AOTCache={kept}")
