"""What a pooler such as PgBouncer makes of a connection to PostgreSQL: `options` are refused or left out."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

from deploy.local.resources import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pooler"]

_STARTUP: Final = 196_608
_WORD: Final = struct.Struct("!I")
_REFUSED: Final = b"SFATAL\x00C08P01\x00Munsupported startup parameter: options\x00\x00"
_CHUNK: Final = 1 << 16


@contextlib.contextmanager
def pooler(port: int, *, refuses: bool, is_mute: bool = False) -> Iterator[int]:
    """The port of one in front of PostgreSQL's; it `refuses` who gives options, or else goes on without them.

    One that `is_mute` lets clients log in, and answers nothing else.
    """
    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=_accept, args=(server, port, refuses, is_mute), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, port: int, *how: bool) -> None:
    with contextlib.suppress(OSError):
        while True:
            client = server.accept()[0]
            threading.Thread(target=_serve, args=(client, port, *how), daemon=True).start()


def _serve(client: socket.socket, port: int, refuses: bool, is_mute: bool) -> None:  # noqa: FBT001 - a thread's
    with contextlib.suppress(OSError, struct.error), client, socket.create_connection((LOOPBACK, port)) as server:
        while True:
            message = _exactly(client, _WORD.unpack(_exactly(client, 4))[0] - 4)
            if _WORD.unpack(message[:4])[0] == _STARTUP:
                break
            # Encryption, of which it has none.
            client.sendall(b"N")
        words = message[4:-1].split(b"\x00")[:-1]
        pairs = list(zip(words[::2], words[1::2], strict=True))
        if refuses and any(name == b"options" for name, _ in pairs):
            client.sendall(b"E" + _WORD.pack(len(_REFUSED) + 4) + _REFUSED)
            return
        left = b"".join(b"%s\x00%s\x00" % pair for pair in pairs if pair[0] != b"options") + b"\x00"
        server.sendall(_WORD.pack(len(left) + 8) + _WORD.pack(_STARTUP) + left)
        back = threading.Thread(target=_pipe, args=(server, client), daemon=True)
        back.start()
        _pipe(client, server, of=b"p" if is_mute else b"")
        back.join()


def _pipe(source: socket.socket, target: socket.socket, *, of: bytes = b"") -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(_CHUNK):
            if part.startswith(of):
                target.sendall(part)
        target.shutdown(socket.SHUT_WR)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data
