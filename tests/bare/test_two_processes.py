"""Two equal processes of the app behind one Nginx: what goes on when one of them does not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bare.appliance_run import eventually
from tests.standins import Script, gemini_app, running
from tests.support.booth import Album, Booth
from tests.support.camera import Camera, Shot
from tests.support.installed import copied
from tests.support.photos import portrait_jpeg
from tests.support.slots import set_slot, with_gemini
from tests.support.stack import Stack, free_port, run_bare, running_stack
from tests.support.waiting import until

BOOTHS = 2
FALLBACK = {"provider": "local", "operation": "glow"}


@pytest.fixture(scope="module")
def gemini_port() -> int:
    """Where Gemini's stand-in listens when a test starts it."""
    return free_port()


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory,
    installed: Path,
    gemini_port: int,
    note_errors: Callable[[Path], None],
) -> Iterator[Stack]:
    """An appliance whose app has two processes."""
    folder = copied(installed, tmp_path_factory.mktemp("two") / "data")
    urls = f"gemini=http://127.0.0.1:{gemini_port}"
    with running_stack(folder, processes=2, PHOTOCHANGER_PROVIDER_BASE_URLS=urls) as stack:
        yield stack
    note_errors(folder / "logs")


def pids(stack: Stack) -> dict[str, int]:
    """Of the app's processes."""
    return {name: one.pid for name, one in stack.status().processes.items() if name.startswith("app")}


@contextmanager
def booths(stack: Stack) -> Iterator[list[Album]]:
    """Post during the block; the albums are whole after it."""
    albums: list[Album] = []
    over = threading.Event()
    shot = Shot(portrait_jpeg(), stack.first_passwords["ingest"])
    with ThreadPoolExecutor(BOOTHS) as pool:
        posting = [pool.submit(Booth(stack.port, shot).post_until, over, 3) for _ in range(BOOTHS)]
        try:
            yield albums
        finally:
            over.set()
        albums += [one.result() for one in posting]


def test_both_run_and_have_a_log_and_a_socket_each(two: Stack) -> None:
    found = json.loads(run_bare(two.data, "--status", "--json").stdout)
    assert found["ready"]
    assert list(found["processes"]) == ["postgres", "nginx", "app", "app-2", "cleanup"]
    for process, name in ((1, "app"), (2, "app-2")):
        assert (two.data / f"logs/{name}.log").stat().st_size
        with to_process(two, process) as client:
            assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("name", ["app", "app-2"])
def test_the_other_one_serves_while_one_is_away(two: Stack, name: str) -> None:
    pid = pids(two)[name]
    os.kill(pid, signal.SIGKILL)
    with httpx.Client(base_url=two.url) as client:
        assert [client.get("/readyz").status_code for _ in range(20)] == [200] * 20
    eventually(lambda: pids(two)[name] not in (0, pid))
    eventually(lambda: two.status().ready)


async def test_a_process_that_starts_frees_the_permits_that_its_predecessor_held(two: Stack) -> None:
    async with two.database() as db:
        await db.execute("insert into permit values ('slot:none', 0, 2, gen_random_uuid(), now() + '1 day')")
        os.kill(pids(two)["app-2"], signal.SIGKILL)
        await until(lambda: two.value("select count(*) = 0 from permit where name = 'slot:none'"), seconds=40)
    eventually(lambda: two.status().ready)


def leading(stack: Stack) -> str:
    """The process that said last that it leads."""
    said: dict[str, str] = {}
    for name in ("app", "app-2"):
        for line in (stack.data / f"logs/{name}.log").read_text().splitlines():
            if '"leader.leads"' in line:
                said[json.loads(line)["time"]] = name
    return said[max(said)] if said else ""


def test_the_other_one_leads_when_the_leader_is_gone(two: Stack) -> None:
    eventually(lambda: leading(two) != "")
    before = leading(two)
    os.kill(pids(two)[before], signal.SIGKILL)
    eventually(lambda: leading(two) not in ("", before), 5)
    eventually(lambda: two.status().ready)


@contextmanager
def asking(stack: Stack) -> Iterator[httpx.Client]:
    """The API through Nginx, with the right to everything."""
    with httpx.Client(base_url=stack.url) as client:
        said = {"username": "serg", "password": stack.report["passwords"]["accounts"]["serg"]}
        token = client.post("/api/login", json=said).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def to_process(stack: Stack, process: int) -> httpx.Client:
    """One process, asked past Nginx."""
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=str(stack.socket_of(process))), base_url="http://app"
    )


def post_to(stack: Stack, process: int) -> str:
    """A photo of a booth, taken by this process; its job."""
    return asyncio.run(photo_to(stack, process, "slot-001"))


