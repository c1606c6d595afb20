"""The doctor's page: what is well, what is not, and that each ailment is told apart."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.lifecycle.doctor import examine as doctor
from appliance.lifecycle.doctor.findings import Finding, State
from appliance.lifecycle.stack import certificates
from appliance.providers.registry import DEFAULT_URLS
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.backups import settings_of
from tests.support.disk import Low
from tests.support.slots import with_gemini, with_workflow
from tests.support.stack import Stack
from tests.support.waiting import until


async def found(stack: Stack, what: str, front: Path = Path("/nowhere"), **changes: object) -> Finding:
    """One line of the page."""
    page = await doctor.examine(settings_of(stack, **{"listen": stack.listen, **changes}), front=front)
    return next(each for each in page if each.what == what)


@asynccontextmanager
async def a_server(date: str) -> AsyncIterator[str]:
    """Answers everything with this time."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_is_well_is_said_to_be_well(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "photochanger-20260101T040000Z.tar").touch()
    for what in ("app", "database", "media folder", "backup"):
        assert (await found(stack, what, backup_dir=tmp_path)).state is State.OK, what


async def test_a_database_that_is_away(stack: Stack) -> None:
    line = await found(stack, "database", database_url="postgresql://x:y@127.0.0.1:1/photochanger")
    assert line.state is State.BAD
    assert "docker compose up -d" in line.do


async def test_an_app_that_is_away(stack: Stack) -> None:
    for listen in ("127.0.0.1:1", "unix:/nowhere/app.sock"):
        assert (await found(stack, "app", listen=listen)).state is State.BAD


async def test_a_disk_that_runs_low(stack: Stack, low: Low) -> None:
    await low()
    line = await found(stack, "media folder")
    assert line.state is State.WARNING
    assert "free-space" in line.do


async def test_a_backup_that_is_old_and_none_at_all(stack: Stack, tmp_path: Path) -> None:
    assert (await found(stack, "backup", backup_dir=tmp_path)).said == "there is none yet"
    file = tmp_path / "photochanger-20260101T040000Z.tar"
    file.touch()
    then = time.time() - timedelta(hours=40).total_seconds()
    os.utime(file, (then, then))
    line = await found(stack, "backup", backup_dir=tmp_path)
    assert (line.state, line.said) == (State.WARNING, f"{file.name}, 40 hours old")


@pytest.mark.parametrize(("days", "state"), [(100, State.OK), (10, State.WARNING), (-3, State.BAD)])
async def test_a_certificate_that_ends_soon_or_has_ended(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, state: State
) -> None:
    monkeypatch.setattr(certificates, "_DAYS", days)
    monkeypatch.setattr(certificates, "_BEFORE", timedelta(days=30))
    certificates.make(tmp_path / "secrets", tmp_path / "tls", ["photos.local"])
    assert (await found(stack, "certificate", front=tmp_path)).state is state


@pytest.mark.parametrize(
    ("base", "state"),
    [
        ("http://localhost:8080", State.BAD),
        ("http://nginx:8080", State.BAD),
        ("http://127.0.0.1:8080", State.BAD),
        ("https://no-such-host.invalid", State.BAD),
        ("http://192.0.2.77:9", State.WARNING),
        (None, State.OK),
    ],
)
async def test_an_address_in_qr_codes_that_phones_cannot_use(
    stack: Stack, base: str | None, state: State
) -> None:
    assert (await found(stack, "address in QR codes", public_base_url=base)).state is state


async def test_a_provider_that_cannot_be_reached_or_has_no_key(stack: Stack, slot: Change) -> None:
    await slot("slot-005", **with_gemini())
    stack.set_keys("gemini")
    nowhere = {"gemini": "http://127.0.0.1:1"}
    assert "cannot be reached" in (await found(stack, "gemini", provider_base_urls=nowhere)).said
    line = await found(stack, "gemini key", provider_base_urls=nowhere)
    assert line.state is State.BAD
    assert line.said.startswith("there is none")
    nameless = {"gemini": "https://no-such-host.invalid"}
    assert "DNS" in (await found(stack, "gemini", provider_base_urls=nameless)).do


async def test_a_machine_that_needs_no_key_is_asked_for_none(
    stack: Stack, slot: Change, provider_ports: dict[str, int]
) -> None:
    await slot("slot-014", **with_workflow())
    stack.set_keys("comfyui")
    there = {"comfyui": f"http://127.0.0.1:{provider_ports['comfyui']}"}
    usual = {"listen": stack.listen, "provider_base_urls": there}
    page = await doctor.examine(settings_of(stack, **usual), front=Path("/nowhere"))
    assert [each.what for each in page if each.what.startswith("comfyui")] == ["comfyui"]
    line = await found(stack, "comfyui", provider_base_urls={"comfyui": "http://127.0.0.1:1"})
    assert (line.state, "internet" in line.do) == (State.BAD, False)


async def test_a_key_that_is_accepted_and_one_that_is_refused(
    stack: Stack, slot: Change, gemini: StandIn, provider_ports: dict[str, int]
) -> None:
    await slot("slot-005", **with_gemini())
    stack.set_keys("gemini", "a-key-that-is-good-0001")
    there = {"gemini": f"http://127.0.0.1:{provider_ports['gemini']}"}
    assert (await found(stack, "gemini key …0001", provider_base_urls=there)).state is State.OK
    gemini.revoked.add("a-key-that-is-good-0001")
    line = await found(stack, "gemini key …0001", provider_base_urls=there)
    assert line.state is State.BAD
    assert "not accepted" in line.said


@pytest.mark.parametrize(("date", "state"), [("Thu, 01 Jan 2026 00:00:00 GMT", State.BAD), ("now", State.OK)])
async def test_a_clock_that_is_wrong(stack: Stack, slot: Change, date: str, state: State) -> None:
    await slot("slot-005", **with_gemini())
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    async with a_server(now if date == "now" else date) as address:
        others = dict.fromkeys(DEFAULT_URLS, "http://127.0.0.1:1")
        line = await found(stack, "clock", provider_base_urls={**others, "gemini": address})
    assert line.state is state


async def test_what_the_running_appliance_knows_of_is_told_with_what_to_do(
    stack: Stack, slot: Change
) -> None:
    await slot("slot-012", **with_gemini(provider="openai", model="gpt-image-1.5"))

    async def told() -> list[Finding]:
        page = await doctor.examine(settings_of(stack, listen=stack.listen), front=Path("/nowhere"))
        return [each for each in page if each.what == "model.ending"]

    (line,) = await until(told, seconds=90, every=1)
    assert (line.state, line.said) == (State.WARNING, "A model will end: gpt-image-1.5")
    assert "successor" in line.do


async def test_a_key_that_fallbacks_do_without_is_worth_a_look_and_no_more(
    stack: Stack, slot: Change, no_provider_keys: None
) -> None:
    """A fresh install has no keys, and every slot delivers."""
    local = [{"provider": "local", "operation": "glow", "params": {}}]
    await slot("slot-005", **with_gemini(provider="bfl", model=None, fallbacks=local))
    line = await found(stack, "bfl key")
    assert (line.state, "fallbacks" in line.said) == (State.WARNING, True)
