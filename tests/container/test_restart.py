"""Two processes of the app in its container."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.container.stack import ContainerStack
from tests.support.booth import Booth
from tests.support.photos import portrait_jpeg

BOOTHS = 3


@pytest.fixture(scope="module")
def two(box: ContainerStack) -> Iterator[ContainerStack]:
    """The stack with two processes; it has one again afterwards."""
    box.set(APP_PROCESSES="2")
    box.compose("up", "--detach", "--wait")
    yield box
    box.set(APP_PROCESSES="")
    box.compose("up", "--detach", "--wait")


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
    pids = app_pids(two)
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        assert [two.get("/readyz").status_code for _ in range(5)] == [200] * 5
        until_both_are_there(two)
    assert set(app_pids(two)).isdisjoint(pids)


def test_nobody_is_refused_while_one_after_the_other_starts_anew(two: ContainerStack) -> None:
    before, over, shot = app_pids(two), threading.Event(), two.shot(portrait_jpeg())
    with ThreadPoolExecutor(BOOTHS) as pool:
        posting = [pool.submit(Booth(two.port, shot).post_until, over, 3) for _ in range(BOOTHS)]
        try:
            said = two.script("restart").stdout
        finally:
            over.set()
        albums = [one.result() for one in posting]
    assert "Process 2 of 2 restarted" in said
    assert set(app_pids(two)).isdisjoint(before)
    assert [photo for album in albums for photo in album.lost] == []
