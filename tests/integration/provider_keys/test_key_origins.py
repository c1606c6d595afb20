"""A key belongs to the address that it was entered for; another one never sees it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from appliance.accounts.permissions import PERMISSIONS, Principal
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.errors import ValidationFailed
from appliance.core.passwords import PasswordChecker
from appliance.core.secrets import FirstPasswordFile
from appliance.ingest.credentials import IngestCredentials
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.settings.operator import OperatorSettings
from appliance.staff.settings.provider_keys.schemas import NewProviderKey
from appliance.staff.settings.provider_keys.service import ProviderKeyService
from appliance.staff.settings.provider_keys.testing import KeyTesting
from appliance.staff.settings.schemas import SettingsUpdate
from appliance.staff.settings.service import OperatorSettingsService
from tests.standins import StandIn, gemini_app, running
from tests.support.keys import made_up
from tests.support.stack import Stack

WHO = Principal("serg", "admin", frozenset(PERMISSIONS), uuid.uuid4(), False, "127.0.0.1")


@dataclass
class House:
    """The parts that keep keys and settings, in a process where no address is fixed."""

    keys: ProviderKeyService
    settings: OperatorSettingsService
    ring: KeyRing
    stack: Stack

    async def address(self, base_url: str | None) -> None:
        """What an operator enters as Gemini's address."""
        providers = {"gemini": {"base_url": base_url}} if base_url else {}
        await self.settings.update(SettingsUpdate.model_validate({"providers": providers}), WHO)

    async def enter(self, key: str, *, test: bool = True) -> Any:
        new = NewProviderKey.model_validate({"provider": "gemini", "key": key, "test": test})
        return await self.keys.add(new, WHO)

    async def shown(self) -> list[Any]:
        listed = (await self.keys.all()).providers
        return next(one for one in listed if one.provider == "gemini").keys


@pytest.fixture
async def house(stack: Stack, database: Database) -> AsyncIterator[House]:
    secrets = stack.data / "secrets"
    registry = ProviderRegistry(OperatorSettings())
    encryption = EncryptionKeys(secrets)
    stored, files = StoredKeys(database, encryption, registry), KeyFiles(secrets)
    ring = KeyRing(AllKeys(stored, files, registry))
    testing = KeyTesting(database, registry, ring, LearnedModels(database))
    credentials = IngestCredentials(database, PasswordChecker(), FirstPasswordFile(secrets))
    was = await stack.value("select value::text from app_settings where key = 'providers'")
    yield House(
        ProviderKeyService(database, registry, ring, stored, files, encryption, testing),
        OperatorSettingsService(database, credentials, registry),
        ring,
        stack,
    )
    await registry.aclose()
    async with stack.database() as db:
        await db.execute("update app_settings set value = $1::text::jsonb where key = 'providers'", was)


Elsewhere = Callable[[], Awaitable[tuple[str, StandIn]]]


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """``await elsewhere()``: another server that speaks like Gemini, and its address."""
    async with AsyncExitStack() as open_servers:

        async def start() -> tuple[str, StandIn]:
            server = await open_servers.enter_async_context(running(gemini_app()))
            return server.base_url, server.standin

        yield start


async def test_a_key_is_never_sent_to_an_address_that_was_set_after_it_was_entered(
    house: House, elsewhere: Elsewhere
) -> None:
    (here, asked), (there, stranger) = await elsewhere(), await elsewhere()
    await house.address(here)
    key = made_up("gemini")
    view = await house.enter(key)
    assert (view.origin, view.state) == (here, "in_use")
    assert {call.key for call in asked.calls} == {key}
    await house.address(there)
    (shown,) = await house.shown()
    assert (shown.state, shown.origin) == ("other_address", here)
    assert house.ring.take("gemini") is None
    assert house.ring.lacks("gemini") == "key_of_other_address"
    with pytest.raises(ValidationFailed) as refused:
        await house.keys.test(shown.id, WHO)
    assert refused.value.fields == {"id": f"was entered for {here}: enter it again"}
    assert stranger.calls == []
    newest = await house.stack.value(
        "select detail from audit_log where action = 'provider_key.set_aside' order by id desc limit 1"
    )
    assert newest == {"ends_in": view.ends_in, "origin": here, "now": there}


async def test_a_key_is_used_again_when_it_was_entered_again_or_the_address_is_back(
    house: House, elsewhere: Elsewhere
) -> None:
    (here, _), (there, stranger) = await elsewhere(), await elsewhere()
    await house.address(here)
    key = made_up("gemini")
    await house.enter(key)
    await house.address(there)
    await house.address(here)
    assert [shown.state for shown in await house.shown()] == ["in_use"]
    await house.address(there)
    view = await house.enter(key)
    assert (view.state, view.origin) == ("in_use", there)
    assert len(await house.shown()) == 1, "it took its own place"
    assert {call.key for call in stranger.calls} == {key}
    assert house.ring.take("gemini") == key


async def test_another_path_of_the_same_origin_keeps_the_key_in_use(
    house: House, elsewhere: Elsewhere
) -> None:
    here, _ = await elsewhere()
    await house.address(here)
    await house.enter(made_up("gemini"))
    await house.address(f"{here}/v9/")
    assert [shown.state for shown in await house.shown()] == ["in_use"]


async def test_keys_of_an_earlier_version_belong_to_the_address_in_force_at_the_first_start(
    house: House, elsewhere: Elsewhere
) -> None:
    (here, _), (there, _) = await elsewhere(), await elsewhere()
    await house.address(here)
    key = made_up("gemini")
    await house.enter(key, test=False)
    async with house.stack.database() as db:
        await db.execute("update provider_key set origin = null")
    (shown,) = await house.shown()
    assert (shown.state, shown.origin) == ("in_use", here)
    async with house.stack.database() as db:
        await db.execute("update provider_key set origin = null")
    await house.address(there)
    (shown,) = await house.shown()
    assert (shown.state, shown.origin) == ("other_address", here), "bound before the address changed"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://api.example.com", "must begin with https://"),
        ("https://serg:secret@proxy.example.com", "must have no user name or password in it"),
        ("http://169.254.169.254", "must be an address that may be contacted"),
    ],
)
async def test_no_key_is_sent_in_the_clear_beyond_the_local_network(
    admin: Any, address: str, said: str
) -> None:
    reply = await admin.put("/api/settings", json={"providers": {"gemini": {"base_url": address}}})
    assert reply.status_code == 422
    assert said in reply.json()["error"]["fields"]["providers.gemini.base_url"]
    assert "secret@" not in reply.text


async def test_addresses_are_kept_and_answered_in_ascii(house: House) -> None:
    update = SettingsUpdate.model_validate({"public_base_url": "https://Фото.рф/"})
    try:
        state = await house.settings.update(update, WHO)
        assert state.settings["public_base_url"].value == "https://xn--n1aalg.xn--p1ai"
    finally:
        await house.settings.update(SettingsUpdate.model_validate({"public_base_url": None}), WHO)