async def photo_to(stack: Stack, process: int, slot: str) -> str:
    """The same, for any slot."""
    camera = Camera(stack.port, app_socket=stack.socket_of(process))
    reply = await camera.post(f"/api/ingest/{slot}", Shot(portrait_jpeg(), stack.first_passwords["ingest"]))
    assert reply.status == 200
    return reply.headers["x-job-id"]


@pytest.mark.parametrize("process", [1, 2])
def test_what_a_booth_sent_is_shown_whichever_process_it_came_to(two: Stack, process: int) -> None:
    job = post_to(two, process)
    with asking(two) as client:
        booths = client.get("/api/booths/requests").json()["booths"]
        assert job in [one["job_id"] for booth in booths for one in booth["requests"]]


def test_a_simulated_booth_is_let_in_whichever_process_it_comes_to(two: Stack) -> None:
    with asking(two) as client:
        for _ in range(6):
            said = client.post("/api/booths/simulations", json={"slot_id": "slot-001"}, timeout=60).json()
            assert (said["status"], said["by_front_door"]) == (200, True)


def test_the_figures_of_both_processes_come_in_one_answer(two: Stack) -> None:
    post_to(two, 1)
    post_to(two, 2)
    text = two.metrics()
    for process in (1, 2):
        line = f'photochanger_requests_total{{process="{process}",room="ingest",status="200"}}'
        assert line in text
        assert f'process_resident_memory_bytes{{process="{process}"}}' in text
    assert text.count("# TYPE photochanger_requests_total counter") == 1
    assert text.count("# TYPE photochanger_photos_total counter") == 1


@pytest.mark.parametrize("by", [1, 2])
def test_what_one_process_hides_is_gone_from_the_other_within_a_second(two: Stack, by: int) -> None:
    job = post_to(two, by)
    with asking(two) as login, to_process(two, by) as hiding, to_process(two, 3 - by) as showing:
        hiding.headers["Authorization"] = login.headers["Authorization"]
        link = f"/public/results/{job}"
        assert showing.get(link).status_code == 200
        assert hiding.post(f"/api/jobs/{job}/hide").status_code == 200
        hidden, shown = time.monotonic(), 0.0
        while showing.get(link).status_code == 200:
            shown = time.monotonic()
        assert shown - hidden < 1


async def counted_starts(stack: Stack) -> int:
    async with stack.database() as db:
        return int(await db.fetchval("select count(*) from metric where name = 'app_started'"))


def test_nobody_is_refused_while_one_after_the_other_starts_anew(two: Stack) -> None:
    before, starts = pids(two), asyncio.run(counted_starts(two))
    with booths(two) as albums, httpx.Client(base_url=two.url) as client:
        restarting = threading.Thread(target=run_bare, args=(two.data, "--restart"))
        restarting.start()
        pages: list[int] = []
        while restarting.is_alive():
            pages.append(client.get("/readyz").status_code)
            restarting.join(0.05)
    after = pids(two)
    assert set(before.values()).isdisjoint(after.values())
    assert [photo for album in albums for photo in album.lost] == []
    assert set(pages) == {200}
    eventually(lambda: asyncio.run(counted_starts(two)) == starts)  # what an operator restarts is no crash


def test_where_nothing_runs_nothing_is_started_anew_or_made(tmp_path: Path) -> None:
    done = run_bare(tmp_path / "elsewhere", "--restart")
    assert done.returncode == 1
    assert "Nothing is running" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_started_anew_where_the_tables_cannot_be_made(two: Stack) -> None:
    before = pids(two)

    async def of_version(name: str) -> str:
        async with two.database() as db:
            known: str = await db.fetchval("select version_num from alembic_version")
            await db.execute("update alembic_version set version_num = $1", name)
            return known

    known = asyncio.run(of_version("of-nobody"))
    try:
        done = run_bare(two.data, "--restart")
    finally:
        asyncio.run(of_version(known))
    assert done.returncode == 1
    assert "could not be migrated; nothing was restarted" in done.stderr
    assert pids(two) == before


def test_the_same_photo_sent_to_both_is_one_job(two: Stack) -> None:
    """Each press goes to another process: which of them opened the job is in the database alone."""
    shot = Shot(portrait_jpeg(), two.first_passwords["ingest"])
    shot.fields["idempotency_key"] = "pressed-six-times"

    async def presses() -> set[tuple[int, str]]:
        cameras = [Camera(two.port, app_socket=two.socket_of(1 + number % 2)) for number in range(6)]
        replies = await asyncio.gather(
            *(one.post("/api/ingest/slot-005?reply=json", shot) for one in cameras)
        )
        return {(reply.status, reply.json()["job_id"]) for reply in replies}

    ((status, _),) = asyncio.run(presses())
    assert status == 200


