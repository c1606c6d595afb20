"""Passwords: bcrypt for keeping, readable random ones for handing out."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from appliance.core.newest import Newest

MAX_PASSWORD_BYTES = 72  # bcrypt reads no further
_ROUNDS = 12
# bcrypt has threads of its own: uploads and files never wait behind somebody's guesses. Comparing has one for
# each checker, so that guesses of the ingest password take one core at most and no time from log-ins.
STEPS_BACK = 10  # of 19, for photos: it gets a tenth of a processor that they want, and all of an idle one


def _step_back() -> None:
    """Lower this thread's priority; Linux knows one for each thread."""
    thread = threading.get_native_id()
    behind = os.getpriority(os.PRIO_PROCESS, thread) + STEPS_BACK
    os.setpriority(os.PRIO_PROCESS, thread, min(behind, 19))


_THREADS = ThreadPoolExecutor(1, thread_name_prefix="bcrypt", initializer=_step_back)
# No 0/O, 1/l/I, no vowels that spell words: read aloud across a noisy room and typed with gloves on.
LETTERS = "bcdfghjkmnpqrstvwxyz23456789"


def make_password(groups: int = 4) -> str:
    """A random, unambiguous password such as ``k7mq-x3np-…``; 16 letters are about 77 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(groups))


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
    return await asyncio.get_running_loop().run_in_executor(_THREADS, hash_password_blocking, password)


class PasswordChecker:
    """Compares passwords with bcrypt hashes and remembers what it found.

    What is remembered is a digest keyed with a random key of this process, so a booth pays for
    bcrypt once per rotation rather than once per photo, and a booth with the wrong password
    cannot keep the processor busy. Who asks for what is being compared waits for that answer.
    """

    def __init__(self, remembered: int = 256) -> None:
        self._key = secrets.token_bytes(32)
        self._thread = ThreadPoolExecutor(1, "bcrypt-compare", initializer=_step_back)
        self._verdicts: Newest[bytes, bool] = Newest(remembered)
        self._running: dict[bytes, asyncio.Future[bool]] = {}

    def _digest(self, password: str, hashed: str) -> bytes:
        return hmac.digest(self._key, f"{hashed}\0{password}".encode(), hashlib.sha256)

    async def matches(self, password: str, hashed: str) -> bool:
        """Whether ``password`` is the one that ``hashed`` was made from."""
        digest = self._digest(password, hashed)
        if digest in self._verdicts:
            self._verdicts.move_to_end(digest)
            return self._verdicts[digest]
        running = self._running.get(digest)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._thread, _matches, password, hashed)
            self._running[digest] = running
            running.add_done_callback(lambda done: self._remember(digest, done))
        return await asyncio.shield(running)

    def learn(self, password: str, hashed: str) -> None:
        """``hashed`` was just made of ``password``: nobody has to compare them."""
        self._verdicts[self._digest(password, hashed)] = True

    def known(self, password: str, hashed: str) -> bool | None:
        """What was found before for ``password``; ``None`` if it was not compared yet."""
        return self._verdicts.get(self._digest(password, hashed))

    def _remember(self, digest: bytes, done: asyncio.Future[bool]) -> None:
        del self._running[digest]
        if not done.cancelled() and not done.exception():
            self._verdicts[digest] = done.result()
