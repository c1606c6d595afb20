"""Machines of one site: each says how it is, and one that is not fit closes its door."""

from __future__ import annotations

import asyncio
import resource
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.node_door import NodeDoor
from appliance.housekeeping import lost_nodes
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.lost_nodes import LostNodes
from appliance.media.store import MediaStore
from appliance.migrations.revisions import TablesAge, tables_age
from appliance.nodes import watch
from appliance.nodes.common import MARKS, write_mark
from appliance.nodes.repository import SILENT_AFTER
from appliance.nodes.watch import Looking, Me, NodeWatch
from tests.support.line import line_to_database
from tests.support.postgres import held_still
from tests.support.preflight import line, lines, outside
from tests.support.stack import Stack, free_port
from tests.support.waiting import until


@pytest.fixture(autouse=True)
async def no_machines(stack: Stack) -> AsyncIterator[None]:
    yield
    async with stack.database() as db:
        await db.execute("delete from node")
    shutil.rmtree(stack.media / MARKS, ignore_errors=True)


@pytest.fixture
def first(tmp_path: Path) -> Me:
    """The first machine, with a folder and keys."""
    MediaStore(tmp_path / "media").make_folders()
    secrets = tmp_path / "secrets"
    (secrets / "provider-keys").mkdir(parents=True)
    (secrets / "encryption-keys").write_text("one\n")
    return Me(1, tmp_path / "media", secrets, "first", "1.0")


@pytest.fixture
def second(first: Me) -> Me:
    """A further one, with the same folder and keys."""
    return Me(2, first.media_root, first.secrets_dir, "second", "1.0")


@asynccontextmanager
async def saying(database: Database, *machines: Me) -> AsyncIterator[None]:
    """Each has said how it is."""
    for one in machines:
        await Looking(database, one, tables_age, says=True).look()
    yield


async def problem_of(
    database: Database, me: Me, age: TablesAge | None = None, *, says: bool = True
) -> str | None:
    """What keeps it from taking photos."""
    looking = Looking(database, me, (lambda _: age) if age else tables_age, says=says)
    return (await looking.look()).problem


async def test_a_machine_with_the_same_tables_folder_and_keys_is_fit(
    database: Database, first: Me, second: Me
) -> None:
    async with saying(database, first):
        found = await Looking(database, second, tables_age, says=True).look()
    assert found.problem is None
    assert abs(found.clock_ahead or 9.0) < 2
    assert [one.row.number for one in found.others] == [1, 2]


