"""A new ingest password counts from the moment it is in force, whatever is being compared just then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.core import passwords
from appliance.core.db import Database
from appliance.core.errors import InvalidIngestPassword
from appliance.core.passwords import PasswordChecker
from appliance.core.secrets import FirstPasswordFile
from appliance.ingest.credentials import IngestCredentials
from tests.support.scratch import migrated_database
from tests.support.stack import Stack
from tests.support.waiting import until

OLD, NEW, BOOTH = "the one before", "the one after", "10.0.0.7"


@pytest.fixture
async def processes(stack: Stack, tmp_path: Path) -> AsyncIterator[tuple[IngestCredentials, ...]]:
    """What two processes know of the password, which is ``OLD``."""
    async with migrated_database(stack, "rotation") as url:
        database, file = Database(url), FirstPasswordFile(tmp_path)
        here, other = (IngestCredentials(database, PasswordChecker(), file) for _ in range(2))
        await other.rotate(OLD, by="test")
        yield here, other
        await database.aclose()


@dataclass
class Comparing:
    """Comparisons that end no sooner than they may."""

    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def comparing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Comparing]:
    held, real = Comparing(), passwords.bcrypt.checkpw

    def compare(password: bytes, hashed: bytes) -> bool:
        held.begun.set()
        held.may_end.wait(10)
        return bool(real(password, hashed))

    monkeypatch.setattr(passwords.bcrypt, "checkpw", compare)
    yield held
    held.may_end.set()


@pytest.mark.parametrize("password", [OLD, NEW])
async def test_who_sends_a_password_after_its_rotation_is_answered_by_what_is_in_force(
    processes: tuple[IngestCredentials, ...], comparing: Comparing, password: str
) -> None:
    here, other = processes
    before = asyncio.create_task(here.check(password, BOOTH))
    await until(comparing.begun.is_set)
    await other.rotate(NEW, by="test")
    after = asyncio.create_task(here.check(password, BOOTH))
    await asyncio.sleep(0.2)  # until it has read which password is in force
    comparing.may_end.set()
    answers = await asyncio.gather(before, after, return_exceptions=True)
    let_in = [not isinstance(one, InvalidIngestPassword) for one in answers]
    assert let_in == [password == OLD, password == NEW]
