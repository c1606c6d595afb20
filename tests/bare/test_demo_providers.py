"""A fresh installation with stand-ins in place of the AI providers: their pictures and their models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare.appliance_run import Appliance
from tests.standins.lives import GEMINI, OPENAI
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

LIVES = {"gemini": GEMINI, "openai": OPENAI}


NEW = """\
[gemini]
default = "gemini-nano-banana-9"
hidden = ["gemini-3-pro-image"]
[gemini.models."gemini-nano-banana-9"]
like = "gemini-nano-banana-2.1"
price.picture = { "1K" = 0.01 }
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Appliance, Stack]]:
    one = Appliance(tmp_path_factory.mktemp("bare") / "data")
    yield one, Stack(one.data, one.port, one.start("--demo-providers"))
    one.run("--stop")
    assert one.pids() == []


async def test_every_ai_slot_of_a_fresh_install_delivers_by_its_first_route(
    fresh: tuple[Appliance, Stack],
) -> None:
    _, stack = fresh
    async with stack.database() as db:
        slots = {
            row["slot_id"]: (row["provider"], row["model"])
            for row in await db.fetch("select * from slot where active and provider <> 'local'")
        }
    assert {provider for provider, _ in slots.values()} >= {"gemini", "openai", "turbotext"}
    camera, shot = Camera(stack.port), Shot(portrait_jpeg(), stack.report["passwords"]["ingest"])
    replies = await asyncio.gather(
        *(camera.post(f"/ingest/{slot_id}?reply=image", shot) for slot_id in slots)
    )
    made = {}
    for slot_id, reply in zip(slots, replies, strict=True):
        assert reply.status == 200, reply.body[:500]
        (attempt,) = (await stack.row(reply.headers["x-job-id"]))["attempts"]
        assert (attempt["outcome"], attempt["primary"]) == ("delivered", True)
        made[slot_id] = (attempt["provider"], attempt["model"])
    assert made == slots
    stages = {slot_id: LIVES[provider][model].stage for slot_id, (provider, model) in slots.items() if model}
    assert set(stages.values()) == {"STABLE"}, stages


def test_a_file_in_the_site_folder_brings_a_model(fresh: tuple[Appliance, Stack], tmp_path: Path) -> None:
    """One that a provider brings out tomorrow is a few lines, and no release."""
    appliance, _ = fresh
    appliance.folder.site.mkdir(exist_ok=True)
    (appliance.folder.site / "models.toml").write_text(NEW, encoding="utf-8")
    said = appliance.verb("models", "--json", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    listed = {(one["provider"], one["model"]): one for one in json.loads(said.stdout)["models"]}
    found = listed["gemini", "gemini-nano-banana-9"]
    assert (found["state"], found["said_by"]) == ("current", "catalogue")
    assert "0.01" in found["price"]
    assert listed["gemini", "gemini-nano-banana-2.1"]["price"] != found["price"]
