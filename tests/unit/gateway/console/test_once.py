"""Links that log in once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from gateway.console.once import LINK_SECONDS, offer_link, offered_token, take_link, with_link

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = "ab" * 32


def redeem(directory: Path, code: str, now: float) -> str | None:
    """What somebody gets who follows a link, as the page of log-in does it."""
    token = offered_token(directory, code, now)
    return token if token is not None and take_link(directory, code) else None


def test_a_link_logs_in_once(tmp_path: Path) -> None:
    """The second time it is nothing, and nothing is left of it."""
    code = offer_link(tmp_path / "spool", TOKEN, 1000.5)

    assert redeem(tmp_path / "spool", code, 1001) == TOKEN
    assert redeem(tmp_path / "spool", code, 1001) is None
    assert list((tmp_path / "spool").iterdir()) == []
    assert code in with_link("http://127.0.0.1:1", code)


def test_one_of_many_who_follow_it_gets_in(tmp_path: Path) -> None:
    """However many processes are asked at the same time."""
    code = offer_link(tmp_path, TOKEN, 0)
    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(lambda _: redeem(tmp_path, code, 1), range(64)))

    assert given.count(TOKEN) == 1
    assert given.count(None) == 63


def test_who_only_looks_does_not_use_it_up(tmp_path: Path) -> None:
    """Whose log-in fails for another reason may try again."""
    code = offer_link(tmp_path, TOKEN, 0)

    assert [offered_token(tmp_path, code, 1) for _ in range(3)] == [TOKEN] * 3
    assert (take_link(tmp_path, code), take_link(tmp_path, code)) == (True, False)
    assert offered_token(tmp_path, code, 1) is None


def test_it_is_too_old_after_ten_minutes(tmp_path: Path) -> None:
    """And then it is gone."""
    code = offer_link(tmp_path, TOKEN, 0)

    assert redeem(tmp_path, code, LINK_SECONDS) is None
    assert redeem(tmp_path, code, 1) is None


def test_only_the_owner_reads_it_and_the_code_is_not_in_it(tmp_path: Path) -> None:
    """Who sees the directory cannot follow the link."""
    code = offer_link(tmp_path, TOKEN, 0)
    (file,) = tmp_path.iterdir()

    assert file.stat().st_mode & 0o077 == 0
    assert code not in file.name + file.read_text()


def test_a_new_link_ends_the_ones_before(tmp_path: Path) -> None:
    """Nothing piles up."""
    first, second = offer_link(tmp_path, TOKEN, 0), offer_link(tmp_path, TOKEN, 1)

    assert redeem(tmp_path, first, 2) is None
    assert redeem(tmp_path, second, 2) == TOKEN


def test_what_is_no_code_finds_no_file(tmp_path: Path) -> None:
    """No text leads out of the directory."""
    for code in ("", "../../etc/passwd", "x" * 1000, "\ud800", "\0"):
        assert redeem(tmp_path, code, 0) is None
