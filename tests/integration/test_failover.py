"""A picture inside the deadline whenever any configured way could have delivered one."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Reply, Shot
from tests.support.photos import camera_jpeg_24mp
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
URL = f"/api/ingest/{SLOT}?reply=image"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}
FLASH = {"provider": "gemini", "operation": "image_edit", "model": "gemini-nano-banana-2.1"}


async def attempts_of(stack: Stack, reply: Reply) -> list[dict[str, Any]]:
    job_id = reply.headers["x-job-id"]
    found: list[dict[str, Any]] = (await stack.row(job_id))["attempts"]
    return found


def outcomes(attempts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(attempt["provider"], attempt["outcome"]) for attempt in attempts]


async def test_an_empty_answer_is_tried_again_at_once_and_ends_in_a_picture(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["no_image", "no_image", "no_image", "no_image"])
    started = time.monotonic()
    reply = await camera.post(URL, shot)
    assert reply.status == 200
    assert time.monotonic() - started < 5
    attempts = await attempts_of(stack, reply)
    assert outcomes(attempts) == [("gemini", "failed")] * 4 + [("gemini", "delivered")]
    assert {attempt["reason"] for attempt in attempts[:4]} == {"NO_IMAGE"}


@pytest.mark.parametrize(
    "step", ["unavailable", "server_error", "bad_gateway", "reset", "html_page", "truncated_json"]
)
async def test_a_provider_that_stumbles_once_is_asked_again(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn, step: str
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script([step])
    assert (await camera.post(URL, shot)).status == 200
    assert gemini.pictures_asked() == 2


@pytest.mark.parametrize(
    ("step", "status", "code", "words"),
    [
        ("refused", 502, "provider_refused", "IMAGE_SAFETY"),
        ("prompt_blocked", 502, "provider_refused", ""),
        ("bad_request", 502, "provider_failed", ""),
        ("key_revoked", 502, "provider_failed", "key"),
    ],
)
async def test_what_will_not_change_is_not_repeated(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn, step: str, status: int, code: str, words: str
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(then=step)
    reply = await camera.post(URL, shot)
    assert (reply.status, reply.code) == (status, code)
    assert words in reply.body.decode()
    assert gemini.pictures_asked() == 1


async def test_a_refused_photo_goes_to_the_next_route(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(then="refused")
    reply = await camera.post(URL, shot)
    assert reply.status == 200
    assert outcomes(await attempts_of(stack, reply)) == [("gemini", "failed"), ("local", "delivered")]


async def test_with_a_fallback_waiting_empty_answers_are_not_tried_for_ever(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(then="no_image")
    assert (await camera.post(URL, shot)).status == 200
    assert gemini.pictures_asked() == 3


async def test_a_fallback_starts_beside_a_slow_route_early_enough_to_make_the_deadline(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], deadline_seconds=4))
    gemini.script = Script(then=Step("slow", seconds=30))
    started = time.monotonic()
    reply = await camera.post(URL, shot)
    assert (reply.status, time.monotonic() - started < 4.3) == (200, True)
    found = set(outcomes(await attempts_of(stack, reply)))  # a measured model's first try fails as stalled
    assert found - {("gemini", "failed")} == {("gemini", "too_slow"), ("local", "delivered")}


async def test_the_better_route_still_wins_if_it_comes_before_the_deadline(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, standins: dict[str, StandIn]
) -> None:
    """The fallback's picture is held while the primary may still make it.

    No time of either model is measured by any test, and the fallback's is estimated long: it begins half-way.
    """
    model, other = "gemini-3.1-flash-lite-image", "gpt-image-2.5-sunburst"
    fallback = {
        "provider": "openai", "operation": "image_edit", "model": other,
        "params": {"prompt": "a painting", "quality": "low"},
    }  # fmt: skip
    await slot(SLOT, **with_gemini(model=model, fallbacks=[fallback], deadline_seconds=10))
    standins["gemini"].script = Script([Step("slow", seconds=7)])
    reply = await camera.post(URL, shot)
    first, second = outcomes(await attempts_of(stack, reply))
    assert first == ("gemini", "delivered")
    assert second[0] == "openai"


async def test_all_fallbacks_are_tried_in_order(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, standins: dict[str, StandIn]
) -> None:
    openai = {"provider": "openai", "operation": "image_edit", "params": {"prompt": "a painting"}}
    fallbacks = [{**FLASH, "params": {"prompt": "a painting"}}, openai, LOCAL]
    await slot(SLOT, **with_gemini(fallbacks=fallbacks))
    standins["gemini"].script = Script(then="refused")
    standins["openai"].script = Script(then="refused")
    attempts = await attempts_of(stack, await camera.post(URL, shot))
    assert [(a["provider"], a["model"]) for a in attempts] == [
        ("gemini", "gemini-2.5-flash-image"),
        ("gemini", "gemini-nano-banana-2.1"),
        ("openai", None),
        ("local", None),
    ]


async def test_hedging_starts_the_second_route_when_the_first_is_late_and_the_first_picture_wins(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn, app_processes: int
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], hedge=True))
    async with stack.database() as db:
        await db.execute("delete from route_timing where route = 'gemini/gemini-2.5-flash-image'")
    gemini.script = Script(then=Step("slow", seconds=0.1))
    for _ in range(12 * app_processes):  # enough for each process to know how long this route takes
        assert (await camera.post(URL, shot)).status == 200
    gemini.script = Script(then=Step("slow", seconds=30))
    started = time.monotonic()
    reply = await camera.post(URL, shot)
    assert time.monotonic() - started < 4
    assert outcomes(await attempts_of(stack, reply)) == [("gemini", "cancelled"), ("local", "delivered")]


async def test_without_hedging_a_late_route_is_not_raced(
    camera: Camera, shot: Shot, slot: Change, standins: dict[str, StandIn]
) -> None:
    openai = {"provider": "openai", "operation": "image_edit", "params": {"prompt": "a painting"}}
    await slot(SLOT, **with_gemini(fallbacks=[openai], hedge=False))
    standins["gemini"].script = Script(then=Step("slow", seconds=1))
    assert (await camera.post(URL, shot)).status == 200
    assert standins["openai"].calls == []


async def test_a_key_out_of_quota_rests_and_the_next_one_serves(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn, app_processes: int
) -> None:
    stack.set_keys("gemini", "first-key-000AAAA", "second-key-00BBBB")
    await slot(SLOT, **with_gemini())
    gemini.script = Script(by_key={"first-key-000AAAA": ["quota"] * 9, "second-key-00BBBB": []})
    replies = [await camera.post(URL, shot) for _ in range(3)]
    assert [reply.status for reply in replies] == [200] * 3
    keys = [attempt["key"] for reply in replies for attempt in await attempts_of(stack, reply)]
    assert 1 <= keys.count("…AAAA") <= app_processes
    assert keys.count("…BBBB") == 3


async def test_a_key_revoked_in_mid_run_does_not_cost_a_picture(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "first-key-000CCCC", "second-key-00DDDD")
    await slot(SLOT, **with_gemini())
    assert (await camera.post(URL, shot)).status == 200
    gemini.revoked.add("first-key-000CCCC")
    replies = await asyncio.gather(*(camera.post(URL, shot) for _ in range(4)))
    assert [reply.status for reply in replies] == [200] * 4


async def test_quota_with_a_short_wait_is_waited_for(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script([Step("quota", retry_after=1)])
    started = time.monotonic()
    assert (await camera.post(URL, shot)).status == 200
    assert time.monotonic() - started >= 1


async def test_quota_with_a_wait_that_does_not_fit_goes_to_the_next_route_at_once(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], deadline_seconds=20))
    gemini.script = Script([Step("quota", retry_after=60)])
    started = time.monotonic()
    reply = await camera.post(URL, shot)
    assert time.monotonic() - started < 5
    assert outcomes(await attempts_of(stack, reply)) == [("gemini", "failed"), ("local", "delivered")]


async def test_without_any_key_the_booth_is_told_so_and_nothing_is_sent(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini")
    await slot(SLOT, **with_gemini())
    reply = await camera.post(URL, shot)
    assert (reply.status, reply.code) == (502, "provider_failed")
    assert reply.json()["error"]["fields"] == {"provider": "no_key"}
    assert gemini.calls == []


async def test_a_route_that_keeps_failing_is_skipped_at_once_until_it_delivers_for_a_slot_without_another(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn, app_processes: int
) -> None:
    model = "gemini-3-pro-image"
    params = {"prompt": "make it a painting", "image_size": "4K"}  # so slow that a photo has one try
    await slot(SLOT, **with_gemini(model=model, params=params, fallbacks=[LOCAL], deadline_seconds=30))
    gemini.script = Script(then="unavailable")
    for _ in range(5 * app_processes + 1):
        attempts = await attempts_of(stack, await camera.post(URL, shot))
        if attempts[0]["outcome"] == "skipped":
            break
    assert attempts[0]["reason"] == "circuit_open"
    assert attempts[0]["ms"] == 0
    assert attempts[1]["outcome"] == "delivered"
    gemini.script = Script()
    await slot(SLOT, **with_gemini(model=model, params=params, deadline_seconds=30))
    assert outcomes(await attempts_of(stack, await camera.post(URL, shot))) == [("gemini", "delivered")]


async def test_each_attempt_is_recorded_with_what_the_provider_said(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["unavailable"])
    first, second = await attempts_of(stack, await camera.post(URL, shot))
    assert first["http_status"] == 503
    assert first["outcome"] == "failed"
    assert first["key"].startswith("…")
    assert second["outcome"] == "delivered"
    assert second["response_id"]
    assert second["started_ms"] >= first["started_ms"] + first["ms"]


async def test_the_photo_leaves_the_venue_shrunk(
    camera: Camera, password: str, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    assert (await camera.post(URL, Shot(camera_jpeg_24mp(), password))).status == 200
    sent = gemini.calls[-1].body
    assert len(camera_jpeg_24mp()) > 5_000_000
    assert len(sent) < 1_000_000


async def test_prompts_are_filled_from_what_the_camera_sent(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(
        SLOT,
        **with_gemini(
            params={"prompt": "{survey1|somebody} as {role|a hero}"},
            prompt={"fields": ["survey1", "role"], "variants": {"pirate": "{survey1} as a pirate"}},
        ),
    )
    shot.fields["survey1"] = "Anna\n\x07 Maria"
    for query in ("", "&role=a%20queen", "&style=pirate"):
        assert (await camera.post(URL + query, shot)).status == 200
    prompts = [
        part["text"] for call in gemini.calls for part in call.json["contents"][0]["parts"] if "text" in part
    ]
    assert prompts == ["Anna Maria as a hero", "Anna Maria as a queen", "Anna Maria as a pirate"]


async def test_a_picture_is_cropped_to_the_print_size(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(output={"size": "1200x1800", "media_type": "image/jpeg"}))
    reply = await camera.post(URL, shot)
    assert reply.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(reply.body)).size == (1200, 1800)


async def test_nothing_of_photo_key_or_prompt_reaches_the_log(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "log-key-never-seen-1234")
    await slot(
        SLOT, **with_gemini(params={"prompt": "{survey1} in a secret garden"}, prompt={"fields": ["survey1"]})
    )
    shot.fields["survey1"] = "Ekaterina Guestova"
    gemini.script = Script(["bad_request"])
    reply = await camera.post(URL, shot)
    assert reply.status == 502
    await until(lambda: reply.headers["x-job-id"] in stack.app_log())
    log = stack.app_log() + json.dumps(await attempts_of(stack, reply))
    for secret in ("log-key-never-seen-1234", "Guestova", "secret garden"):
        assert secret not in log


async def test_turbotext_fetches_the_photo_by_an_address_that_dies_with_the_job(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, setting: Change, standins: dict[str, StandIn]
) -> None:
    await setting("provider_media_base_url", stack.url)
    await setting("providers", {"turbotext": {"transport": "url"}})
    await slot(SLOT, active=True, provider="turbotext", operation="image_edit", params={"prompt": "акварель"})
    reply = await camera.post(URL, shot)
    assert reply.status == 200, reply.body
    (create,) = [call for call in standins["turbotext"].calls if call.field("do") == "create_queue"]
    address = create.field("url") or ""
    assert address.startswith(f"{stack.url}/public/provider-media/")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(address)).status_code == 410
        assert (await client.get(address[:-4] + "AAAA")).status_code == 404


async def test_a_photo_goes_through_fals_queue_and_its_place_there_is_kept_with_the_attempt(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, standins: dict[str, StandIn]
) -> None:
    await slot(SLOT, active=True, provider="fal", operation="image_edit", params={"prompt": "a painting"})
    reply = await camera.post(URL, shot)
    assert reply.status == 200, reply.body
    [attempt] = await attempts_of(stack, reply)
    assert (attempt["outcome"], attempt["queue_position"]) == ("delivered", 0)
    assert attempt["response_id"] in standins["fal"].places  # type: ignore[attr-defined]
