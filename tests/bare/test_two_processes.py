"""Two equal processes of the app behind one Nginx: what goes on when one of them does not."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bare.appliance_run import eventually
from tests.support.booth import Album, Booth
from tests.support.camera import Shot
from tests.support.installed import copied
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, run_bare, running_stack

BOOTHS = 4


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory, installed: Path, note_errors: Callable[[Path], None]
) -> Iterator[Stack]:
    """An appliance whose app has two processes."""
    folder = copied(installed, tmp_path_factory.mktemp("two") / "data")
    with running_stack(folder, processes=2) as stack:
        yield stack
    note_errors(folder / "logs")


def status(stack: Stack) -> Any:
    return json.loads(run_bare(stack.data, "--status", "--json").stdout)


def pids(stack: Stack) -> dict[str, int]:
    """Of the app's processes."""
    return {name: one["pid"] for name, one in status(stack)["processes"].items() if name.startswith("app")}


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
    found = status(two)
    assert found["ready"]
    assert list(found["processes"]) == ["postgres", "nginx", "app", "app-2", "cleanup"]
    for process, name in ((1, "app"), (2, "app-2")):
        assert (two.data / f"logs/{name}.log").stat().st_size
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(two.socket_of(process)))) as client:
            assert client.get("http://app/readyz").status_code == 200


@pytest.mark.parametrize("name", ["app", "app-2"])
def test_the_other_one_serves_while_one_is_away(two: Stack, name: str) -> None:
    pid = pids(two)[name]
    os.kill(pid, signal.SIGKILL)
    with httpx.Client(base_url=two.url) as client:
        assert [client.get("/readyz").status_code for _ in range(20)] == [200] * 20
    eventually(lambda: pids(two)[name] not in (0, pid))
    eventually(lambda: bool(status(two)["ready"]))


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
    eventually(lambda: bool(status(two)["ready"]))


def test_nobody_is_refused_while_one_after_the_other_starts_anew(two: Stack) -> None:
    before = pids(two)
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
