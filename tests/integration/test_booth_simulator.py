"""The simulated booth: the captured request by the front door, and what the booth would show."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from appliance.staff.booths.programs import PROGRAMS, post_of, sample_photo
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import BOUNDARY, CAPTURED_FIELDS, Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack

SIMULATIONS = "/api/booths/simulations"


async def simulated(admin: httpx.AsyncClient, program: str, slot_id: str) -> dict[str, Any]:
    answer = await admin.post(SIMULATIONS, json={"program": program, "slot_id": slot_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_simulated_request_of_dslr_remote_pro_has_the_captured_form() -> None:
    post = post_of("dslr_remote_pro", "slot-001", "127.0.0.1:8080", "the key")
    captured = Shot(sample_photo(), "the key", dict.fromkeys(CAPTURED_FIELDS, "x")).body()
    head = Camera(8080).head("/api/ingest/slot-001?reply=image", len(post.body))
    assert post.head == head
    assert post.waits
    parts, expected = (body.split(f"--{BOUNDARY}".encode()) for body in (post.body, captured))
    assert [part.partition(b"\r\n\r\n")[0] for part in parts] == [
        part.partition(b"\r\n\r\n")[0] for part in expected
    ]
    assert parts[-2:] == expected[-2:]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_simulated_booth_shows_the_picture_that_the_slot_makes(
    program: str, admin: httpx.AsyncClient, stack: Stack
) -> None:
    made = await simulated(admin, program, "slot-001")
    assert (made["status"], made["shows"], made["by_front_door"]) == (200, "picture", True), made
    kind = {"dslr_remote_pro": "image/jpeg", "breeze_booth": "multipart/form-data"}[program]
    assert made["headers"]["content-type"].startswith(kind)
    assert ('"status": "done"' in made["text"]) == (program == "breeze_booth")
    assert "booth-" not in made["address"]
    row = await stack.value(
        "select array[source, slot_id, request_fields::text || query_fields::text]"
        " from job_history where job_id = $1::uuid",
        made["job_id"],
    )
    assert row[:2] == ["test", "slot-001"]
    assert "booth-" not in row[2]
    entry = (await admin.get("/api/audit", params={"action": "slot.tested"})).json()["entries"][0]
    assert entry["detail"]["job"] == made["job_id"]


async def test_its_request_is_shown_with_the_booths_and_no_key_of_it_stays_in_force(
    admin: httpx.AsyncClient,
) -> None:
    before = (await admin.get("/api/booth-keys")).json()["keys"]
    await simulated(admin, "breeze_booth", "slot-001")
    booths = (await admin.get("/api/booths/requests")).json()["booths"]
    simulator = next(one for one in booths if one["id"] == "simulator")
    request = simulator["requests"][0]
    assert (request["is_test"], request["shown_by"], request["findings"]) == (True, "address", [])
    assert {"username", "qr1"} <= {field["name"] for field in request["fields"]}
    assert (await admin.get("/api/booth-keys")).json()["keys"] == before


async def test_it_shows_the_error_as_the_booth_prints_it(admin: httpx.AsyncClient, slot: Change) -> None:
    await slot("slot-003", active=False)
    made = await simulated(admin, "dslr_remote_pro", "slot-003")
    assert (made["status"], made["code"], made["shows"]) == (404, "slot_disabled", "original")
    assert made["message"]
    assert made["job_id"] is None


async def test_it_waits_for_a_slow_provider_as_a_booth_does(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("bad_request"))
    await slot("slot-010", **with_gemini(deadline_seconds=20))
    made = await simulated(admin, "dslr_remote_pro", "slot-010")
    assert (made["status"], made["code"], made["shows"]) == (502, "provider_failed", "original")
    assert len(gemini.calls) >= 1


async def test_what_cannot_be_simulated_is_refused(admin: httpx.AsyncClient) -> None:
    for body, status in (
        ({"program": "dslr_remote_pro", "slot_id": "slot-099"}, 404),
        ({"program": "another", "slot_id": "slot-001"}, 422),
        ({"slot_id": "../admin"}, 422),
    ):
        assert (await admin.post(SIMULATIONS, json=body)).status_code == status
