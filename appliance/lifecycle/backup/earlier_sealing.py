"""Reads backups that versions before 0.2 sealed: scrypt for the key, AES-256-GCM for chunks of one megabyte.

The file: one line that says what it is, one line of JSON (the salt, the cost, a check value that tells a
wrong passphrase from a damaged file), then the chunks. A chunk's nonce is its number and whether it is
the last, so that chunks cannot be reordered, dropped or cut off without being noticed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import IO

from appliance.lifecycle.backup.problem import BackupProblem

MAGIC = b"PHOTOCHANGER SEALED BACKUP 1\n"
_CHUNK = 1024 * 1024
_TAG = 16
_MEMORY = 64 * 1024 * 1024


def _keys(passphrase: str, salt: bytes, cost: dict[str, int]) -> tuple[bytes, str]:
    """The key, and the value by which the passphrase is known again; ``ValueError`` for a wild cost."""
    if not (2**10 <= cost["n"] <= 2**16 and 1 <= cost["r"] <= 16 and 1 <= cost["p"] <= 4):
        raise ValueError("out of reach")
    made = hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost["n"], r=cost["r"], p=cost["p"], maxmem=_MEMORY * 2, dklen=48
    )
    return made[:32], made[32:].hex()


class Opener:
    """A file to read from; raises ``BackupProblem`` for a wrong passphrase or a damaged file."""

    def __init__(self, below: IO[bytes], passphrase: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        below.seek(len(MAGIC))
        self._below, self._head = below, below.readline(1000)
        try:
            facts = json.loads(self._head)
            cost = {name: int(facts[name]) for name in ("n", "r", "p")}
            key, check = _keys(passphrase, bytes.fromhex(facts["salt"]), cost)
            known = str(facts["check"])
        except (ValueError, KeyError, TypeError):
            raise BackupProblem("The backup is damaged: its first lines cannot be read.") from None
        if not hmac.compare_digest(check, known):
            raise BackupProblem("The passphrase is wrong. Nothing was changed.")
        self._cipher, self._number, self._ended = AESGCM(key), 0, False
        self._ready = bytearray()
        self._next = below.read(_CHUNK + _TAG)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while len(self._ready) < size and not self._ended:
            self._ready += self._take()
        found = bytes(self._ready[:size])
        del self._ready[:size]
        return found

    def _take(self) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        chunk, self._next = self._next, self._below.read(_CHUNK + _TAG)
        self._ended = not self._next
        try:
            opened: bytes = self._cipher.decrypt(
                self._number.to_bytes(11, "big") + bytes([self._ended]), chunk, self._head
            )
        except InvalidTag:
            raise BackupProblem("The backup is damaged or was cut off. Nothing was changed.") from None
        self._number += 1
        return opened
