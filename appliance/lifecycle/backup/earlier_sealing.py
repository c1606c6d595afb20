"""Encrypts a stream under a passphrase: scrypt for the key, AES-256-GCM for chunks of one megabyte.

The file: one line that says what it is, one line of JSON (the salt, the cost, a check value that tells a
wrong passphrase from a damaged file), then the chunks. A chunk's nonce is its number and whether it is
the last, so that chunks cannot be reordered, dropped or cut off without being noticed. The key is made
from a fresh salt for every file, so no nonce is used twice under it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import IO

MAGIC = b"PHOTOCHANGER SEALED BACKUP 1\n"
_CHUNK = 1024 * 1024
_TAG = 16
_COST = {"n": 2**15, "r": 8, "p": 1}
_MEMORY = 64 * 1024 * 1024


class BackupProblem(ValueError):
    """Why a backup cannot be made or used, in words for the person who wants it."""


def _keys(passphrase: str, salt: bytes, cost: dict[str, int]) -> tuple[bytes, str]:
    """The key, and the value by which the passphrase is known again; ``ValueError`` for a wild cost."""
    if not (2**10 <= cost["n"] <= 2**16 and 1 <= cost["r"] <= 16 and 1 <= cost["p"] <= 4):
        raise ValueError("out of reach")
    made = hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost["n"], r=cost["r"], p=cost["p"], maxmem=_MEMORY * 2, dklen=48
    )
    return made[:32], made[32:].hex()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


class Sealer:
    """A file to write to; ``close`` writes the last chunk and leaves the file below open."""

    def __init__(self, below: IO[bytes], passphrase: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load

        salt = os.urandom(16)
        key, check = _keys(passphrase, salt, _COST)
        self._head = json.dumps({"salt": salt.hex(), "check": check, **_COST}).encode() + b"\n"
        self._below, self._cipher = below, AESGCM(key)
        self._number, self._waiting = 0, bytearray()
        below.write(MAGIC + self._head)

    def write(self, data: bytes) -> int:
        """Take ``data``; a chunk is written as soon as it is known not to be the last."""
        self._waiting += data
        while len(self._waiting) > _CHUNK:
            self._put(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return len(data)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._below.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._head))
        self._number += 1

    def close(self) -> None:
        """Write what is left as the last chunk."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()


class Opener:
    """A file to read from; raises ``BackupProblem`` for a wrong passphrase or a damaged file."""

    def __init__(self, below: IO[bytes], passphrase: str | None) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        if not passphrase:
            raise BackupProblem("This backup is encrypted. Give its passphrase with --passphrase-file.")
        below.seek(len(MAGIC))
        self._below, self._head = below, below.readline(1000)
        try:
            facts = json.loads(self._head)
            cost = {name: int(facts[name]) for name in _COST}
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
            opened: bytes = self._cipher.decrypt(_nonce(self._number, last=self._ended), chunk, self._head)
        except InvalidTag:
            raise BackupProblem("The backup is damaged or was cut off. Nothing was changed.") from None
        self._number += 1
        return opened
