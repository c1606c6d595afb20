"""A row whose attempts are not as they should be spoils no export, no sum, no list and no cleanup."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import httpx
import pytest

from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

SLOT = "slot-004"
GOOD = {
    "provider": "gemini", "operation": "image_edit", "started_ms": 1, "ms": 2, "outcome": "delivered",
    "billed": True, "price": "0.04", "currency": "XTS", "detail": "words of a guest",
}  # fmt: skip
MALFORMED: list[Any] = [
    [7, "word", None, [], GOOD],
    [{}, {"provider": 3, "outcome": ["x"]}, GOOD],
    [{**GOOD, "price": "dear", "currency": 5, "tokens": "many", "ms": "long", "billed": "perhaps"}, GOOD],
    {"provider": "gemini", "price": "0.04"},
    "nothing",
]


@pytest.fixture
async def job_id(stack: Stack, camera: Camera, shot: Shot) -> Any:
    """A guest's picture, which is gone afterwards."""
    made = (await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"]
    yield made
    async with stack.database() as db:
        await db.execute("update job_history set attempts = '[]' where job_id = $1", made)


async def put(stack: Stack, job_id: str, attempts: Any) -> None:
    async with stack.database() as db:
        await db.execute("update job_history set attempts = $2 where job_id = $1", job_id, attempts)


@pytest.mark.parametrize("attempts", MALFORMED)
async def test_malformed_attempts_break_no_export_and_what_can_be_read_of_them_counts(
    stack: Stack, admin: httpx.AsyncClient, job_id: str, attempts: Any
) -> None:
    await put(stack, job_id, attempts)
    reply = await admin.post("/api/event/export")
    archive = zipfile.ZipFile(io.BytesIO(reply.content))
    assert archive.testzip() is None
    table = csv.DictReader(io.StringIO(archive.read("pictures.csv").decode("utf-8-sig"), newline=""))
    row = list(table)[-1]
    assert row["slot"] == SLOT
    assert row.get("cost.XTS", "") == ("0.04" if isinstance(attempts, list) else "")


@pytest.mark.parametrize("attempts", MALFORMED)
async def test_malformed_attempts_break_no_sum_and_no_page(
    stack: Stack, admin: httpx.AsyncClient, job_id: str, attempts: Any
) -> None:
    await put(stack, job_id, attempts)
    costs = await admin.get("/api/stats/costs", params={"days": 1})
    assert costs.status_code == 200, costs.text
    slots = [one for day in costs.json()["days"] for one in day["slots"] if one["slot_id"] == SLOT]
    known = [one["amount"] for slot in slots for one in slot["cost"]["known"] if one["currency"] == "XTS"]
    assert known == (["0.04"] if isinstance(attempts, list) else [])
    for path in (f"/api/jobs/{job_id}", f"/api/jobs?slot_id={SLOT}", "/api/stats/slots"):
        assert (await admin.get(path)).status_code == 200, path


@pytest.mark.parametrize("attempts", MALFORMED)
async def test_malformed_attempts_do_not_keep_a_guests_picture_from_being_forgotten(
    stack: Stack, admin: httpx.AsyncClient, job_id: str, attempts: Any
) -> None:
    await put(stack, job_id, attempts)
    wiped = await admin.post(
        "/api/event/wipe", json={"confirm": "wipe everything", "even_not_exported": True}
    )
    assert wiped.status_code == 200, wiped.text
    assert "words of a guest" not in str((await stack.row(job_id))["attempts"])
