"""For HTTP clients of addresses on this machine: to load the world's certificates takes longer than most requests."""

from __future__ import annotations

import ssl
from typing import Final

__all__ = ["PLAIN"]

# What httpx takes as `verify`. With it no HTTPS server is trusted, and none is called.
PLAIN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
