"""Where requests come from: the connection's other end, or what trusted proxies say of it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address

    Address = IPv4Address | IPv6Address

__all__ = ["UNKNOWN", "Addresses", "coarse"]

UNKNOWN: Final = "-"

# Who has one address of IPv6 has as many as these bits leave.
_OWN_BITS: Final = 64


class Addresses:
    """Tells addresses; `trusted` are those of proxies (such as `10.0.0.0/8`), whose X-Forwarded-For is believed."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [ip_network(network) for network in trusted]

    def is_trusted(self, host: str) -> bool:
        """Whether this is the address of a proxy."""
        address = _parsed(host) if self._trusted else None
        return address is not None and any(address in network for network in self._trusted)

    def of(self, scope: Mapping[str, Any], sent: Mapping[bytes, bytes]) -> str:
        """The address of a request, of IPv6 the network that its sender has."""
        client = scope.get("client")
        host: str = client[0] if client else UNKNOWN
        if self._trusted and self.is_trusted(host):
            host = self._forwarded(host, sent.get(b"x-forwarded-for", b"").decode("latin-1"))
        return coarse(host) if ":" in host else host

    def _forwarded(self, proxy: str, header: str) -> str:
        """The last address in the header that no trusted proxy has: what stands before it, anybody may have written."""
        host = proxy
        for part in reversed(header.split(",")):
            address = _parsed(part.strip())
            if address is None:
                break
            host = str(address)
            if not self.is_trusted(host):
                break
        return host


def coarse(host: str) -> str:
    """An address as those who share it are told apart: of IPv6 the network of 64 bits."""
    address = _parsed(host)
    if not isinstance(address, IPv6Address):
        return host if address is None else str(address)
    return str(ip_network((address, _OWN_BITS), strict=False))


def _parsed(text: str) -> Address | None:
    """An address, with a port or without; IPv4 written as IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
