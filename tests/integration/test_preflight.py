"""The pre-flight: the running app tries everything that an evening needs and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Change
from tests.standins import StandIn, Step
from tests.support.logins import PASSWORD, Logins, MakeAccount, client_at, code
from tests.support.preflight import Only, free, line, lines, only, ran
from tests.support.slots import with_gemini
from tests.support.stack import Stack

__all__ = ["only"]

SLOT, OTHER = "slot-013", "slot-014"
MODEL = "gemini-3-pro-image"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}
CUT_OFF = """insert into preflight (asked_by, started_at, seen_at, group_name)
             values ('serg', now() - interval '1 min', now() - interval '1 min', 'slots')"""
LEFT = "select count(*) from job_history"


@pytest.fixture
def living(gemini: StandIn) -> Iterator[StandIn]:
    """Gemini's stand-in, whose model is there again afterwards."""
    yield gemini
    gemini.announce(MODEL, None)


async def test_every_group_is_looked_at_once_and_nothing_is_left_behind(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "first-key-000-1111", "second-key-00-2222")
    await only("slot-001")
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    jobs, asked = await stack.value(LEFT), gemini.pictures_asked()
    await free(admin)
    presses = await asyncio.gather(*(admin.post("/api/preflight") for _ in range(4)))
    (mine,) = {reply.json()["newest"]["id"] for reply in presses}
    await free(admin)
    run = (await admin.get("/api/preflight")).json()["newest"]
    assert (run["id"], run["status"]) == (mine, "done")
    assert {one["group"] for one in run["checks"]} == {
        *("machine", "providers", "slots", "guests", "backups", "known")
    }
    assert lines(run, "not_looked") == []
    assert line(run, "slot.drawn")["slots"] == ["slot-001"]
    assert line(run, "slot.ready")["slots"] == [SLOT]
    assert {one["parameters"]["key"] for one in lines(run, "key.works")} >= {"…1111", "…2222"}
    for good in ("database", "disk", "memory", "qr", "page.answers"):
        assert line(run, good)["state"] == "ok", good
    assert (await stack.value(LEFT), gemini.pictures_asked()) == (jobs, asked)
    assert [path for path in stack.temp_files() if "preflight" in str(path)] == []


async def test_each_ailment_of_a_slot_has_a_line_that_says_what_to_press(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "bad-key-00000-4444")
    gemini.revoked.add("bad-key-00000-4444")
    await only()
    await slot(SLOT, **with_gemini())
    await slot(OTHER, **with_gemini(fallbacks=[LOCAL]))
    await slot("slot-001", active=True, output={"qr": "bottom-right", "qr_colour": "#fefefe"})
    await slot("slot-002", active=True, operation="nothing")
    run = await ran(admin)
    assert run["state"] == "bad"
    refused = line(run, "key.refused")
    assert (refused["state"], refused["action"]["href"]) == ("bad", "/admin/settings#keys-gemini")
    alone = line(run, "slot.none")
    assert (alone["state"], alone["action"]["href"]) == ("bad", f"/admin/slots/{SLOT}")
    helped = line(run, "slot.fallback")
    assert (helped["state"], helped["slots"], helped["parameters"]["route"]) == (
        "warning", [OTHER], "local/glow",
    )  # fmt: skip
    pale = line(run, "slot.qr")
    assert (pale["state"], pale["slots"]) == ("bad", ["slot-001"])
    unfit = line(run, "slot.failed")
    assert (unfit["state"], unfit["slots"], "operation" in unfit["do"]) == ("bad", ["slot-002"], True)
    providers = (await admin.get("/api/providers")).json()["providers"]
    (key,) = next(one for one in providers if one["name"] == "gemini")["keys"]
    assert (key["reason"], key["rests_for"] > 60) == ("API_KEY_INVALID", True)


async def test_a_model_that_is_gone_is_named_with_its_successor(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, living: StandIn
) -> None:
    stack.set_keys("gemini", "good-key-0000-3333")
    await only()
    await slot(SLOT, **with_gemini(model=MODEL))
    await slot(OTHER, **with_gemini(model=MODEL, fallbacks=[LOCAL]))
    living.retire(MODEL)
    run = await ran(admin)
    told = line(run, "issue.model.ended")
    assert (told["state"], told["parameters"]["model"], told["action"]["kind"]) == (
        "bad", MODEL, "use_successor",
    )  # fmt: skip
    assert told["parameters"]["successor"] == "gemini-nano-banana-2.1"
    assert line(run, "slot.none")["slots"] == [SLOT]
    assert line(run, "slot.fallback")["slots"] == [OTHER]


