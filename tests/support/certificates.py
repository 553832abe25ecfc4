"""Certificates of tests: an authority and what it signs, as PEM files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trustme

from deploy.local.clickhouse import Certificates

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Authority"]


class Authority:
    """An authority that nobody else trusts, whose files are in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        """Make one; `cafile` is its certificate."""
        directory.mkdir(parents=True)
        self._directory = directory
        self._authority = trustme.CA()
        self.cafile = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.cafile))

    def signed(self, name: str, *names: str, **more: Any) -> tuple[Path, Path]:
        """The files of a certificate for these names and addresses, and of its key; `more` are trustme's own."""
        made = self._authority.issue_cert(*names, **more)
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(key))
        return certificate, key

    def server(self, *names: str, clients: Path | None = None, **more: Any) -> Certificates:
        """The files of a server with these names and addresses; `clients` is whose certificates it wants to see."""
        certificate, key = self.signed("server", *names, **more)
        return Certificates(str(certificate), str(key), str(clients or ""))
