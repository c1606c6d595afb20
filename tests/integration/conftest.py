"""Accounts and browsers of a test's own; parts of the appliance in its own process."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import make_url

from appliance.accounts.keys import SigningKeys
from appliance.accounts.login import LoginService
from appliance.accounts.service import AccountService
from appliance.accounts.sessions import SessionService
from appliance.accounts.throttle import LoginThrottle
from appliance.accounts.tokens import Tokens
from appliance.core.db import Database
from appliance.core.secrets import FirstPasswordFile
from appliance.lifecycle.backup import sealing
from tests.support.logins import PASSWORD, MakeAccount, add_account, client_at, new_address
from tests.support.stack import Stack

_names = (f"guest{number}" for number in itertools.count(time.time_ns() % 10**9))


@pytest.fixture
def account(stack: Stack) -> MakeAccount:
    """``await account("operator")``: the name of a new account with ``PASSWORD``."""

    async def make(role: str = "operator") -> str:
        name = next(_names)
        await add_account(stack, name, PASSWORD, role)
        return name

    return make


@pytest.fixture
def address() -> str:
    """Where ``place`` is."""
    return new_address()


@pytest.fixture
async def place(stack: Stack, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at an address of its own, logged in nowhere."""
    async with client_at(stack, address) as made:
        yield made


@pytest.fixture
async def watcher(stack: Stack, logins: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may see jobs but no results."""
    await add_account(stack, "walter", "walter counts only", "viewer")
    async with stack.database() as db:
        await db.execute(
            "update account set permissions = '{jobs:read}', must_change_password = false"
            " where username = 'walter'"
        )
    async with client_at(stack, token=await logins.token("walter", "walter counts only")) as made:
        yield made


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    """A pool of connections as a second process of the appliance would have."""
    made = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"))
    try:
        yield made
    finally:
        await made.aclose()


@pytest.fixture
def login_service(stack: Stack, database: Database) -> LoginService:
    """Logging in, as a second process of the appliance would do it."""
    secrets = stack.data / "secrets"
    tokens = Tokens(SigningKeys(secrets))
    accounts = AccountService(database, FirstPasswordFile(secrets))
    sessions = SessionService(database, tokens)
    return LoginService(database, accounts, sessions, LoginThrottle(database, tokens))


@pytest.fixture
async def scraper(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Prometheus, as far as the appliance can tell."""
    token = (stack.data / "secrets" / "metrics-token").read_text().strip()
    async with client_at(stack, token=token) as made:
        yield made


@pytest.fixture
def quick_sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process seals is opened at once: ``tests/unit/test_sealing.py`` has it take its time."""
    monkeypatch.setattr(sealing.Sealer.__init__, "__defaults__", (10,))
