"""A disk that counts as low, and pictures past half their time; fixtures for whoever imports them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.stack import Stack

MakePicture = Callable[..., Awaitable[str]]
Low = Callable[..., Awaitable[None]]
EVERYTHING = 10_000_000  # MB: more than any test machine has free


@pytest.fixture
async def low(stack: Stack, setting: Callable[..., Awaitable[None]]) -> Low:
    """``await low()``: from now on the disk counts as low; with ``automatic`` nobody is asked."""
    row = "insert into app_settings (key, value, updated_by) values ($1, $2, 'test') on conflict do nothing"
    async with stack.database() as db:
        await db.executemany(row, [("low_disk_mb", 2000), ("free_space_when_low", False)])

    async def change(*, automatic: bool = False) -> None:
        await setting("free_space_when_low", automatic)
        await setting("low_disk_mb", EVERYTHING)

    return change


@pytest.fixture
async def picture(stack: Stack, camera: Camera, shot: Shot) -> AsyncIterator[MakePicture]:
    """``await picture(40)``: a job whose picture was made 40 hours ago, for 72; ended after the test.

    It is the only one past half its time: what earlier tests left there is ended first, and cleaned up.
    """
    made: list[str] = []
    async with stack.database() as db:
        await db.execute(
            """update job_history set result_expires_at = now() where result_expires_at > now()
               and result_expires_at - now() < now() - finished_at"""
        )
    await clean(stack)

    async def make(hours_ago: float, **values: Any) -> str:
        made.append((await camera.post("/api/ingest/slot-001?reply=json", shot)).json()["job_id"])
        async with stack.database() as db:
            await db.execute(
                """update job_history set finished_at = now() - $2 * interval '1 h',
                   result_expires_at = now() + (72 - $2) * interval '1 h',
                   result_size = coalesce($3, result_size) where job_id = $1""",
                made[-1], float(hours_ago), values.get("size"),
            )  # fmt: skip
        return made[-1]

    yield make
    async with stack.database() as db:
        ended = "update job_history set result_expires_at = now() where job_id = any($1::uuid[])"
        await db.execute(ended, made)