async def test_galleries_are_asked_for_and_a_run_that_a_restart_cut_off_says_so(
    stack: Stack, admin: httpx.AsyncClient, only: Only
) -> None:
    await only()
    made = await admin.post("/api/shared-galleries", json={"title": "Pre-flight's own", "pin": "480123"})
    assert made.status_code == 201, made.text
    try:
        run = await ran(admin)
    finally:
        await admin.delete(f"/api/shared-galleries/{made.json()['id']}")
    for kind in ("gallery", "wall"):
        titles = [one["parameters"]["title"] for one in lines(run, f"{kind}.answers")]
        assert "Pre-flight's own" in titles, kind
    assert line(run, "slots.none")["state"] == "warning"
    async with stack.database() as db:
        await db.execute(CUT_OFF)
    russian = await admin.get("/api/preflight", headers={"Accept-Language": "ru"})
    state = russian.json()
    assert (state["newest"]["status"], state["whole"]["id"]) == ("interrupted", run["id"])
    said = line(state["whole"], "slots.none")["said"]
    assert said == "Ни один слот не включён: фотобудки не получат снимков."
    async with stack.database() as db:  # as if it had been cut off before the clock was set back
        await db.execute("update preflight set seen_at = now() + interval '3 h' where finished_at is null")
    state = (await admin.get("/api/preflight")).json()
    assert state["newest"]["status"] == "interrupted"
    assert (await ran(admin))["id"] != state["newest"]["id"], "and another one can be done"


async def test_a_paid_photo_is_a_test_that_stays_with_its_price(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "good-key-0000-6666")
    await only("slot-001")
    await slot(SLOT, **with_gemini())
    asked = gemini.pictures_asked()
    run = await ran(admin, paid=True)
    assert gemini.pictures_asked() == asked + 1
    (told,) = [one for one in run["checks"] if one["slots"] == [SLOT] and one["group"] == "slots"]
    assert told["code"] in ("slot.shot", "slot.shot_unpriced")
    job = (await admin.get(f"/api/jobs/{told['parameters']['job_id']}")).json()
    assert (job["source"], job["status"]) == ("test", "done")
    assert line(run, "slot.drawn")["slots"] == ["slot-001"]


async def test_only_who_may_test_starts_one_and_who_sees_slots_reads_it(
    viewer: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert code(await viewer.post("/api/preflight")) == (403, "permission_denied")
    assert (await viewer.get("/api/preflight")).status_code == 200
    assert code(await client.get("/api/preflight")) == (401, "not_authenticated")


async def test_who_may_not_set_the_address_has_the_app_ask_at_no_made_up_one(
    stack: Stack, account: MakeAccount, logins: Logins, admin: httpx.AsyncClient, only: Only
) -> None:
    await only()
    async with client_at(stack, token=await logins.token(await account("operator"), PASSWORD)) as operator:
        for client, asked in ((operator, None), (admin, "http://made-up.example:22")):
            await free(admin)
            await client.post("/api/preflight", headers={"Host": "made-up.example:22"})
            assert await stack.value("select base from preflight order by id desc limit 1") == asked
    await free(admin)


async def verb(stack: Stack, *arguments: str, given: str = "", **changes: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of ``appliance preflight``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appliance", "preflight", *arguments,
        env=stack.environment(**changes),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate(given.encode())
    return process.returncode, out.decode(), errors.decode()


async def test_the_verb_has_the_app_do_it_and_ends_with_0_or_1(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only
) -> None:
    await only("slot-001")
    await free(admin)
    status, out, _ = await verb(stack, "--json")
    run: dict[str, Any] = {"checks": json.loads(out)}
    assert line(run, "slot.drawn")["slots"] == ["slot-001"]
    assert status == int(any(one["state"] == "bad" for one in run["checks"]))
    await slot("slot-001", operation="nothing")
    status, out, _ = await verb(stack)
    assert (status, "BAD   slots" in out) == (1, True)


async def test_the_verb_says_what_is_being_looked_at(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, gemini: StandIn
) -> None:
    await only()
    await slot(SLOT, **with_gemini())
    gemini.probes = Step("slow", seconds=2)  # the verb looks twice a second
    await free(admin)
    _, _, errors = await verb(stack)
    assert "Providers, keys, models …\n" in errors


async def test_the_verb_asks_before_it_pays(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, only: Only, gemini: StandIn
) -> None:
    await only()
    await slot(SLOT, **with_gemini())
    before = (await admin.get("/api/preflight")).json()["newest"]
    status, out, errors = await verb(stack, "--paid", given="n\n")
    assert (status, out) == (1, "")
    assert "1 slot costs money." in errors
    assert (await admin.get("/api/preflight")).json()["newest"] == before


async def test_without_an_app_the_verb_says_what_can_be_seen_from_outside(
    stack: Stack, tmp_path: Path
) -> None:
    status, out, errors = await verb(
        stack,
        PHOTOCHANGER_DATABASE_URL="postgresql://x:y@127.0.0.1:1/photochanger",
        PHOTOCHANGER_LISTEN="127.0.0.1:1",
        PHOTOCHANGER_PROVIDER_BASE_URLS="gemini=http://127.0.0.1:1",
    )
    assert status == 1
    assert "The database does not answer" in out
    assert "The app does not answer" in out
    assert "from outside" in errors