async def test_each_thing_that_is_not_the_first_machines_is_told_apart(
    database: Database, first: Me, second: Me, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await problem_of(database, second) == "no_first"
    async with saying(database, first):
        assert await problem_of(database, second, "older") == "tables_older"
        assert await problem_of(database, second, "newer") == "tables_newer"
        MediaStore(tmp_path / "other").make_folders()
        elsewhere = Me(2, tmp_path / "other", second.secrets_dir, "second", "1.0")
        assert await problem_of(database, elsewhere) == "folder_other"
        nowhere = Me(2, tmp_path / "nowhere", second.secrets_dir, "second", "1.0")
        assert await problem_of(database, nowhere) == "folder_away"
        assert not (tmp_path / "nowhere").exists()
        shutil.copytree(first.secrets_dir, tmp_path / "keys")
        (tmp_path / "keys/provider-keys/gemini").write_text("another\n")
        with_others = Me(2, second.media_root, tmp_path / "keys", "second", "1.0")
        assert await problem_of(database, with_others) == "secrets"
        monkeypatch.setattr(watch, "utcnow", lambda: utcnow() + timedelta(seconds=31))
        assert await problem_of(database, second) == "clock"


async def test_a_database_that_is_away_is_told_apart_too(second: Me) -> None:
    away = Database(make_url("postgresql+asyncpg://x:y@127.0.0.1:1/photochanger"))
    assert await problem_of(away, second) == "database_away"
    await away.aclose()


async def test_two_machines_never_have_one_number(database: Database, first: Me, second: Me) -> None:
    other = Me(2, second.media_root, second.secrets_dir, "third", "1.0")
    async with saying(database, first, second):
        assert await problem_of(database, other) == "number_taken"
        assert await problem_of(database, second) is None


async def test_a_door_opens_when_its_machine_is_fit_and_closes_when_it_is_not(
    database: Database, first: Me, second: Me, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.02)
    door = NodeDoor(("127.0.0.1", free_port()))
    node = NodeWatch(database, second, tables_age, door)
    node.start()
    await until(lambda: node.state == "no_first")
    assert not door.is_wanted
    async with saying(database, first):
        await until(lambda: door.is_wanted)
        assert node.state == "ok"
        (second.secrets_dir / "encryption-keys").write_text("another\n")
        await until(lambda: not door.is_wanted)
        assert node.state == "secrets"
    await node.aclose()


async def test_a_machine_that_ends_by_itself_leaves_its_number_to_the_next(
    database: Database, first: Me, second: Me
) -> None:
    node = NodeWatch(database, second, tables_age, None)
    async with saying(database, first):
        node.start()
        await until(lambda: node.state == "ok")
        await node.aclose()
        anew = Me(2, second.media_root, second.secrets_dir, "second made anew", "1.0")
        assert await problem_of(database, anew) is None


async def pending(stack: Stack, node: int) -> uuid.UUID:
    """A job that a machine works at."""
    job = uuid.uuid4()
    async with stack.database() as db:
        await db.execute(
            "insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size, "
            "upload_sha256, deadline_seconds, node, created_at) values "
            "($1, 'slot-001', 'local', 'x', 'image/jpeg', 1, 'x', 48, $2, now() - interval '1 second')",
            job,
            node,
        )
    return job


async def status_of(stack: Stack, job: uuid.UUID) -> str:
    async with stack.database() as db:
        return str(await db.fetchval("select status from job_history where job_id = $1", job))


async def test_a_start_closes_the_jobs_of_its_own_machine_only(
    stack: Stack, database: Database, first: Me
) -> None:
    job = await pending(stack, 2)
    media = MediaStore(first.media_root)
    await Cleanup(database, media, 3).settle_interrupted(before=utcnow())
    assert await status_of(stack, job) == "pending"
    await Cleanup(database, media, 2).settle_interrupted(before=utcnow())
    assert await status_of(stack, job) == "failed"


def test_a_mark_that_could_not_be_written_leaves_nothing_behind(first: Me) -> None:
    """A full disk, which is tried again every two seconds."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_mark(first.media_root, 1, "a mark")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((first.media_root / MARKS).iterdir()) == []


@pytest.fixture
async def looking(database: Database, first: Me) -> AsyncIterator[LostNodes]:
    """What the first machine does beside its word: looks for those that give none."""
    watch = NodeWatch(database, first, tables_age, None)
    made = LostNodes(database, Cleanup(database, MediaStore(first.media_root)))
    watch.start()
    made.start()
    yield made
    await made.aclose()
    await watch.aclose()


async def is_closed(stack: Stack, job: uuid.UUID) -> bool:
    return await status_of(stack, job) == "failed"


@pytest.mark.usefixtures("looking")
async def test_the_jobs_of_a_machine_that_has_gone_without_a_word_are_closed(
    stack: Stack, database: Database, second: Me
) -> None:
    job = await pending(stack, 2)
    async with saying(database, second):
        await until(lambda: is_closed(stack, job), seconds=3 * SILENT_AFTER)
    ended_after = "select finished_at - seen_at from job_history, node where job_id = $1 and number = 2"
    async with stack.database() as db:
        assert await db.fetchval(ended_after, job) >= timedelta(seconds=SILENT_AFTER)


async def test_the_jobs_of_a_lost_machine_are_closed_once_the_database_takes_it(
    stack: Stack, database: Database, first: Me, second: Me, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is lost is noted before; and nobody is told of it twice."""
    monkeypatch.setattr(lost_nodes, "EVERY", 0.1)
    monkeypatch.setattr(lost_nodes, "SILENT_AFTER", 0.0)
    job = await pending(stack, 2)
    async with line_to_database(stack) as (line, url), saying(database, second):
        await Looking(database, first, tables_age, says=True).look()
        other = Database(url)
        looking = LostNodes(database, Cleanup(other, MediaStore(first.media_root)))
        async with stack.database() as db:
            await db.execute("update node set seen_at = now() - interval '1 min' where number = 2")
            line.cut()
            looking.start()
            await until(lambda: line.refused)
            assert await db.fetchval("select ended from node where number = 2")
        line.mend()
        await until(lambda: is_closed(stack, job))
        await looking.aclose()
        await other.aclose()


@pytest.mark.usefixtures("looking")
async def test_after_the_database_hung_every_machine_has_time_to_say_something(
    stack: Stack, database: Database, second: Me
) -> None:
    third = Me(3, second.media_root, second.secrets_dir, "third", "1.0")
    gone, job = await pending(stack, 3), await pending(stack, 2)
    node = NodeWatch(database, second, tables_age, None)
    node.start()
    async with saying(database, third):
        await until(lambda: is_closed(stack, gone), seconds=3 * SILENT_AFTER)  # so lost ones are found
    await node.stop()
    with held_still(stack):
        await asyncio.sleep(SILENT_AFTER + 1)  # so long it hangs
    since = time.monotonic()
    await until(lambda: is_closed(stack, job), seconds=3 * SILENT_AFTER)
    assert time.monotonic() - since >= SILENT_AFTER


async def test_the_doctor_of_a_further_machine_looks_at_what_is_its_own(
    stack: Stack, database: Database
) -> None:
    keys = stack.data / "secrets"
    a_node = {"node": 2, "node_listen": "127.0.0.1:1", "listen": f"unix:{stack.socket_of(1)}"}
    assert line(await outside(stack, **a_node), "node.no_first")["state"] == "bad"
    async with saying(database, Me(1, stack.media, keys, "first", "1.0")):
        found = await outside(stack, **a_node)
    assert line(found, "node.well")["state"] == "ok"
    assert line(found, "node.version")["parameters"]["first"] == "1.0"
    assert {one["group"] for one in found["checks"]} == {"machine", "providers"}


async def test_the_doctor_of_the_first_machine_tells_of_the_others(
    stack: Stack, database: Database, second: Me
) -> None:
    listen = f"unix:{stack.socket_of(1)}"
    with_nodes = {"listen": listen, "nodes": ("127.0.0.1:1",)}
    assert line(await outside(stack, **with_nodes), "node.none")["state"] == "warning"
    on_the_first = Me(1, stack.media, stack.data / "secrets", "first", "1.0")
    sharing = Me(2, stack.media, stack.data / "secrets", "second", "1.0")
    async with saying(database, on_the_first, second):
        assert "2" in line(await outside(stack, **with_nodes), "node.folder_other")["said"]
    async with saying(database, sharing):
        found = await outside(stack, **with_nodes)
    assert line(found, "node.well")["state"] == "ok"
    assert line(found, "node.no_answer")["parameters"] == {"address": "127.0.0.1:1"}
    assert lines(await outside(stack, listen=listen), "node.well") == []
