"""The one ingest password that all booths share.

Its row in ``app_settings`` holds ``hash``, and after a rotation with overlap ``previous_hash`` with
``previous_valid_until`` (ISO 8601, UTC), so that fifteen booths can be changed one by one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.repository import AccountRepository
from appliance.core.clients import network_of
from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database
from appliance.core.errors import InvalidIngestPassword
from appliance.core.key_texts import AROUND
from appliance.core.language import Message
from appliance.core.passwords import PasswordChecker, hash_password
from appliance.core.secrets import FirstPasswordFile
from appliance.core.tasks import begin
from appliance.core.threads import finish_in_thread
from appliance.ingest.wrong_passwords import WrongPasswords, note_refusal
from appliance.settings.operator import INGEST_PASSWORD, AppSettingsRepository

log = structlog.get_logger()

NO_OVERLAP = timedelta(0)
MIN_PASSWORD_CHARS = 10


class IngestCredentials:
    """Checks what a booth sent as its password, and puts new ones in force."""

    def __init__(
        self, database: Database, checker: PasswordChecker, first_passwords: FirstPasswordFile
    ) -> None:
        self._database = database
        self._checker = checker
        self._first_passwords = first_passwords
        self.wrong = WrongPasswords()
        self._comparing: dict[tuple[str, ...], asyncio.Task[bool]] = {}  # by the password and the hashes

    async def check(self, password: str, address: str) -> None:
        """Raises ``InvalidIngestPassword`` unless ``password`` is in force, or still is after a rotation;
        ``RateLimited`` where ``address`` has sent too many wrong ones.

        No password set means that ingest is closed, never open. White space around a password, and the
        mark that some programs begin a text with, are forgiven: tablets and files add them.
        """
        async with self._database.session() as session:
            row = await AppSettingsRepository(session).get(INGEST_PASSWORD)
        if row is None:
            raise InvalidIngestPassword(
                Message("Ingest is closed: no ingest password is set. Set one first.")
            )
        hashes = [str(row.value["hash"])]
        if previous_valid_until(row.value):
            hashes.append(str(row.value["previous_hash"]))
        pairs = [(sent, hashed) for sent in _meant(password) for hashed in hashes]
        known = [self._checker.known(sent, hashed) for sent, hashed in pairs]
        if True in known:
            return
        if None in known and await self._is_right(password, hashes, network_of(address)):
            return
        raise InvalidIngestPassword

    async def _is_right(self, password: str, hashes: Sequence[str], network: str) -> bool:
        """Compare a password that was not seen before; wrong ones are counted before they are hashed.

        Fifteen booths that post the same one at once, as after a restart, are one try.
        """
        wanted = (password, *hashes)
        comparing = self._comparing.get(wanted)
        if comparing is None:
            await self.wrong.allow(network, _digest(password, hashes))
            comparing = begin(self._compare(password, hashes, network))
            self._comparing[wanted] = comparing
            comparing.add_done_callback(lambda _: self._comparing.pop(wanted, None))
        return await asyncio.shield(comparing)

    async def _compare(self, password: str, hashes: Sequence[str], network: str) -> bool:
        for sent in _meant(password):
            for hashed in hashes:
                if await self._checker.matches(sent, hashed):
                    self.wrong.forgive(network, _digest(password, hashes))
                    return True
        self.wrong.was_wrong(network)
        await note_refusal(self._database, network, "ingest_password.refused")
        return False

    async def rotate(self, password: str, *, by: str) -> None:
        """Put a new password in force at once, in every process, in place of the old one.

        Raises ``ValueError`` for an empty password or one over 72 bytes.
        """
        hashed = await hash_password(password)
        async with self._database.session() as session:
            await self.store(session, hashed, by=by)
        await self.in_force(password, hashed)

    async def in_force(self, password: str, hashed: str) -> None:
        """After the commit: booths with the new password are let in without a comparison."""
        self._checker.learn(password, hashed)
        await self.forget_first_password()

    @staticmethod
    async def store(
        session: AsyncSession,
        password_hash: str,
        *,
        by: str,
        address: str = "",
        overlap: timedelta = NO_OVERLAP,
    ) -> None:
        """The part of ``rotate`` that belongs into a transaction."""
        settings = AppSettingsRepository(session)
        row = await settings.get(INGEST_PASSWORD)
        value: dict[str, Any] = {"hash": password_hash}
        if row is not None and overlap > NO_OVERLAP:
            value["previous_hash"] = row.value["hash"]
            value["previous_valid_until"] = stamp(utcnow() + overlap)
        await settings.put(INGEST_PASSWORD, value, by=by)
        AccountRepository(session).record(
            by,
            "ingest_password.rotated",
            address=address,
            password="changed",  # noqa: S106 - a word
            previous_valid_until=value.get("previous_valid_until"),
        )

    async def forget_first_password(self) -> None:
        """After the commit: the first password is of no use any more. A failure is only logged."""
        try:
            await finish_in_thread(self._first_passwords.forget_ingest)
        except OSError as error:
            log.warning("first_password.not_forgotten", account="ingest", error=type(error).__name__)


def _digest(password: str, hashes: Sequence[str]) -> str:
    """By which processes that know the hashes recognise a password, and nobody else."""
    return hmac.digest(hashes[0].encode(), password.encode(), hashlib.sha256).hex()


def _meant(password: str) -> list[str]:
    """The passwords that somebody may have meant: as it was sent, and without what stands around it."""
    bare = password.strip(AROUND)
    return [password] if bare == password else [bare, password]


def previous_valid_until(value: dict[str, Any]) -> datetime | None:
    """Until when the password before this one is taken; ``None`` when it is not."""
    text = value.get("previous_valid_until")
    until = datetime.fromisoformat(text) if text else None
    return until if until and until > utcnow() else None
