"""Two machines whose folder of pictures is a bucket of an object storage, mounted by its own program."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import obstore
import pytest

from appliance.media.store import MediaStore
from appliance.nodes.common import read_mark, write_mark
from tests.support.backup_targets import BUCKET, may_mount, mounted, seaweed_with_filer, store
from tests.support.photos import portrait_jpeg
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not may_mount(), reason="only root may mount, and only with FUSE")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, MediaStore, MediaStore]]:
    """The storage's address, and the folder as each machine has it."""
    folder = tmp_path_factory.mktemp("storage")
    (folder / "server").mkdir()
    with ExitStack() as stack:
        address, filer = stack.enter_context(seaweed_with_filer(folder / "server"))
        machines = []
        for name in ("first", "second"):
            root = stack.enter_context(mounted(filer, BUCKET, folder / name))
            machines.append(MediaStore(root, folder / f"{name}-temp"))
            machines[-1].make_folders()
        yield address, machines[0], machines[1]


async def test_a_picture_that_one_machine_stores_is_whole_on_the_other_and_in_the_bucket(
    storage: tuple[str, MediaStore, MediaStore],
) -> None:
    address, *machines = storage
    for writing, reading in (machines, machines[::-1]):
        key, picture = f"results/{uuid.uuid4()}.jpg", portrait_jpeg()
        assert reading.is_missing(key)  # it has asked before, and must not remember that
        await writing.put(key, picture)
        await until(lambda key=key, on=reading: not on.is_missing(key))
        assert await reading.read(key) == picture
        assert bytes(obstore.get(store(address), key).bytes()) == picture
        writing.remove(key)
        await until(lambda key=key, on=reading: on.is_missing(key))


async def test_an_upload_is_kept_out_of_a_folder_of_the_machines_own(
    storage: tuple[str, MediaStore, MediaStore],
) -> None:
    _, first, second = storage
    folder = first.make_temp("slot-001", job := uuid.uuid4())
    (folder / "photo").write_bytes(portrait_jpeg())
    key = await first.keep_source(job, folder / "photo", "image/jpeg")
    first.drop_temp("slot-001", job)
    await until(lambda: not second.is_missing(key))
    assert await second.read(key) == portrait_jpeg()


async def test_each_machine_finds_the_others_mark(storage: tuple[str, MediaStore, MediaStore]) -> None:
    _, first, second = storage
    for number, writing, reading in ((1, first, second), (2, second, first)):
        for mark in ("one", "another"):
            await asyncio.to_thread(write_mark, writing.root, number, mark)
            await until(lambda n=number, m=mark, on=reading: read_mark(on.root, n) == m)


async def test_storing_a_picture_takes_no_longer_than_a_guest_can_wait(
    storage: tuple[str, MediaStore, MediaStore],
) -> None:
    _, first, _ = storage
    picture, since = os.urandom(2_000_000), time.monotonic()
    for _ in range(10):
        await first.put(f"results/{uuid.uuid4()}.jpg", picture)
    assert time.monotonic() - since < 10
