"""How a request shows that it comes from a booth of ours: by a key of its own, or by the shared password.

A key may stand in the address (``?key=``), which settles it before the body is read, in a
field ``key``, or where the booth's program has a place for a password. A key that comes is looked at
whatever the password says; where a key is right, the password is not looked at any more.
"""

from __future__ import annotations

from typing import Literal

from appliance.core.errors import InvalidBoothKey, MissingField
from appliance.core.key_texts import looks_like_key, without_keys
from appliance.core.language import Message
from appliance.ingest.booth_keys.service import BoothKeys, KnownBooth
from appliance.ingest.credentials import IngestCredentials

PASSWORD_FIELD = "password"  # noqa: S105 - the field's name
KEY_FIELD = "key"


class SenderProof:
    """What one request has shown so far."""

    def __init__(self, passwords: IngestCredentials, keys: BoothKeys, slot_id: str, address: str) -> None:
        self._passwords = passwords
        self._keys = keys
        self._slot_id = slot_id
        self._address = address
        self._other_key = False  # a field ``key`` came that holds something else
        self.booth: KnownBooth | None = None
        self.by: Literal["address", "field", "password"] | None = None  # what it was shown with

    @property
    def given(self) -> bool:
        """Whether the sender is known by now."""
        return self.by is not None

    async def look_at_address(self, query: dict[str, str]) -> None:
        """Raises ``InvalidBoothKey`` or ``RateLimited`` for a wrong key in the address."""
        if key := query.get(KEY_FIELD, "").strip():
            await self._recognise(key)
            self.by = "address"

    async def look_at_field(self, name: str, value: str) -> None:
        """Raises ``InvalidBoothKey``, ``InvalidIngestPassword`` or ``RateLimited`` for what is wrong."""
        if name in (KEY_FIELD, PASSWORD_FIELD) and looks_like_key(value):
            await self._recognise(value)
            self.by = "field"
        elif name == PASSWORD_FIELD and self.booth is None:
            await self._passwords.check(value, self._address)
            self.by = self.by or "password"
        elif name == KEY_FIELD and value.strip():
            self._other_key = True

    async def _recognise(self, key: str) -> None:
        self.booth = await self._keys.recognise(key, self._slot_id, self._address)

    def require(self) -> None:
        """Raises ``MissingField``, or ``InvalidBoothKey`` where only a field ``key`` came that is no key."""
        if self.given:
            return
        if self._other_key:
            raise InvalidBoothKey
        raise MissingField(
            Message("The password is missing."), fields={PASSWORD_FIELD: Message("send it as a field")}
        )


def without_secrets(values: dict[str, str]) -> dict[str, str]:
    """What may be kept of fields or of an address's values."""
    return {
        name: without_keys(value)
        for name, value in values.items()
        if name != PASSWORD_FIELD and not (name == KEY_FIELD and looks_like_key(value))
    }
