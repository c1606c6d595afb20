"""Encrypts a stream under a passphrase in the format of age, so that ``age -d`` opens it without us.

The file is what https://age-encryption.org/v1 describes: a header with one scrypt stanza, which wraps
the file's key, and a code that proves the header; then a nonce and ``chunks`` of 64 kB under
ChaCha20-Poly1305.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import IO, TYPE_CHECKING

from appliance.core.language import Message
from appliance.lifecycle.backup import earlier_sealing
from appliance.lifecycle.backup.chunks import DAMAGED, WRONG, ChunkReader, nonce
from appliance.lifecycle.backup.problem import BackupProblem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MAGIC = b"age-encryption.org/v1\n"
_CHUNK = 64 * 1024
_SALT_LABEL = b"age-encryption.org/v1/scrypt"
WORK = 16  # 2**16 rounds of scrypt: 64 MB and a fifth of a second, which the smallest container has
_MOST_WORK = 18  # what age takes itself: 256 MB
_HEADER = re.compile(
    rb"(age-encryption\.org/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9]\d?)\n([A-Za-z0-9+/]{43})\n---)"
    rb" ([A-Za-z0-9+/]{43})\n"
)
_LONGEST_HEADER = 256


def is_sealed(start: bytes) -> bool:
    """Whether a file that begins with these bytes is encrypted."""
    return start.startswith((MAGIC, earlier_sealing.MAGIC))


def opened(below: IO[bytes], passphrase: str | None) -> ChunkReader:
    """The content of an encrypted file; raises ``BackupProblem`` for a wrong passphrase."""
    if not passphrase:
        raise BackupProblem(Message("This backup is encrypted. Give its passphrase with --passphrase-file."))
    below.seek(0)
    is_ours = below.read(len(MAGIC)) == MAGIC
    below.seek(0)
    return _opened(below, passphrase) if is_ours else earlier_sealing.opened(below, passphrase)


class Sealer:
    """A file to write to; ``close`` writes the last chunk and leaves the file below open."""

    def __init__(self, below: IO[bytes], passphrase: str, work: int = WORK) -> None:
        file_key, salt, start = os.urandom(16), os.urandom(16), os.urandom(16)
        wrapped = _cipher(_wrapping_key(passphrase, salt, work)).encrypt(bytes(12), file_key, None)
        stanza = b"-> scrypt %s %d\n%s\n" % (_base64(salt), work, _base64(wrapped))
        proven = MAGIC + stanza + b"---"
        below.write(proven + b" " + _base64(_proof(file_key, proven)) + b"\n" + start)
        self._below, self._cipher = below, _cipher(_derived(file_key, start, b"payload"))
        self._number, self._waiting = 0, bytearray()

    def write(self, data: bytes) -> int:
        """Take ``data``; a chunk is written as soon as it is known not to be the last."""
        self._waiting += data
        whole = max(0, len(self._waiting) - 1) // _CHUNK * _CHUNK
        for start in range(0, whole, _CHUNK):
            self._put(bytes(self._waiting[start : start + _CHUNK]), last=False)
        del self._waiting[:whole]
        return len(data)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._below.write(self._cipher.encrypt(nonce(self._number, last=last), chunk, None))
        self._number += 1

    def close(self) -> None:
        """Write what is left as the last chunk."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()


def _opened(below: IO[bytes], passphrase: str) -> ChunkReader:
    header = b"".join(below.readline(_LONGEST_HEADER) for _ in range(4))
    found = _HEADER.fullmatch(header)
    if found is None or int(found[3]) > _MOST_WORK:
        raise BackupProblem(
            Message("The backup's first lines cannot be read: it is damaged, or another program made it.")
        )
    file_key = _unwrapped(passphrase, _bytes(found[2]), int(found[3]), _bytes(found[4]))
    if not hmac.compare_digest(_proof(file_key, found[1]), _bytes(found[5])):
        raise BackupProblem(DAMAGED)
    return ChunkReader(below, _cipher(_derived(file_key, below.read(16), b"payload")), _CHUNK)


def _unwrapped(passphrase: str, salt: bytes, work: int, wrapped: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    try:
        return _cipher(_wrapping_key(passphrase, salt, work)).decrypt(bytes(12), wrapped, None)
    except InvalidTag:
        raise BackupProblem(WRONG) from None


def _wrapping_key(passphrase: str, salt: bytes, work: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=_SALT_LABEL + salt, n=2**work, r=8, p=1, maxmem=2**work * 1100, dklen=32
    )


def _derived(file_key: bytes, salt: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(SHA256(), 32, salt, purpose).derive(file_key)


def _proof(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")


def _cipher(key: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415

    return ChaCha20Poly1305(key)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))
