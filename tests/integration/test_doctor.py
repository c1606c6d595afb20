"""The checks from outside, as ``scripts/doctor`` does them: each ailment is told apart."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.lifecycle.doctor.examine import page
from appliance.lifecycle.stack import certificates
from appliance.providers.registry import DEFAULT_URLS
from tests.conftest import Change
from tests.standins import StandIn
from tests.standins.comfyui import ComfyUI
from tests.support.disk import Low
from tests.support.preflight import line, lines, outside
from tests.support.slots import with_gemini, with_workflow
from tests.support.stack import Stack
from tests.support.waiting import until

NOWHERE = dict.fromkeys(DEFAULT_URLS, "http://127.0.0.1:1")


@asynccontextmanager
async def a_server(date: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answers everything with this time."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"


def backup_name(hours_old: float) -> str:
    made = datetime.now(UTC) - timedelta(hours=hours_old)
    return f"photochanger-{made:%Y%m%dT%H%M%SZ}.tar"


async def test_what_is_well_is_said_to_be_well(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / backup_name(1)).touch()
    found = await outside(stack, backup_dir=tmp_path)
    for code in ("app", "database", "disk", "backup", "version"):
        assert line(found, code)["state"] == "ok", code


def test_what_the_engine_found_is_in_the_sum() -> None:
    assert page([]).endswith("All is well.")
    assert page([], also_bad=2).endswith("2 of 2 need attention now.")


async def test_a_database_that_is_away_hides_nothing_else(stack: Stack) -> None:
    away = "postgresql://x:y@127.0.0.1:1/photochanger"
    found = await outside(stack, database_url=away, provider_base_urls=NOWHERE)
    told = line(found, "issue.database.away")
    assert told["state"] == "bad"
    assert "scripts/install" in told["do"]
    assert line(found, "app")["state"] == "ok"
    assert line(found, "disk")["state"] == "ok"
    assert lines(found, "not_looked") == []
    assert lines(found, "providers.none") == [], "it is not known"


async def test_an_app_that_is_away(stack: Stack) -> None:
    for listen in ("127.0.0.1:1", "unix:/nowhere/app.sock"):
        found = await outside(stack, listen=listen, public_base_url="http://192.0.2.77:9")
        assert line(found, "app.away")["state"] == "bad"
        assert lines(found, "issue.address.wrong") == [], "only the app could say that it is there"


async def test_a_disk_that_runs_low(stack: Stack, low: Low) -> None:
    await low()
    told = line(await outside(stack), "issue.disk.low")
    assert (told["state"], told["action"]["kind"]) == ("warning", "free_space")


async def test_pictures_whose_disk_is_away(stack: Stack, tmp_path: Path) -> None:
    told = line(await outside(stack, media_root=tmp_path), "issue.disk.away")
    assert (told["state"], str(tmp_path) in told["do"]) == ("bad", True)


async def test_a_backup_that_is_old_and_none_at_all(stack: Stack, tmp_path: Path) -> None:
    assert line(await outside(stack, backup_dir=tmp_path), "issue.backup.missing")["state"] == "warning"
    (tmp_path / backup_name(40)).touch()
    told = line(await outside(stack, backup_dir=tmp_path), "issue.backup.old")
    assert (told["state"], told["said"]) == ("warning", "The last backup is 40 hr old")
    assert line(await outside(stack), "backup.nowhere")["state"] == "warning"


@pytest.mark.parametrize(
    ("days", "code", "state"),
    [
        (100, "certificate", "ok"),
        (10, "issue.certificate.ending", "warning"),
        (-3, "issue.certificate.ending", "bad"),
    ],
)
async def test_a_certificate_that_ends_soon_or_has_ended(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, code: str, state: str
) -> None:
    monkeypatch.setattr(certificates, "_DAYS", days)
    monkeypatch.setattr(certificates, "_BEFORE", timedelta(days=30))
    certificates.make(tmp_path / "secrets", tmp_path / "tls", ["photos.local"])
    assert line(await outside(stack, front=tmp_path), code)["state"] == state


@pytest.mark.parametrize(
    ("base", "state"),
    [
        ("http://localhost:8080", "bad"),
        ("http://nginx:8080", "bad"),
        ("http://127.0.0.1:8080", "bad"),
        ("https://no-such-host.invalid", "bad"),
        ("http://192.0.2.77:9", "warning"),
    ],
)
async def test_an_address_in_qr_codes_that_phones_cannot_use(stack: Stack, base: str, state: str) -> None:
    told = line(await outside(stack, public_base_url=base), "issue.address.wrong")
    assert (told["state"], told["action"]["kind"]) == (state, "open_address")


async def test_an_address_that_only_booths_know(stack: Stack) -> None:
    assert line(await outside(stack), "address.unknown")["state"] == "ok"


async def test_a_provider_that_cannot_be_reached_or_has_no_key(stack: Stack, slot: Change) -> None:
    await slot("slot-005", **with_gemini())
    stack.set_keys("gemini")
    found = await outside(stack, provider_base_urls=NOWHERE)
    told = next(one for one in lines(found, "provider.away") if one["parameters"]["provider"] == "gemini")
    assert (told["state"], "slot-005" in told["slots"]) == ("bad", True)
    nameless = {**NOWHERE, "gemini": "https://no-such-host.invalid"}
    told = line(await outside(stack, provider_base_urls=nameless), "provider.no_name")
    assert (told["state"], "DNS" in told["do"]) == ("bad", True)


async def test_a_portal_that_answers_in_a_providers_place(stack: Stack, slot: Change, tmp_path: Path) -> None:
    """The Wi-Fi of many venues does so until somebody logs in."""
    await slot("slot-005", **with_gemini())
    certificates.make(tmp_path / "secrets", tmp_path / "tls", ["localhost"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "tls" / certificates.CERTIFICATE, tmp_path / "tls" / certificates.KEY)
    async with a_server("", tls) as address:
        found = await outside(stack, provider_base_urls={**NOWHERE, "gemini": address})
    assert line(found, "provider.no_trust")["state"] == "bad"


async def test_a_machine_that_needs_no_key_is_asked_for_none(
    stack: Stack, slot: Change, standins: dict[str, StandIn]
) -> None:
    machine = standins["comfyui"]
    assert isinstance(machine, ComfyUI)
    await slot("slot-014", **with_workflow())
    there = {**NOWHERE, "comfyui": standins["comfyui"].base_url}
    found = await outside(stack, provider_base_urls=there)
    mine = [one["code"] for one in found["checks"] if one["parameters"].get("provider") == "comfyui"]
    assert mine == ["provider.plain", "machine.fits"]
    encoder = machine.nodes.pop("VAEEncode")
    try:
        lacking = line(await outside(stack, provider_base_urls=there), "machine.lacks")
    finally:
        machine.nodes["VAEEncode"] = encoder
    assert (lacking["state"], lacking["slots"]) == ("bad", ["slot-014"])
    assert lacking["parameters"]["lacks"] == "node 10: that machine has no VAEEncode"
    found = await outside(stack, provider_base_urls=NOWHERE)
    assert "internet" not in line(found, "provider.away.own")["do"]


async def test_a_key_that_is_accepted_and_one_that_is_refused(
    stack: Stack, slot: Change, gemini: StandIn, provider_ports: dict[str, int]
) -> None:
    await slot("slot-005", **with_gemini())
    stack.set_keys("gemini", "a-key-that-is-good-0001")
    there = {**NOWHERE, "gemini": f"http://127.0.0.1:{provider_ports['gemini']}"}
    found = await outside(stack, provider_base_urls=there)
    assert line(found, "key.works")["said"] == "Gemini accepts the key …0001."
    assert "gemini-2.5-flash-image" in {one["parameters"]["model"] for one in lines(found, "model.there")}
    gemini.revoked.add("a-key-that-is-good-0001")
    told = line(await outside(stack, provider_base_urls=there), "key.refused")
    assert (told["state"], told["action"]["href"]) == ("bad", "/admin/settings#keys-gemini")


@pytest.mark.parametrize(
    ("date", "code", "state"),
    [("Thu, 01 Jan 2026 00:00:00 GMT", "issue.clock.wrong", "bad"), ("now", "clock", "ok")],
)
async def test_a_clock_that_is_wrong(stack: Stack, slot: Change, date: str, code: str, state: str) -> None:
    await slot("slot-005", **with_gemini())
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    async with a_server(now if date == "now" else date) as address:
        found = await outside(stack, provider_base_urls={**NOWHERE, "gemini": address})
    assert line(found, code)["state"] == state


async def test_nobody_to_compare_the_clock_with(stack: Stack) -> None:
    assert line(await outside(stack, provider_base_urls=NOWHERE), "clock.unknown")["state"] == "warning"


async def test_what_the_running_appliance_knows_of_is_told_with_what_to_do(
    stack: Stack, slot: Change
) -> None:
    await slot("slot-012", **with_gemini(operation="nothing"))

    async def told() -> list[dict[str, Any]]:
        found = await outside(stack, provider_base_urls=NOWHERE)
        return [one for one in lines(found, "issue.slot.failing") if one["slots"] == ["slot-012"]]

    (found,) = await until(told, seconds=60, every=1)
    assert (found["group"], found["state"], found["action"]["kind"]) == ("known", "bad", "open_slot")
    assert found["do"]


async def test_a_key_that_fallbacks_do_without_is_worth_a_look_and_no_more(
    stack: Stack, slot: Change, no_provider_keys: None, provider_ports: dict[str, int]
) -> None:
    """A fresh install has no keys, and every slot delivers."""
    local = [{"provider": "local", "operation": "glow", "params": {}}]
    await slot("slot-005", **with_gemini(provider="bfl", model=None, fallbacks=local))
    there = {name: f"http://127.0.0.1:{port}" for name, port in provider_ports.items()}
    found = await outside(stack, provider_base_urls=there)
    told = next(one for one in lines(found, "key.none_needed") if one["parameters"]["provider"] == "bfl")
    assert (told["state"], "fallbacks" in told["said"]) == ("warning", True)
