"""Two machines of one site: photos go to both, and each goes on without the other's help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.core.node_secret import FRONT_DOOR_HEADER
from tests.bare.appliance_run import eventually
from tests.container.conftest import MINE
from tests.container.node import Node, added, laid_out_first, made_cable, remove_cable
from tests.container.stack import ContainerStack, run
from tests.support.booth import Booth
from tests.support.photos import portrait_jpeg

BOOTHS = 2
PAUSE = 1.0  # seconds between two photos of a booth: the machine has to start containers as well


@pytest.fixture(scope="module")
def first(lay_out: Callable[[str], ContainerStack]) -> Iterator[tuple[ContainerStack, str, str]]:
    """The first machine, the cable and the other one's address."""
    stack, cable = lay_out("first"), f"{MINE}-cable"
    address = made_cable(cable)
    laid_out_first(stack, cable, address)
    stack.install()
    yield stack, cable, address
    stack.destroy()
    remove_cable(cable)


@pytest.fixture(scope="module")
def machines(
    first: tuple[ContainerStack, str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ContainerStack, Node]]:
    """Both, at work."""
    stack, cable, address = first
    node = added(stack, cable, address, tmp_path_factory.mktemp("node"))
    node.compose("up", "--detach", "--wait")
    yield stack, node
    node.destroy()


def posted(stack: ContainerStack, over: Callable[[], Any]) -> list[int]:
    """Booths post until ``over`` has returned; the statuses that were no picture."""
    stop, shot = threading.Event(), stack.shot(portrait_jpeg())
    with ThreadPoolExecutor(BOOTHS) as pool:
        posting = [pool.submit(Booth(stack.port, shot).post_until, stop, 3, PAUSE) for _ in range(BOOTHS)]
        try:
            over()
        finally:
            stop.set()
        return [photo.status for one in posting for photo in one.result().lost]


def in_hand(stack: ContainerStack, node: int) -> int:
    return int(stack.sql(f"select count(*) from job_history where status = 'pending' and node = {node}"))


def done_by(stack: ContainerStack, node: int) -> int:
    return int(stack.sql(f"select count(*) from job_history where status = 'done' and node = {node}"))


def until_both_make_pictures(stack: ContainerStack) -> list[int]:
    """What was lost meanwhile."""
    before = {number: done_by(stack, number) for number in (1, 2)}
    return posted(
        stack, lambda: eventually(lambda: all(done_by(stack, one) > before[one] for one in before), 90)
    )


def test_photos_go_to_both_machines_and_the_doctor_of_each_is_content(
    machines: tuple[ContainerStack, Node],
) -> None:
    stack, node = machines
    assert until_both_make_pictures(stack) == []
    assert "Machine 2 is fine" in stack.script("doctor").stdout
    (line,) = [one for one in node.doctor() if one["code"].startswith("node.")]
    assert (line["code"], line["state"]) == ("node.well", "ok")


def picture_of(stack: ContainerStack, node: int) -> str:
    """The link of a picture that this machine made."""
    if not done_by(stack, node):
        until_both_make_pictures(stack)
    shown = f"status = 'done' and hidden_at is null and node = {node}"
    return "/public/results/" + stack.sql(f"select job_id from job_history where {shown} limit 1")


@pytest.mark.parametrize("made_by", [1, 2])
def test_a_picture_of_either_is_shown_by_both_and_hidden_from_both_within_a_second(
    machines: tuple[ContainerStack, Node], made_by: int
) -> None:
    stack, node = machines
    link = picture_of(stack, made_by)
    assert stack.get(link).content.endswith(b"\xff\xd9")
    words = {"username": "serg", "password": stack.account_password("serg")}
    with httpx.Client(base_url=stack.url, timeout=10, trust_env=False) as staff, node.as_nginx() as there:
        token = staff.post("/api/login", json=words).json()["access_token"]
        assert there.get(link).headers["x-accel-redirect"].startswith("/_media/results/")
        hide = f"/api/jobs/{link.rpartition('/')[2]}/hide"
        assert staff.post(hide, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        hidden, shown = time.monotonic(), 0.0
        while there.get(link).status_code == 200:
            shown = time.monotonic()
    assert shown - hidden < 1
    assert stack.get(link).status_code in (404, 410)


def test_a_node_answers_nobody_but_the_first_machines_nginx(machines: tuple[ContainerStack, Node]) -> None:
    _, node = machines
    for said in ({}, {"X-Forwarded-For": "127.0.0.1"}, {FRONT_DOOR_HEADER: "guessed"}):
        with node.client(**said) as stranger:
            assert [stranger.get(path).status_code for path in ("/", "/siblings", "/healthz")] == [403] * 3


def test_a_node_that_is_started_anew_under_load_loses_no_photo(
    machines: tuple[ContainerStack, Node],
) -> None:
    stack, node = machines

    def restart() -> None:
        node.compose("restart", "app")
        before = done_by(stack, 2)
        eventually(lambda: done_by(stack, 2) > before, 90)

    assert posted(stack, restart) == []


def test_a_node_with_other_keys_takes_no_photos_and_says_why(machines: tuple[ContainerStack, Node]) -> None:
    stack, node = machines
    keys = Path(node.folder / "secrets" / "guest-links-key")
    before = keys.read_bytes()
    lost: list[int] = []

    def change() -> None:
        keys.write_bytes(b"another one\n")
        eventually(lambda: stack.sql("select problem from node where number = 2") == "secrets", 20)
        assert "node.secrets" in [one["code"] for one in node.doctor()]
        with pytest.raises(httpx.ConnectError), node.as_nginx() as there:
            there.get("/healthz")
        keys.write_bytes(before)
        eventually(lambda: stack.sql("select problem from node where number = 2") == "", 20)

    lost += posted(stack, change)
    assert lost == []


def test_a_node_that_is_killed_takes_no_photo_of_the_first_machine_with_it(
    machines: tuple[ContainerStack, Node],
) -> None:
    stack, node = machines
    in_its_hands: list[int] = []

    def kill() -> None:
        eventually(lambda: in_hand(stack, 2) > 0, 30)
        run("docker", "kill", node.container())
        in_its_hands.append(in_hand(stack, 2))
        eventually(lambda: stack.sql("select ended from node where number = 2") == "t", 30)
        eventually(lambda: in_hand(stack, 2) == 0, 10)

    lost = posted(stack, kill)
    assert len(lost) <= in_its_hands[0] + 1  # one may have been on its way to it
    assert stack.sql("select count(*) from job_history where status <> 'done' and node = 1") == "0"
    assert "Machine 2 was last heard from" in stack.script("doctor").stdout
