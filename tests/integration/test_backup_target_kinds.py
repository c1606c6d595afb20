"""Every kind of target on a real server: what is put there is whole, and what is wrong is told in words."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import obstore
import pytest

from appliance.backups.names import DIGEST, MARKER
from appliance.backups.target import TargetConfig
from appliance.lifecycle.backup.targets.base import TargetFile, TargetProblem, Upload, small
from appliance.lifecycle.backup.targets.opening import opened
from appliance.lifecycle.backup.targets.trying import require_ours, try_out, whole
from appliance.settings.environment import Settings
from tests.support import backup_targets as servers
from tests.support.stack import CHECKOUT, free_port

NAME = "photochanger-20260101T040000Z.tar.age"
KINDS = ["folder", "sftp", "openssh", "s3"]


@dataclass
class TargetCase:
    """A target of a test's own: how it is entered, and its files as somebody else sees them."""

    address: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    store: Any = None

    def config(self, **changes: Any) -> TargetConfig:
        return TargetConfig.model_validate({"address": self.address, "secrets": self.secrets, **changes})

    async def content(self, name: str) -> bytes:
        if self.folder:
            return (self.folder / name).read_bytes()
        return bytes(await (await obstore.get_async(self.store, name)).bytes_async())

    async def lay(self, name: str, content: bytes) -> None:
        if self.folder:
            (self.folder / name).write_bytes(content)
        else:
            await obstore.put_async(self.store, name, content)

    async def names(self) -> set[str]:
        if self.folder:
            return {path.name for path in self.folder.iterdir()}
        found = await obstore.list_with_delimiter_async(self.store)
        return {Path(one["path"]).name for one in found["objects"]} - {""}  # the folder itself


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.seaweed(tmp_path_factory.mktemp("seaweed")) as address:
        yield address


@pytest.fixture
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TargetCase]:
    folder = tmp_path / "shelf"
    if request.param == "s3":
        service: str = request.getfixturevalue("seaweed")
        prefix = f"of-{tmp_path.name}"[:60]
        yield s3_place(service, prefix)
    elif request.param == "folder":
        folder.mkdir()
        yield TargetCase({"kind": "folder", "path": str(folder)}, folder=folder)
    elif request.param == "openssh" and not servers.HAS_SSHD:
        pytest.skip("no sshd is installed")
    else:
        server = servers.asyncssh_server if request.param == "sftp" else servers.openssh_server
        async with server(folder) as shelf:
            yield TargetCase(shelf.address(), shelf.secrets, folder=folder)


def s3_place(service: str, prefix: str) -> TargetCase:
    address = {"kind": "s3", "endpoint": service, "bucket": servers.BUCKET, "prefix": prefix}
    secrets = {"access_key": servers.ACCESS, "secret_key": servers.SECRET}
    return TargetCase(address, secrets, store=servers.store(service, prefix))


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """What the appliance has of its own."""
    for name in ("media", "secrets", "backups"):
        (tmp_path / "own" / name).mkdir(parents=True)
    return Settings(
        database_url="postgresql://nobody@localhost/none",
        media_root=tmp_path / "own/media",
        secrets_dir=tmp_path / "own/secrets",
        backup_dir=tmp_path / "own/backups",
        config_file=CHECKOUT / "config/appliance.toml",
    )


every_kind = pytest.mark.parametrize("place", KINDS, indirect=True)
over_sftp = pytest.mark.parametrize("place", ["sftp", "openssh"], indirect=True)


@every_kind
async def test_a_target_that_works_says_so_and_is_marked(place: TargetCase, here: Settings) -> None:
    only_tried = await try_out(here, place.config(), mark=False)
    assert (only_tried.ok, only_tried.marker) == (True, None)
    assert await place.names() - {"ready"} == set()
    tried = await try_out(here, place.config())
    assert (tried.ok, tried.reason, tried.of_another, tried.backups) == (True, None, False, 0)
    assert await place.names() - {"ready"} == {MARKER}, "the trial is removed again"
    again = await try_out(here, place.config(host_key=tried.host_key, marker=tried.marker))
    assert (again.ok, again.marker, again.of_another) == (True, tried.marker, False)
    if place.address["kind"] == "sftp":
        assert tried.fingerprint
        assert tried.fingerprint.startswith("SHA256:")


@every_kind
async def test_what_is_put_there_is_there_byte_for_byte_and_comes_back(
    place: TargetCase, here: Settings
) -> None:
    tried = await try_out(here, place.config())
    content = random.Random(16).randbytes(11_000_000)
    async with opened(place.config(host_key=tried.host_key)) as target:
        await target.put(NAME, Upload.of_bytes(content))
        assert await place.content(NAME) == content
        assert b"".join([block async for block in target.read(NAME)]) == content
        assert TargetFile(NAME, len(content)) in await target.files()
        assert await whole(target) == [], "without its digest it does not count"
        await target.put(NAME + DIGEST, Upload.of_bytes(b"digest"))
        assert await whole(target) == [NAME]
        await target.put(NAME, Upload.of_bytes(b"another"))
        assert await place.content(NAME) == b"another"
        for _ in range(2):
            await target.remove(NAME)
        assert NAME not in await place.names()
        assert await small(target, NAME) is None


@every_kind
async def test_what_is_not_whole_when_it_is_read_back_is_not_there(place: TargetCase, here: Settings) -> None:
    tried = await try_out(here, place.config())
    upload = Upload.of_bytes(b"a backup")
    other = Upload(upload.open, upload.size, hashlib.sha256(b"another").hexdigest())
    async with opened(place.config(host_key=tried.host_key)) as target:
        with pytest.raises(TargetProblem) as caught:
            await target.put(NAME, other)
    assert caught.value.reason == "damaged"
    assert await place.names() - {"ready"} == {MARKER}


