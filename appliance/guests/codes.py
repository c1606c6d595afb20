"""Short codes of pictures, ``/s/7K3F9Q``: printed below a QR code, for typing.

Six letters of an alphabet without look-alikes are 30^6 = 729 million codes. What a wrong code
costs its guesser, and why that is enough, stands in ``docs/guest/links.md``.
"""

from __future__ import annotations

import secrets
import unicodedata
import uuid

from sqlalchemy.exc import IntegrityError

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.texts import plain_digits
from appliance.guests.guessing import CODES, Guessing
from appliance.guests.repository import ResultRepository
from appliance.guests.service import LinkState, state_of
from appliance.guests.tokens import GuestTokens

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0 and O, no 1, I and L; a U is taken for V
LENGTH = 6
_MEANT = str.maketrans("UАВСЕНКМРТХУ", "VABCEHKMPTXY")  # a Cyrillic keyboard has letters that look alike


def short_path(code: str) -> str:
    """The path of a short link."""
    return f"/s/{code}"


def read_code(typed: str) -> str | None:
    """What a guest typed, as a code: small letters, spaces, dashes, wide and Cyrillic letters
    are forgiven.
    """
    code = plain_digits(unicodedata.normalize("NFKC", typed)).replace("-", "").upper().translate(_MEANT)
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


def new_code() -> str:
    """A code at random."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


class ShortCodes:
    """Gives codes to pictures and finds pictures by their codes."""

    def __init__(self, database: Database, tokens: GuestTokens) -> None:
        self._database = database
        self._guessing = Guessing(database, tokens)

    async def code_of(self, job_id: uuid.UUID) -> str | None:
        """The short code of a job, given to it when first asked for; ``None`` if there is no such job."""
        while True:
            try:
                async with self._database.session() as session:
                    return await ResultRepository(session).give_code(job_id, new_code())
            except IntegrityError:
                continue  # taken already, which is rare

    async def job_of(self, typed: str, address: str) -> uuid.UUID | None:
        """The job behind a code; ``None`` where there is nothing to see, whatever the reason.

        Only wrong codes count against the limits; raises ``RateLimited`` when one is used up.
        """
        code = read_code(typed)

        async def look() -> uuid.UUID | None:
            async with self._database.session() as session:
                job = await ResultRepository(session).by_code(code) if code else None
            if job is None or job.hidden_at is not None or state_of(job, utcnow()) is LinkState.FAILED:
                return None
            return job.job_id

        return await self._guessing.attempt(CODES, "code", address, look)