def test_together_they_work_at_no_more_photos_of_a_slot_than_it_may(two: Stack) -> None:
    shot = Shot(portrait_jpeg(), two.first_passwords["ingest"])

    async def most_seats() -> int:
        async with two.database() as db:
            await db.execute("update slot set permits = 1 where slot_id = 'slot-008'")
        cameras = [Camera(two.port, app_socket=two.socket_of(1 + number % 2)) for number in range(6)]
        posting = asyncio.gather(*(one.post("/api/ingest/slot-008?reply=json", shot) for one in cameras))
        seen = 0
        while not posting.done():
            taken = await two.value("select count(*) from permit where name = 'slot:slot-008'")
            seen = max(seen, taken)
            await asyncio.sleep(0)
        assert {reply.status for reply in await posting} == {200}
        return seen

    assert asyncio.run(most_seats()) == 1


def of_gemini(stack: Stack, process: int) -> dict[str, Any]:
    """Gemini's keys and circuits, as this process knows them."""
    with asking(stack) as login, to_process(stack, process) as client:
        client.headers["Authorization"] = login.headers["Authorization"]
        found = client.get("/api/providers").json()["providers"]
    return next(one for one in found if one["name"] == "gemini")


def keys_at_rest(stack: Stack, process: int) -> list[str]:
    return [one["ends_in"] for one in of_gemini(stack, process)["keys"] if one["rests_for"]]


async def test_a_key_that_one_found_refused_rests_in_the_other_and_after_a_crash(
    two: Stack, gemini_port: int
) -> None:
    two.set_keys("gemini", "key-that-is-bad-0bad", "key-that-is-good-good")
    await set_slot(two, "slot-010", **with_gemini())
    async with running(gemini_app(), port=gemini_port) as server:
        server.standin.keys = {"key-that-is-good-good"}
        for _ in range(2):
            await photo_to(two, 1, "slot-010")
        await until(lambda: asyncio.to_thread(keys_at_rest, two, 2))  # in half a second, on a machine at rest
        before = pids(two)["app-2"]
        os.kill(before, signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: two.status().ready and pids(two)["app-2"] != before)
        server.standin.calls.clear()
        for _ in range(3):
            await photo_to(two, 2, "slot-010")
        assert {call.key for call in server.standin.calls} == {"key-that-is-good-good"}


async def test_a_key_that_somebody_entered_makes_the_other_processes_next_picture(
    two: Stack, gemini_port: int
) -> None:
    two.set_keys("gemini")
    await set_slot(two, "slot-010", **with_gemini())
    with asking(two) as admin:
        async with running(gemini_app(), port=gemini_port):
            new = {"provider": "gemini", "key": "key-that-was-entered-there"}
            entered = await asyncio.to_thread(admin.post, "/api/settings/provider-keys", json=new)
            await photo_to(two, 2, "slot-010")
        admin.delete(f"/api/settings/provider-keys/{entered.json()['id']}").raise_for_status()
    with pytest.raises(AssertionError):
        await photo_to(two, 2, "slot-010")


async def test_what_a_photo_told_of_a_model_the_other_process_knows_at_once(
    two: Stack, gemini_port: int
) -> None:
    two.set_keys("gemini", "key-that-is-good-good")
    await set_slot(two, "slot-010", **with_gemini(model="gemini-3-pro-image", fallbacks=[FALLBACK]))
    with asking(two) as staff:

        def causes() -> list[str]:
            slots = staff.get("/api/stats/slots").json()["slots"]
            return [why["kind"] for one in slots if one["slot_id"] == "slot-010" for why in one["why"]]

        async with running(gemini_app(), port=gemini_port) as server:
            server.standin.retire("gemini-3-pro-image")
            await photo_to(two, 2, "slot-010")
        await until(lambda: "model_unknown" in causes())


async def test_a_route_that_failed_in_one_is_skipped_by_the_other_until_it_delivers(
    two: Stack, gemini_port: int
) -> None:
    await set_slot(two, "slot-011", **with_gemini(fallbacks=[FALLBACK], deadline_seconds=8))
    await set_slot(two, "slot-012", **with_gemini())
    async with running(gemini_app(Script(then="unavailable")), port=gemini_port) as server:
        await asyncio.gather(*(photo_to(two, 1, "slot-011") for _ in range(5)))
        await until(lambda: asyncio.to_thread(lambda: of_gemini(two, 2)["circuits"]))
        server.standin.calls.clear()
        await photo_to(two, 2, "slot-011")
        assert server.standin.calls == []
        server.standin.script = Script()
        await photo_to(two, 2, "slot-012")  # it has no other route
        await until(lambda: asyncio.to_thread(lambda: not of_gemini(two, 1)["circuits"]))