@every_kind
async def test_a_target_of_another_machine_is_read_and_taken_over_only_on_request(
    place: TargetCase, here: Settings
) -> None:
    theirs = await try_out(here, place.config())
    ours = await try_out(here, place.config())
    assert (ours.ok, ours.of_another, ours.marker) == (True, True, theirs.marker)
    taken = await try_out(here, place.config(host_key=ours.host_key), take_over=True)
    assert taken.marker != theirs.marker
    async with opened(place.config(host_key=ours.host_key)) as target:
        await require_ours(target, taken.marker or "")
        with pytest.raises(TargetProblem) as caught:
            await require_ours(target, theirs.marker or "")
        assert caught.value.reason == "others"
        await target.remove(MARKER)
        with pytest.raises(TargetProblem) as caught:
            await require_ours(target, taken.marker or "")
        assert caught.value.reason == "not_mounted"


@pytest.mark.parametrize("place", ["folder", "sftp", "openssh"], indirect=True)
async def test_a_folder_that_is_not_there_is_told_and_not_made(place: TargetCase, here: Settings) -> None:
    assert place.folder
    place.folder.rmdir()
    tried = await try_out(here, place.config())
    assert (tried.ok, tried.reason) == (False, "missing")
    assert not place.folder.exists()


async def test_a_bucket_that_is_not_there_is_told_and_not_made(seaweed: str, here: Settings) -> None:
    place = s3_place(seaweed, "any")
    place.address["bucket"] = "nowhere"
    tried = await try_out(here, place.config())
    assert (tried.ok, tried.reason) == (False, "missing")
    assert "NoSuchBucket" in tried.detail or "404" in tried.detail


async def test_a_wrong_key_of_a_bucket_is_told(seaweed: str, here: Settings) -> None:
    place = s3_place(seaweed, "any")
    place.secrets["secret_key"] = "wrong-7193"
    tried = await try_out(here, place.config())
    assert (tried.ok, tried.reason) == (False, "refused")
    assert "wrong-7193" not in tried.model_dump_json()


async def test_a_wrong_password_is_told(tmp_path: Path, here: Settings) -> None:
    async with servers.asyncssh_server(tmp_path / "shelf") as shelf:
        place = TargetCase(shelf.address(), {"password": "wrong"})
        tried = await try_out(here, place.config())
    assert (tried.ok, tried.reason) == (False, "refused")


@over_sftp
async def test_a_host_key_is_pinned_at_the_first_try_and_another_one_is_refused(
    place: TargetCase, here: Settings, tmp_path: Path
) -> None:
    first = await try_out(here, place.config())
    assert first.host_key
    kept = asyncssh.import_public_key(first.host_key)
    assert first.fingerprint == kept.get_fingerprint()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    second = await try_out(here, place.config(host_key=other))
    assert (second.ok, second.reason) == (False, "host_key")


@pytest.mark.parametrize(
    "address",
    [
        {"kind": "sftp", "host": "127.0.0.1", "port": 0, "user": "a", "path": "b"},
        {"kind": "s3", "endpoint": "http://127.0.0.1:0", "bucket": "abc"},
    ],
)
async def test_a_target_that_is_away_is_told_within_a_minute(address: dict[str, Any], here: Settings) -> None:
    port = free_port()
    address = (
        {**address, "port": port}
        if "port" in address
        else {**address, "endpoint": f"http://127.0.0.1:{port}"}
    )
    secrets = {"password": "a"} if address["kind"] == "sftp" else {"access_key": "a", "secret_key": "b"}
    async with asyncio.timeout(60):
        tried = await try_out(here, TargetCase(address, secrets).config())
    assert (tried.ok, tried.reason) == (False, "unreachable")


@pytest.mark.parametrize("inside", ["media", "secrets", "backups", "media/results", "."])
async def test_the_appliances_own_folders_are_no_target(here: Settings, inside: str) -> None:
    folder = here.media_root.parent / inside
    folder.mkdir(exist_ok=True)
    tried = await try_out(here, TargetCase({"kind": "folder", "path": str(folder)}).config())
    assert (tried.ok, tried.reason) == (False, "forbidden")


async def test_a_folder_on_the_same_disk_is_told_apart_from_one_on_another(
    here: Settings, tmp_path: Path
) -> None:
    (tmp_path / "near").mkdir()
    near = await try_out(here, TargetCase({"kind": "folder", "path": str(tmp_path / "near")}).config())
    assert near.same_disk


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
async def test_a_disk_that_is_unplugged_is_an_error_and_nothing_lands_below_it(
    here: Settings, tmp_path: Path
) -> None:
    mount = tmp_path / "stick"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)]
    if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: ASYNC221
        pytest.skip("nothing may be mounted here")
    place = TargetCase({"kind": "folder", "path": str(mount)})
    try:
        tried = await try_out(here, place.config())
        assert (tried.ok, tried.same_disk) == (True, False)
        async with opened(place.config()) as target:
            with pytest.raises(TargetProblem) as caught:
                await target.put(NAME, Upload.of_bytes(bytes(3_000_000)))
            assert caught.value.reason == "full"
            assert {one.name for one in await target.files()} == {MARKER}
    finally:
        subprocess.run(["umount", str(mount)], check=True)  # noqa: ASYNC221
    async with opened(place.config()) as target:
        with pytest.raises(TargetProblem) as caught:
            await require_ours(target, tried.marker or "")
    assert caught.value.reason == "not_mounted"
    assert list(mount.iterdir()) == []
