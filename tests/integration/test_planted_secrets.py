"""Secrets planted in a run full of successes and failures are in no log, no bundle and no unsealed backup."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.ingest.booth_keys.service import make_booth_key
from appliance.lifecycle.backup import write as backup
from appliance.settings.environment import Settings
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.keys import URL as KEYS
from tests.support.logins import add_account, client_at, new_address
from tests.support.slots import with_gemini
from tests.support.stack import CHECKOUT, Stack

SLOT = "slot-010"
LOCAL = "slot-001"
STEPS = ("ok", "silent", "bad_request", "key_revoked", "server_error", "refused", "wrong_type", "html_page")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# What a booth's guests said of themselves. It belongs to the job's row, and so to backups.
SURVEY = {"email": "guest-planted-7b1f@example.com", "wish": "survey-planted-8c2e"}
IN_QUERY = "query-planted-9d3f"


class Planted(dict[str, str]):
    """The secrets of a run by what they are."""

    def in_(self, content: bytes) -> list[str]:
        return [name for name, value in self.items() if value.encode() in content]


@pytest.fixture
def secrets(stack: Stack, password: str, gemini: StandIn) -> Planted:
    folder = stack.data / "secrets"
    passwords = stack.report["passwords"]
    files = ("database-password", "database-superuser-password", "guest-links-key", "encryption-keys")
    keys = json.loads((folder / "jwt-keys.json").read_text())["keys"]
    stack.set_keys("gemini", "key-planted-1f0a", "key-planted-1f0b")
    return Planted(
        {name: (folder / name).read_text().split()[-1] for name in files}
        | {f"JWT key {number}": key["secret"] for number, key in enumerate(keys)}
        | {f"first password of {name}": value for name, value in passwords["accounts"].items()}
        | {
            "ingest password": password,
            "passphrase": stack.report["backup_passphrase"],
            "wrong ingest password": "ingest-planted-2a1b",
            "staff password": "staff-planted-3b2c",
            "wrong staff password": "staff-planted-wrong-4c3d",
            "key in a file": "key-planted-1f0a",
            "another key in a file": "key-planted-1f0b",
            "entered key": "key-planted-5d4e",
            "wrong booth key": make_booth_key(),
            "password in an address": "address-planted-6e5f",
            "PIN": "74019385",
            "wrong PIN": "74019386",
            "forged token": "eyJhbGciOiJIUzI1NiJ9.cGxhbnRlZA.planted-7f6a",
        }
    )


@asynccontextmanager
async def away(stack: Stack, table: str) -> AsyncIterator[None]:
    """A table is not there: whatever needs it fails in a way that nobody expected."""
    async with stack.database() as db:
        await db.execute(f"alter table {table} rename to {table}_away")
        try:
            yield
        finally:
            await db.execute(f"alter table {table}_away rename to {table}")


async def staff_come_and_guess(stack: Stack, secrets: Planted) -> None:
    """Right and wrong, on pages and at the API, with and without a database."""
    right = {"username": "planted", "password": secrets["staff password"]}
    wrong = {"username": "planted", "password": secrets["wrong staff password"]}
    await add_account(stack, *right.values(), "administrator")
    async with client_at(stack, new_address()) as client:
        csrf = re.search(r'name="csrf" value="(\w+)"', (await client.get("/admin/login")).text)
        assert csrf
        for form in (wrong, right):
            assert (await client.post("/admin/login", data={"csrf": csrf[1], **form})).status_code in (
                303,
                401,
            )
            assert (await client.post("/api/login", json=form)).status_code in (200, 401)
        async with away(stack, "login_session"):
            assert (await client.post("/api/login", json=right)).status_code == 500
            assert (await client.get("/admin/password")).status_code == 500
        assert (await client.get("/admin/password")).status_code == 200
        names = ("page", "page_refresh", "csrf", "refresh")
        secrets |= {f"cookie {name}": client.cookies[stack.cookie(name)] for name in names}
        forged = {"Authorization": f"Bearer {secrets['forged token']}"}
        assert (await client.get("/api/settings", headers=forged)).status_code == 401
        large = f"password={secrets['staff password']}&x=".encode() + bytes(300_000)
        assert (await client.post("/admin/login", content=large, headers=FORM)).status_code == 413


async def settings_change(admin: httpx.AsyncClient, secrets: Planted) -> None:
    """A key is entered and tried; addresses with a user and password are refused wherever they come."""
    entered = {"provider": "gemini", "key": secrets["entered key"]}
    key = (await admin.post(KEYS, json=entered)).json()
    assert (await admin.post(f"{KEYS}/test", json=entered)).status_code == 200
    address = f"https://user:{secrets['password in an address']}@photos.example"
    now = (await admin.get("/api/settings")).json()
    for change in ({"public_base_url": address}, {"providers": {"gemini": {"base_url": address}}}):
        answer = await admin.put("/api/settings", json={"version": now["version"], **change})
        assert answer.status_code == 422, answer.text
    assert (await admin.delete(f"{KEYS}/{key['id']}")).status_code == 204
    assert (await admin.get("/api/jobs", headers={"Referer": address})).status_code == 200


async def booths_with_keys_post(
    stack: Stack, camera: Camera, admin: httpx.AsyncClient, shot: Shot, secrets: Planted
) -> None:
    """Right, wrong, revoked, with and without a database; and at addresses that were mistyped."""
    made = (await admin.post("/api/booth-keys", json={"name": "planted"})).json()
    key = secrets["booth key"] = made["key"]
    nothing = Shot(shot.photo, None, SURVEY)

    async def status(address: str, sent: Shot = nothing) -> int:
        return (await camera.post(address, sent)).status

    address = f"/api/ingest/{LOCAL}?reply=json&key="
    assert await status(address + key) == 200
    assert await status(f"/ingest/{LOCAL}?key={key}&reply=nothing") == 422
    assert await status(f"/api/ingest/{LOCAL}", Shot(shot.photo, None, {"key": key})) == 200
    assert await status(f"/api/ingest/{LOCAL}", Shot(shot.photo, key, {"said": f"my key is {key}"})) == 200
    assert await status(address + secrets["wrong booth key"]) == 401
    assert await status(f"/api/ingest/{LOCAL}", Shot(shot.photo, secrets["wrong booth key"])) == 401
    async with away(stack, "booth_key"):
        assert await status(address + key) == 500
    for mistyped in ("/api/ingets/slot-001", "/", "/slot-001", "/admin/ingest/slot-001", "/api/ingest"):
        large = Shot(shot.photo + bytes(400_000), None)
        assert await status(f"{mistyped}?reply=image&key={key}", large) == 404, mistyped
    for mistyped in (f"/api/ingest/{LOCAL}&reply=image&key={key}", f"/ingest/{key.upper()}", f"/{key}"):
        assert await status(mistyped) == 404, mistyped
    assert (await admin.get(f"/public/results/x?key={key}")).status_code == 404
    assert (await admin.get("/api/booth-keys")).status_code == 200
    assert (await admin.delete(f"/api/booth-keys/{made['id']}")).status_code == 200
    assert await status(address + key) == 401


async def booths_post(
    stack: Stack, camera: Camera, gemini: StandIn, slot: Change, shot: Shot, wrong: str
) -> list[int]:
    """Photos that become pictures, and that fail in every way: theirs, the provider's, the machine's."""
    url = f"/api/ingest/{SLOT}?reply=json&wish={IN_QUERY}"
    statuses = []
    for number, step in enumerate(STEPS):
        gemini.script = Script(then=Step(step))
        await slot(SLOT, **with_gemini(deadline_seconds=1.5 if step == "silent" else 30))
        again = Shot(shot.photo + bytes([number]), shot.password, SURVEY)
        statuses.append((await camera.post(url, again)).status)
    statuses.append((await camera.post(url, Shot(shot.photo, wrong, SURVEY))).status)
    statuses.append((await camera.post(url, Shot(b"no picture", shot.password, SURVEY))).status)
    async with away(stack, "job_history"):
        statuses.append((await camera.post(url, Shot(shot.photo + b"-", shot.password, SURVEY))).status)
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.write(camera.head(url, 30_000_000))
    statuses.append(int((await reader.readline()).split()[1]))
    writer.close()
    return statuses


async def guests_come(stack: Stack, admin: httpx.AsyncClient, secrets: Planted) -> None:
    what = {"minutes": 5, "pin": secrets["PIN"]}
    gallery = (await admin.post("/api/shared-galleries", json=what)).json()
    path = httpx.URL(gallery["url"]).path
    try:
        async with client_at(stack, new_address()) as guest:
            for pin, status in ((secrets["wrong PIN"], 401), (secrets["PIN"], 303)):
                assert (await guest.post(path, data={"pin": pin})).status_code == status
            async with away(stack, "shared_gallery"):
                assert (await guest.post(path, data={"pin": secrets["PIN"]})).status_code == 500
            secrets["guest's cookie"] = guest.cookies["gallery_pin"]
    finally:
        await admin.delete(f"/api/shared-galleries/{gallery['id']}")


def logs_of(stack: Stack) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (stack.data / "logs").iterdir() if path.is_file()}


def bundle_of(stack: Stack, logs: dict[str, bytes]) -> bytes:
    """What is sent to whoever helps, unpacked."""
    made = subprocess.run(
        [sys.executable, "-m", "appliance", "support-bundle", "--logs"],
        env=stack.environment(),
        input=b"\n".join(logs.values()),
        capture_output=True,
        check=True,
    )
    return b"\n".join(unpacked(io.BytesIO(made.stdout)))


def unpacked(file: Any) -> list[bytes]:
    with tarfile.open(fileobj=file) as tar:
        return [opened.read() for info in tar if (opened := tar.extractfile(info))]


async def unsealed_backup_of(stack: Stack, folder: Path) -> bytes:
    settings = Settings(
        database_url=stack.dsn(),
        media_root=stack.media,
        secrets_dir=stack.data / "secrets",
        config_file=CHECKOUT / "config/appliance.toml",
        listen="127.0.0.1:1",
    )
    made = await backup.make(settings, backup.BackupRequest(str(folder), None))
    packed = await asyncio.to_thread(Path(made.path).read_bytes)
    return b"\n".join(unpacked(io.BytesIO(packed)))


@pytest.mark.app_errors("request.failed", "ingest.failed")
async def test_no_secret_of_a_run_is_in_a_log_a_bundle_or_an_unsealed_backup(
    stack: Stack,
    admin: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    gemini: StandIn,
    slot: Change,
    setting: Change,
    secrets: Planted,
    tmp_path: Path,
) -> None:
    await staff_come_and_guess(stack, secrets)
    await settings_change(admin, secrets)
    secrets["address that is pinged"] = "planted-ping-key"
    await setting("alive_event_url", "https://ping.invalid/planted-ping-key/event")
    statuses = await booths_post(stack, camera, gemini, slot, shot, secrets["wrong ingest password"])
    assert {200, 401, 413, 415, 500, 502, 504} <= set(statuses), statuses
    await booths_with_keys_post(stack, camera, admin, shot, secrets)
    await guests_come(stack, admin, secrets)

    logs = logs_of(stack)
    assert {"app.log", "nginx.log", "nginx-error.log", "postgres.log", "supervisord.log"} <= set(logs)
    assert b"request.failed" in logs["app.log"]
    said_by_guests = Planted({**SURVEY, "in the address": IN_QUERY})
    found = {name: secrets.in_(content) + said_by_guests.in_(content) for name, content in logs.items()}
    assert {name: what for name, what in found.items() if what} == {}
    content = bundle_of(stack, logs)
    assert b"request.failed" in content
    assert secrets.in_(content) + said_by_guests.in_(content) == []
    content = await unsealed_backup_of(stack, tmp_path)
    assert said_by_guests.in_(content) == list(said_by_guests), "a backup holds what jobs hold"
    # Staff read a gallery's PIN on its sheet. Beside the pictures that it guards it guards no longer.
    # They read an address that is pinged in the settings.
    assert secrets.in_(content) == ["PIN", "address that is pinged"]
