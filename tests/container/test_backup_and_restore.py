"""Backups: made at night and kept for a while; put in on another machine, or in another way to run.

The machine with the small disk is theirs, so what happens when that runs full is tried here first.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.container.stack import ContainerStack, run
from tests.support.camera import Camera, Shot
from tests.support.installed import copied
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, clean_environment, running_stack

_FOLDER = "/var/lib/photochanger/backups"


def test_photos_are_refused_before_the_disk_is_full(small: ContainerStack) -> None:
    shot = small.shot(portrait_jpeg())
    before = int(small.sql("select count(*) from job_history"))
    assert small.send("/api/ingest/slot-001?reply=json", shot).status == 200
    ballast = "/var/lib/photochanger/media/templates/ballast"
    small.inside("app", "dd", "if=/dev/zero", f"of={ballast}", "bs=1M", "count=60")
    try:
        refused = small.send("/api/ingest/slot-001?reply=json", shot)
        assert (refused.status, refused.code) == (503, "storage_full")
        assert int(refused.headers["retry-after"]) > 0
        assert "MB free" in small.get("/readyz").json()["checks"]["disk"]
        said = small.compose("run", "--rm", "-T", "--no-deps", "app", "free-space", "--dry-run")
        assert "Would remove 0 results" in said
        assert int(small.sql("select count(*) from job_history")) == before + 1
    finally:
        small.inside("app", "rm", ballast)
    assert small.send("/api/ingest/slot-001?reply=json", shot).status == 200


_OTHERS = ("photochanger-20260101T040000Z-database.tar", "photochanger-support-20260101-040000.tar.gz")


@pytest.fixture(scope="module")
def backup(box: ContainerStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made into a folder that holds an older one and other things, to keep the newest."""
    folder = tmp_path_factory.mktemp("backups")
    for name in ("photochanger-20260101T040000Z.tar", *_OTHERS):
        (folder / name).touch()
    return Path(box.script("backup", "--to", str(folder), "--keep", "1").stdout.splitlines()[-1])


def test_a_folder_of_backups_keeps_the_newest_of_each_kind_and_whatever_else_is_there(backup: Path) -> None:
    assert {file.name for file in backup.parent.iterdir()} == {backup.name, *_OTHERS}


def test_a_damaged_backup_is_refused_while_guests_are_served_on(
    box: ContainerStack, backup: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(backup.read_bytes()[:-15_000])  # more than a tar pads with
    before = box.app_pid()
    refused = box.script("restore", str(damaged), check=False)
    assert refused.returncode == 1
    assert "Nothing was changed" in refused.stderr
    assert box.app_pid() == before


async def test_a_backup_goes_from_the_run_without_docker_into_the_stack_and_back(
    stack: Stack,
    camera: Camera,
    client: httpx.AsyncClient,
    shot: Shot,
    small: ContainerStack,
    installed: Path,
    tmp_path: Path,
) -> None:
    async def verb(bare: Stack, *arguments: str) -> None:
        command = (sys.executable, "-m", "appliance.bare.verb", "--data", str(bare.data), *arguments)
        await asyncio.to_thread(run, *command, cwd=tmp_path, **clean_environment())

    passphrase = tmp_path / "passphrase"
    passphrase.write_text("from one machine to the other\n")
    sealed = ("--passphrase-file", str(passphrase))
    job = (await camera.post("/api/ingest/slot-001?reply=json", shot)).json()
    picture = (stack.media / f"results/{job['job_id']}.jpg").read_bytes()
    await verb(stack, "backup", "--to", "there", *sealed)
    file = next((tmp_path / "there").glob("*.tar.age"))
    assert shot.password.encode() not in file.read_bytes()
    assert small.password() != shot.password
    await asyncio.to_thread(small.script, "restore", str(file), *sealed)
    servers = await stack.value("show server_version"), small.sql("show server_version")
    assert servers[0].split(".")[0] != servers[1].split(".")[0], servers
    again = small.get(job["public_url"])
    assert (again.status_code, again.content) == (200, picture)
    assert again.headers["etag"] == (await client.get(job["public_url"])).headers["etag"]
    # With the first one's password.
    there = (await small.camera.post("/api/ingest/slot-002?reply=json", shot)).json()

    back = tmp_path / "back"
    await asyncio.to_thread(small.script, "backup", "--to", str(back), *sealed)
    file = next(back.glob("*.tar.age"))
    with running_stack(copied(installed, tmp_path / "another")) as bare:
        await verb(bare, "restore", f"back/{file.name}", *sealed)
        found = await bare.value("select count(*) from job_history where status = 'done'")
        assert found == int(small.sql("select count(*) from job_history where status = 'done'"))
        results = bare.media / "results"
        assert (results / f"{job['job_id']}.jpg").read_bytes() == picture
        assert (results / f"{there['job_id']}.jpg").read_bytes() == small.get(there["public_url"]).content
        assert (await Camera(bare.port).post("/api/ingest/slot-003", shot)).status == 200


def test_the_sidecar_makes_encrypted_backups_and_keeps_as_many_as_it_is_told(box: ContainerStack) -> None:
    old = " ".join(f"photochanger-2020010{day}T040000Z.tar.sealed" for day in range(1, 9))
    made = (
        f"cd {_FOLDER} && rm -f photochanger-* && touch -d 2020-01-01 {old} && "
        'test -s "$PHOTOCHANGER_SECRETS_DIR/backup-passphrase"'  # since the first start
    )
    box.inside("app", "sh", "-c", made)
    sidecar = box.compose(
        "run", "--detach", "--no-deps",
        "--env", "SIDECAR_TURN_SECONDS=1", "--env", "PHOTOCHANGER_BACKUP_KEEP=3", "cleanup",
    ).strip()  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            kept = sorted(box.inside("app", "ls", _FOLDER).split())
            if len(kept) == 3 and not any(name.endswith(".partial") for name in kept):
                break
            assert time.monotonic() < until, (kept, run("docker", "logs", sidecar))
            time.sleep(0.5)
    finally:
        run("docker", "rm", "--force", sidecar)
    assert kept[:2] == old.split()[-2:]
    begins = box.inside("app", "head", "-n", "1", f"{_FOLDER}/{kept[2]}").strip()
    assert begins == "age-encryption.org/v1"
