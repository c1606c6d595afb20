"""Reads backups that versions before 0.2 sealed: scrypt for the key, AES-256-GCM for chunks of one megabyte.

The file: one line that says what it is, one line of JSON (the salt, the cost, a check value that tells a
wrong passphrase from a damaged file), then the chunks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import IO

from appliance.core.language import Message
from appliance.lifecycle.backup.chunks import WRONG, ChunkReader
from appliance.lifecycle.backup.problem import BackupProblem

MAGIC = b"PHOTOCHANGER SEALED BACKUP 1\n"
_CHUNK = 1024 * 1024
_MEMORY = 64 * 1024 * 1024


def _keys(passphrase: str, salt: bytes, cost: dict[str, int]) -> tuple[bytes, str]:
    """The key, and the value by which the passphrase is known again; ``ValueError`` for a wild cost."""
    if not (2**10 <= cost["n"] <= 2**16 and 1 <= cost["r"] <= 16 and 1 <= cost["p"] <= 4):
        raise ValueError("out of reach")
    made = hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost["n"], r=cost["r"], p=cost["p"], maxmem=_MEMORY * 2, dklen=48
    )
    return made[:32], made[32:].hex()


def opened(below: IO[bytes], passphrase: str) -> ChunkReader:
    """The content; raises ``BackupProblem`` for a wrong passphrase or a damaged file."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load

    below.seek(len(MAGIC))
    head = below.readline(1000)
    try:
        facts = json.loads(head)
        cost = {name: int(facts[name]) for name in ("n", "r", "p")}
        key, check = _keys(passphrase, bytes.fromhex(facts["salt"]), cost)
        known = str(facts["check"])
    except (ValueError, KeyError, TypeError):
        raise BackupProblem(Message("The backup is damaged: its first lines cannot be read.")) from None
    if not hmac.compare_digest(check, known):
        raise BackupProblem(WRONG)
    return ChunkReader(below, AESGCM(key), _CHUNK, head)
