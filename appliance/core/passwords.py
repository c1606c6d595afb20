"""Passwords: bcrypt for keeping, readable random ones for handing out."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict

import bcrypt

MAX_PASSWORD_BYTES = 72  # bcrypt reads no further
_ROUNDS = 12
# No 0/O, 1/l/I, no vowels that spell words: read aloud across a noisy room and typed with gloves on.
_LETTERS = "bcdfghjkmnpqrstvwxyz23456789"


def make_password(groups: int = 4, letters: int = 4) -> str:
    """A random, unambiguous password such as ``k7mq-x3np-…``; 16 letters are about 77 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(letters)) for _ in range(groups))


def hash_password_blocking(password: str) -> str:
    """The bcrypt hash of ``password``; raises ``ValueError`` when it is empty or over 72 bytes."""
    raw = password.encode()
    if not raw or len(raw) > MAX_PASSWORD_BYTES:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD_BYTES} bytes")
    return bcrypt.hashpw(raw, bcrypt.gensalt(_ROUNDS)).decode()


def _matches(password: str, hashed: str) -> bool:
    raw = password.encode()
    if not raw or len(raw) > MAX_PASSWORD_BYTES:
        return False
    return bcrypt.checkpw(raw, hashed.encode())


async def hash_password(password: str) -> str:
    """Like ``hash_password_blocking``, in a thread: bcrypt is slow on purpose."""
    return await asyncio.to_thread(hash_password_blocking, password)


class PasswordChecker:
    """Compares passwords with bcrypt hashes and remembers what it found.

    What is remembered is a digest keyed with a random key of this process, so a booth pays for
    bcrypt once per rotation rather than once per photo, and a booth with the wrong password
    cannot keep the processor busy.
    """

    def __init__(self, remembered: int = 256) -> None:
        self._key = secrets.token_bytes(32)
        self._remembered = remembered
        self._verdicts: OrderedDict[bytes, bool] = OrderedDict()

    def _digest(self, password: str, hashed: str) -> bytes:
        return hmac.digest(self._key, f"{hashed}\0{password}".encode(), hashlib.sha256)

    async def matches(self, password: str, hashed: str) -> bool:
        """Whether ``password`` is the one that ``hashed`` was made from."""
        digest = self._digest(password, hashed)
        if digest in self._verdicts:
            self._verdicts.move_to_end(digest)
            return self._verdicts[digest]
        verdict = await asyncio.to_thread(_matches, password, hashed)
        self._verdicts[digest] = verdict
        while len(self._verdicts) > self._remembered:
            self._verdicts.popitem(last=False)
        return verdict
