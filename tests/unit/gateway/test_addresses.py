"""Where requests come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import Addresses

PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.1.1.1", None, "10.1.1.1"),
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.1.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "1.2.3.4, 198.51.100.1, 10.2.2.2", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1, nonsense", "10.1.1.1"),
        ("10.1.1.1", "nonsense, 10.2.2.2", "10.2.2.2"),
        ("::ffff:10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", None, "203.0.113.7"),
    ],
)
def test_an_address_is_what_nobody_can_make_up(peer: str, forwarded: str | None, address: str) -> None:
    """Only trusted proxies are believed, and of what they forward only what they saw themselves."""
    sent = {} if forwarded is None else {b"x-forwarded-for": forwarded.encode()}

    assert Addresses(PROXIES).of({"client": (peer, 4711)}, sent) == address


def test_without_proxies_the_header_says_nothing() -> None:
    """Anybody may send it."""
    assert Addresses().of({"client": ("10.1.1.1", 1)}, {b"x-forwarded-for": b"1.2.3.4"}) == "10.1.1.1"


def test_a_connection_without_address_has_one_name() -> None:
    """A socket of the file system has no address."""
    assert Addresses().of({"client": None}, {}) == "-"


@given(st.binary(max_size=60))
def test_no_header_breaks_it(header: bytes) -> None:
    """Whatever is forwarded, there is an address."""
    assert Addresses(PROXIES).of({"client": ("10.1.1.1", 1)}, {b"x-forwarded-for": header})
