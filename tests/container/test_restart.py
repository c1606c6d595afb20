"""Two processes of the app in its container: started anew, and exchanged for another version's."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.container.stack import ContainerStack, run
from tests.support.booth import Album, Booth
from tests.support.photos import portrait_jpeg
from tests.support.stack import CHECKOUT

BOOTHS = 2
PAUSE = 1.0  # seconds between two photos of a booth: the machine has to start containers as well
HEAD = max(path.name[:4] for path in (CHECKOUT / "appliance/migrations/versions").glob("[0-9]*.py"))
_ADDS_A_TABLE = f"""\
revision, down_revision, branch_labels, depends_on = "9999", "{HEAD}", None, None
def upgrade():
    import sqlalchemy as sa
    from alembic import op
    op.create_table("of_the_next_version", sa.Column("id", sa.Integer(), primary_key=True))
def downgrade():
    pass
"""
_BROKEN = (
    "RUN rm -rf /app/appliance/__pycache__"
    " && echo 'def open_services(*_): raise RuntimeError(2)' >> /app/appliance/services.py"
)


@pytest.fixture(scope="module")
def two(box: ContainerStack) -> Iterator[ContainerStack]:
    """The stack with two processes; it has one again afterwards, of the version that it had."""
    box.set(APP_PROCESSES="2")
    box.compose("up", "--detach", "--wait")
    yield box
    box.set(APP_PROCESSES="", APPLIANCE_VERSION="1.0")
    box.compose("up", "--detach", "--wait")
    box.sql(f"drop table if exists of_the_next_version; update alembic_version set version_num = '{HEAD}'")


@pytest.fixture(scope="module")
def versions(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """On the machine are 1.1, which has a table more, and 1.2, which does not start."""
    folder = tmp_path_factory.mktemp("versions")
    (folder / "next.py").write_text(_ADDS_A_TABLE)
    adding = "COPY --chmod=0644 next.py /app/appliance/migrations/versions/9999_next.py"
    for version, steps in (("1.1", [adding]), ("1.2", [adding, _BROKEN])):
        last = (f"ENV APPLIANCE_VERSION={version}", "USER 10001:10001")
        (folder / "Dockerfile").write_text("\n".join((f"FROM {image}:1.0", "USER root", *steps, *last)))
        run("docker", "build", "-q", "-t", f"{image}:{version}", str(folder))
    yield
    run("docker", "rmi", "--force", f"{image}:1.1", f"{image}:1.2")


@contextmanager
def booths(stack: ContainerStack) -> Iterator[list[Album]]:
    """Post during the block; the albums are whole after it."""
    albums: list[Album] = []
    over, shot = threading.Event(), stack.shot(portrait_jpeg())
    with ThreadPoolExecutor(BOOTHS) as pool:
        posting = [pool.submit(Booth(stack.port, shot).post_until, over, 3, PAUSE) for _ in range(BOOTHS)]
        try:
            yield albums
        finally:
            over.set()
        albums += [one.result() for one in posting]


def lost(albums: list[Album]) -> list[object]:
    return [photo for album in albums for photo in album.lost]


def version(stack: ContainerStack) -> str:
    """Of the app's only container, which comes back by itself."""
    (container,) = stack.compose("ps", "--all", "--quiet", "app").split()
    form = "{{.Config.Image}} {{.HostConfig.RestartPolicy.Name}}"
    name, policy = run("docker", "inspect", "--format", form, container).split()
    assert policy == "always"
    return name.rpartition(":")[2]


def app_pids(box: ContainerStack) -> list[int]:
    """Of both processes, as this machine numbers them."""
    supervisord = box.pid("app")
    children = Path(f"/proc/{supervisord}/task/{supervisord}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
    ]


def until_both_are_there(box: ContainerStack) -> None:
    """Each answers for itself."""
    probe = ("/opt/venv/bin/python", "-I", "-S", "/app/appliance/lifecycle/stack/probe.py", "app")
    end = time.monotonic() + 60
    while subprocess.run(["docker", "exec", box.container("app"), *probe], check=False).returncode:
        assert time.monotonic() < end, box.logs()
        time.sleep(0.2)


def test_one_process_serves_while_the_other_is_away(two: ContainerStack) -> None:
    first, second = app_pids(two)
    os.kill(second, signal.SIGKILL)
    assert [two.get("/readyz").status_code for _ in range(5)] == [200] * 5
    until_both_are_there(two)
    assert first in app_pids(two)
    assert second not in app_pids(two)


def test_nobody_is_refused_while_one_after_the_other_starts_anew(two: ContainerStack) -> None:
    before = app_pids(two)
    with booths(two) as albums:
        said = two.script("restart").stdout
    assert "Process 2 of 2 restarted" in said
    assert set(app_pids(two)).isdisjoint(before)
    assert lost(albums) == []


@pytest.mark.usefixtures("versions")
def test_nobody_is_refused_while_another_version_comes_in(two: ContainerStack) -> None:
    nginx = two.container("nginx")
    with booths(two) as albums:
        said = two.script("upgrade", "1.1", "--no-backup").stdout
    assert "1.1 is running; the door was not closed" in said
    assert lost(albums) == []
    assert (version(two), two.container("nginx"), len(app_pids(two))) == ("1.1", nginx, 2)
    assert two.sql("select to_regclass('of_the_next_version') is not null") == "t"


@pytest.mark.usefixtures("versions")
def test_nobody_is_refused_while_a_version_that_does_not_start_is_taken_back(two: ContainerStack) -> None:
    before, running = version(two), two.container("app")
    with booths(two) as albums:
        done = two.script("upgrade", "1.2", "--no-backup", check=False)
    assert done.returncode == 1
    assert "The upgrade to 1.2 failed: it did not start" in done.stdout
    assert "RuntimeError: 2" in done.stdout
    assert f"{before} keeps running; nobody was refused" in done.stderr
    assert lost(albums) == []
    assert (version(two), two.container("app"), len(app_pids(two))) == (before, running, 2)
