"""Tokens in guests' addresses, made from one secret: they can be read back, but not made up."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from appliance.core.secrets import read_or_make

FILE_NAME = "guest-links-key"
LONGEST_TOKEN = 2000  # characters: an address of over 2,048 does not pass everywhere
IDENTITY_PATH = "/public/appliance"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a booth calls one visit, which booth, and when its first picture was taken (whole seconds)."""

    field: str
    value: str
    booth: str | None  # ``None``: of jobs that do not name it
    since: datetime


class GuestTokens:
    """Makes and reads the tokens of one appliance."""

    def __init__(self, secrets_dir: Path) -> None:
        self._secret = read_or_make(secrets_dir / FILE_NAME, 48).encode()

    def _key(self, purpose: str, size: int = 32) -> bytes:
        return hmac.digest(self._secret, purpose.encode(), "sha512")[:size]

    def visit(self, visit: Visit) -> str | None:
        """The token of a visit: the same for all its pictures, and nobody else can read it.

        ``None`` where the booth's value is too long for an address.
        """
        parts = [str(int(visit.since.timestamp())), visit.field, visit.value]
        if visit.booth is not None:
            parts.append(visit.booth)
        token = _encoded(AESSIV(self._key("visit", 64)).encrypt("\0".join(parts).encode(), None))
        return token if len(token) <= LONGEST_TOKEN else None

    def read_visit(self, token: str) -> Visit | None:
        """The visit behind ``token``; ``None`` for one that was not made here."""
        raw = _decoded(token)
        if raw is None:
            return None
        try:
            text = AESSIV(self._key("visit", 64)).decrypt(raw, None).decode()
        except (InvalidTag, ValueError):
            return None
        since, field, value, *booth = text.split("\0")
        return Visit(field, value, booth[0] if booth else None, datetime.fromtimestamp(int(since), UTC))

    def picture(self, place: str, job_id: uuid.UUID) -> str:
        """A picture's name in one gallery. It does not lead to the guest's own link."""
        cipher = Cipher(algorithms.AES(self._key(f"picture:{place}")), modes.ECB()).encryptor()  # noqa: S305 - one block
        return _encoded(cipher.update(job_id.bytes) + cipher.finalize())

    def read_picture(self, place: str, name: str) -> uuid.UUID | None:
        """The picture behind a name in a gallery; a made-up name gives an id that nothing has."""
        raw = _decoded(name)
        if raw is None or len(raw) != 16:
            return None
        cipher = Cipher(algorithms.AES(self._key(f"picture:{place}")), modes.ECB()).decryptor()  # noqa: S305 - one block
        return uuid.UUID(bytes=cipher.update(raw) + cipher.finalize())

    def seal(self, purpose: str, value: str) -> str:
        """A cookie's value that proves that ``value`` was known."""
        return _encoded(hmac.digest(self._key(f"seal:{purpose}"), value.encode(), "sha256")[:18])

    @property
    def identity(self) -> str:
        """What tells this appliance from every other one, and says nothing else of it."""
        return self.seal("identity", "")

    def client(self, address: str) -> str:
        """A guest's address as limits count it: today's name, which tells nobody the address."""
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        return hmac.new(self._key(f"client:{day}"), address.encode(), hashlib.sha256).hexdigest()[:24]


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(token: str) -> bytes | None:
    if not 1 <= len(token) <= LONGEST_TOKEN:
        return None
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    return raw if _encoded(raw) == token else None
