"""The door of a node: who is let in, and that nobody who got in is lost when it closes."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from appliance.core import siblings, unix_sockets
from appliance.core.deaf_sockets import hear_nobody_new
from appliance.core.node_door import FrontDoorOnly, NodeDoor
from appliance.core.node_secret import FRONT_DOOR_HEADER, SIBLING_HEADER, NodeSecret
from appliance.core.serving import serve
from appliance.core.siblings import Siblings, socket_beside
from tests.bare.appliance_run import eventually
from tests.support.stack import free_port


def run_node(folder: Path, port: int) -> None:
    """A node's process with an application of a few lines."""
    listen = f"unix:{folder}/app.sock"
    door, told = NodeDoor(("127.0.0.1", port)), Siblings(listen, several=True)

    async def answer(facts: dict[str, Any]) -> Any:
        return {"heard": facts["x"]}

    told.on("who", answer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await told.open()
        yield
        await told.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/door/{wanted}")
    async def turn(wanted: bool) -> None:
        if wanted:
            await door.open()
        else:
            await door.close()

    @app.api_route("/photo", methods=["GET", "POST"])
    async def photo(request: Request) -> dict[str, Any]:
        body = await request.body()
        await asyncio.sleep(0.01)
        address = request.client.host if request.client else None
        return {"bytes": len(body), "client": address, "headers": dict(request.headers)}

    at_door = FrontDoorOnly(app, door, NodeSecret.of(folder), socket_beside(listen, 1))
    serve(
        app,
        asyncio.Event(),
        {"uds": f"{folder}/app.sock"},
        ["*"],
        others=True,
        door=door,
        at_door=at_door,
    )


class Running:
    """The process, and how to turn its door."""

    def __init__(self, folder: Path) -> None:
        self.port, self.secret = free_port(), NodeSecret.of(folder)
        self._inside = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(folder / "app.sock")), base_url="http://node"
        )
        self.process: BaseProcess = multiprocessing.get_context("spawn").Process(
            target=run_node, args=(folder, self.port)
        )
        self.process.start()
        eventually(lambda: unix_sockets.is_open(folder / "app.sock"))
        self.turn(wanted=True)

    def turn(self, *, wanted: bool) -> None:
        self._inside.post(f"/door/{wanted}").raise_for_status()

    def end(self) -> None:
        self._inside.close()
        self.process.terminate()
        self.process.join(20)
        assert self.process.exitcode == -signal.SIGTERM  # Uvicorn ends by what it was told with

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("node"))
    yield made
    made.end()


def test_only_who_says_the_word_is_let_in_and_may_name_the_client(node: Running) -> None:
    word, named = node.secret.front_door, {"X-Forwarded-For": "192.0.2.7"}
    for said in ({}, named, {FRONT_DOOR_HEADER: node.secret.sibling}, {FRONT_DOOR_HEADER: word[:-1] + "ü"}):
        with node.client(**named) as stranger:
            raw = {name: value.encode() for name, value in said.items()}
            assert stranger.get("/photo", headers=raw).status_code == 403  # type: ignore[arg-type]
    with node.client(**{FRONT_DOOR_HEADER: word, **named}) as nginx:
        seen = nginx.get("/photo").json()
    assert seen["client"] == "192.0.2.7"
    assert FRONT_DOOR_HEADER.lower() not in seen["headers"]


async def test_the_first_machine_asks_a_node_over_its_door(node: Running) -> None:
    first = Siblings(nodes=[f"127.0.0.1:{node.port}", "127.0.0.1:1"], secret=node.secret)
    assert await first.ask("who", x="ü" * 1000) == [{"heard": "ü" * 1000}]
    assert await first.ask("what nobody knows") == []


def test_the_word_of_nginx_asks_nothing_of_a_process(node: Running) -> None:
    """Nginx says it with every request, a stranger's too."""
    for header in (FRONT_DOOR_HEADER, SIBLING_HEADER):
        with node.client(**{header: node.secret.front_door}) as stranger:
            asked = stranger.post(siblings.SIBLINGS_PATH, content=json.dumps(["who", {"x": 1}]))
        assert asked.status_code in (403, 404)


def test_behind_a_closed_door_nobody_is_heard_and_kept_connections_end(node: Running) -> None:
    with node.client(**{FRONT_DOOR_HEADER: node.secret.front_door}) as kept, node.client() as late:
        assert "connection" not in kept.get("/photo").headers
        node.turn(wanted=False)
        assert kept.get("/photo").headers["connection"] == "close"
        with pytest.raises(httpx.ConnectError):
            late.get("/photo")
        node.turn(wanted=True)
        assert kept.get("/photo").status_code == 200


async def test_a_door_that_has_ended_is_opened_by_nobody() -> None:
    door = NodeDoor(("127.0.0.1", free_port()))
    await door.open()
    await door.end()
    await door.open()
    assert not door.is_wanted


def test_a_deaf_socket_keeps_who_has_reached_it_and_hears_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = listening.getsockname()
        with socket.create_connection(place) as before:
            hear_nobody_new(listening)
            with pytest.raises(TimeoutError):
                socket.create_connection(place, timeout=0.2)
            let_in, _ = listening.accept()
            with let_in:
                before.sendall(b"a photo")
                assert let_in.recv(100) == b"a photo"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place, timeout=5)


def test_whoever_was_let_in_is_answered_however_often_the_door_closes(node: Running) -> None:
    over, lost, answered = threading.Event(), list[str](), [0]

    def post() -> None:
        while not over.is_set():
            line = http.client.HTTPConnection("127.0.0.1", node.port, timeout=0.05)
            try:
                line.connect()
            except (ConnectionRefusedError, TimeoutError):
                continue
            line.sock.settimeout(10)
            try:
                line.request("POST", "/photo", b"x" * 50_000, {FRONT_DOOR_HEADER: node.secret.front_door})
                assert json.load(line.getresponse())["bytes"] == 50_000
                answered[0] += 1
            except (OSError, http.client.HTTPException) as error:
                lost.append(repr(error))
            finally:
                line.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for one in threads:
        one.start()
    for _ in range(8):
        node.turn(wanted=False)
        node.turn(wanted=True)
        before = answered[0]
        eventually(lambda before=before: answered[0] > before)  # type: ignore[misc]
    over.set()
    for one in threads:
        one.join()
    assert lost == []
