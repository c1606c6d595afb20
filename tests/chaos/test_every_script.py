"""Fifteen slots whose providers go wrong in every way at once: the appliance is as it was afterwards."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.chaos.booths import Booths
from tests.chaos.conftest import Note
from tests.chaos.health_probe import health_times
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost
from tests.chaos.memory import Memory
from tests.conftest import PROVIDERS
from tests.container.stack import allowed
from tests.integration.test_workflow_slots import WORKFLOW
from tests.standins import Script, StandIn, Step, running
from tests.support.installed import copied
from tests.support.logins import Logins, client_at
from tests.support.photos import portrait_jpeg
from tests.support.slots import set_slot
from tests.support.stack import Stack, free_port, running_stack
from tests.support.waiting import until

SLOTS = [f"slot-{number:03}" for number in range(1, 16)]
MODELS = {
    "bfl": "flux-2-pro",
    "fal": "google/nano-banana-2.1/edit",
    "gemini": "gemini-nano-banana-2.1",
    "openai": "gpt-image-2.6-flare",
}
# Every way that `tests/standins/script.py` names, but for those that end a key or a model for good.
COMMON = (
    *("ok", "silent", "stall", "reset", "cut_off", "unavailable", "server_error", "bad_gateway", "html_page"),
    *("truncated_json", "wrong_type", "redirect", "endless", "huge", "no_image", "refused", "broken_picture"),
    *("bad_request", Step("slow", seconds=1), Step("quota", retry_after=1)),
)
OWN: dict[str, tuple[str, ...]] = {
    "bfl": ("output_refused", "run_error", "run_failed", "lost", "unknown_first", "poll_fails"),
    "comfyui": (
        "never_done",
        "look_fails",
        "out_of_memory",
        "execution_error",
        "other_output_fails",
        "interrupted",
        "taken_silently",
    ),
    "fal": (
        *("poll_fails", "never_done", "nsfw", "single", "run_failed", "no_media", "no_face", "result_lost"),
        *("app_timeout", "conflict"),
    ),
    "gemini": (
        *("prompt_blocked", "text_only", "no_candidates", "broken_base64", "thought_first", "drafts"),
        *("refused_late", "snake_case", "signatures"),
    ),
    "openai": ("broken_base64",),
    "turbotext": (
        *("reconnect", "face_not_detected", "quality_limit", "params_error", "missing_once", "inside_data"),
        *("relative", "poll_fails", "refused_at_top", "no_uploads"),
    ),
}
DEADLINE = 8
SHORT_SECONDS, LONG_SECONDS = 10.0, 300.0
LONGEST_P99 = 0.100  # seconds of /healthz
GROWTH = 1.10  # of memory, from the second fifth of the time to the last


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in PROVIDERS}


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, installed: Path, ports: dict[str, int]
) -> Iterator[Stack]:
    urls = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in ports.items())
    folder = copied(installed, tmp_path_factory.mktemp("chaos") / "data")
    with running_stack(folder, PHOTOCHANGER_PROVIDER_BASE_URLS=urls) as started:
        yield started


@pytest.fixture
async def standins(house: Stack, ports: dict[str, int]) -> AsyncIterator[None]:
    """Each provider goes wrong in every way in turn; each slot asks one, every other slot has a fallback."""
    async with AsyncExitStack() as servers:
        for name, port in ports.items():
            standin: StandIn = PROVIDERS[name]()
            standin.keep_calls = 5
            standin.script = Script(itertools.cycle((*COMMON, *OWN[name])))
            await servers.enter_async_context(running(standin, port=port))
            house.set_keys(name, f"{name}-key-0001")
        for number, (slot, name) in enumerate(zip(SLOTS, itertools.cycle(ports), strict=False)):
            workflow = {"workflow": WORKFLOW} if name == "comfyui" else {}
            await set_slot(
                house, slot, provider=name, operation="workflow" if workflow else "image_edit",
                model=MODELS.get(name), active=True, params={"prompt": "a painting", **workflow},
                prompt={}, output={}, deadline_seconds=DEADLINE,
                fallbacks=[{"provider": "local", "operation": "glow", "params": {}}] if number % 2 else [],
            )  # fmt: skip
        yield


@pytest.mark.timeout(3600)
async def test_fifteen_slots_whose_providers_fail_in_every_way_leave_the_appliance_as_it_was(
    house: Stack, standins: None, minutes: float, note: Note
) -> None:
    seconds = LONG_SECONDS if minutes else SHORT_SECONDS
    memory = Memory(psutil.Process(house.pid_of("app")))
    booths, end = Booths(house, portrait_jpeg()), time.monotonic() + seconds

    async def work(slot: str) -> None:
        while time.monotonic() < end:
            await booths.post(slot)
            memory.look()

    async with health_times(house) as times:
        await asyncio.gather(*(work(slot) for slot in SLOTS))
    p99 = statistics.quantiles(times, n=100)[98]
    few, many = len(memory.sizes) * 2 // 5, len(memory.sizes)
    note(f"{len(booths.sent)} photos, answers {dict(booths.statuses())}, refusals {dict(booths.codes())}")
    note(f"/healthz p99 {p99 * 1000:.0f} ms; {memory.around(few):.0f} MB after {few} photos,"
         f" {memory.around(many):.0f} MB after {many}, at most {max(memory.sizes):.0f} MB")  # fmt: skip
    assert set(booths.statuses()) <= {200, 429, 502, 503, 504}
    assert booths.statuses()[200]
    assert max(one.longest for one in booths.sent) < allowed(DEADLINE + 3), "nobody waits beyond the deadline"
    if minutes:
        assert p99 < LONGEST_P99
        assert memory.around(many) < memory.around(few) * GROWTH
    await assert_all_permits_are_back(house)
    await assert_nothing_was_lost(booths)
    await assert_nothing_is_left(house)


async def assert_all_permits_are_back(stack: Stack) -> None:
    token = await Logins(stack).token("serg", stack.report["passwords"]["accounts"]["serg"])
    async with client_at(stack, token=token) as client:

        async def none_is_taken() -> bool:
            slots = (await client.get("/api/stats/slots")).json()["slots"]
            return len(slots) == len(SLOTS) and all(slot["in_flight"] == 0 for slot in slots)

        await until(none_is_taken, seconds=30, every=0.2)
