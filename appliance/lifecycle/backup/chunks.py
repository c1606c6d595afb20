"""Reads what was encrypted in chunks: a nonce is a chunk's number and whether it is the last.

So chunks cannot be reordered, dropped or cut off without being noticed.
"""

from __future__ import annotations

from typing import IO, Protocol

from appliance.core.language import Message
from appliance.lifecycle.backup.problem import BackupProblem

DAMAGED = Message("The backup is damaged or was cut off. Nothing was changed.")
# Whoever gave none did not know that this machine's own was tried.
WRONG = Message("The backup has another passphrase. Give it with --passphrase-file. Nothing was changed.")
_TAG = 16


class Cipher(Protocol):
    """An authenticated cipher of ``cryptography``."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """The content; raises ``InvalidTag``."""


class ChunkReader:
    """A file to read from; raises ``BackupProblem`` for a damaged one."""

    def __init__(self, below: IO[bytes], cipher: Cipher, chunk: int, associated: bytes | None = None) -> None:
        self._below, self._cipher, self._associated = below, cipher, associated
        self._size, self._number, self._ended = chunk + _TAG, 0, False
        self._ready, self._next = bytearray(), below.read(self._size)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while len(self._ready) < size and not self._ended:
            self._ready += self._take()
        found = bytes(self._ready[:size])
        del self._ready[:size]
        return found

    def _take(self) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - slow to load

        chunk, self._next = self._next, self._below.read(self._size)
        self._ended = not self._next
        try:
            opened = self._cipher.decrypt(nonce(self._number, last=self._ended), chunk, self._associated)
        except InvalidTag:
            raise BackupProblem(DAMAGED) from None
        self._number += 1
        return opened


def nonce(number: int, *, last: bool) -> bytes:
    """That of the chunk with this number."""
    return number.to_bytes(11, "big") + bytes([last])
