"""A real Nginx with our template before a small real backend."""

import contextlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.bare import nginx
from appliance.core import processes
from appliance.lifecycle.stack.front_door import TEMPLATE, render
from tests.support.stack import free_port

Handler = http.server.BaseHTTPRequestHandler


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, object]:
        """The error, which must be in our form, whoever made it."""
        assert self.headers["Content-Type"] == "application/json", self.body
        found = json.loads(self.body)
        assert set(found) == {"error"}
        assert {"code", "message"} <= set(found["error"])
        return found["error"]


class Backend:
    """An HTTP/1.1 server whose answers a test writes: ``backend.on("/path", handle)``."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[Handler], None]] = {}
        outer = self

        class Request(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                outer.routes[self.path.split("?")[0]](self)

            do_GET = do_HEAD = do_POST = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Request)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def on(self, path: str, handle: Callable[[Handler], None]) -> None:
        self.routes[path] = handle

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def reply(request: Handler, status: int = 200, body: bytes = b"", **headers: str) -> None:
    """Answer; header names are written with underscores."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
    request.wfile.flush()


def read_body(request: Handler) -> bytes:
    return request.rfile.read(int(request.headers["Content-Length"]))


@dataclass
class FrontDoor:
    port: int
    media: Path
    logs: Path
    sockets: list[socket.socket] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def wire(self, data: bytes = b"") -> socket.socket:
        """A raw connection; closed with the door."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.sockets.append(raw)
        raw.sendall(data)
        return raw


def answer_on(raw: socket.socket) -> Answer:
    """Read one response from a raw connection."""
    response = http.client.HTTPResponse(raw)
    response.begin()
    found = Answer(response.status, response.headers, response.read())
    response.close()
    return found


@contextlib.contextmanager
def open_door(
    folder: Path,
    app_port: int,
    change: Callable[[str], str] = lambda config: config,
    *,
    other_ports: Sequence[int] = (),
) -> Iterator[FrontDoor]:
    """Start Nginx on the rendered template; ``change`` shortens times for a test. ``other_ports``: those of
    the app's other processes.
    """
    servers = [f"127.0.0.1:{port}" for port in (app_port, *other_ports)]
    door = FrontDoor(free_port(), folder / "media", folder / "logs")
    for name in ("media", "logs", "run"):
        (folder / name).mkdir(exist_ok=True)
    text = render(
        TEMPLATE.read_text(encoding="utf-8"),
        {
            "NGINX_LISTEN": f"127.0.0.1:{door.port}",
            "APP_SERVERS": processes.upstream_servers(servers),
            "STAFF_SERVERS": processes.staff_servers(servers),
            "APP_NEXT": processes.tries_next(len(servers)),
            "MEDIA_ROOT": str(door.media),
            "STATIC_ROOT": str(folder / "static"),
            "NGINX_RUN_DIR": str(folder / "run"),
            "NGINX_BODY_DIR": str(folder / "bodies"),
            "NGINX_ACCESS_LOG": str(door.logs / "access.log"),
            "NGINX_ERROR_LOG": str(door.logs / "error.log"),
        },
    )
    (folder / "nginx.conf").write_text(change(text), encoding="utf-8")
    with serving(folder, door):
        yield door


@contextlib.contextmanager
def serving(folder: Path, door: FrontDoor) -> Iterator[None]:
    """Nginx with the ``nginx.conf`` of a folder, until the end."""
    command = [str(nginx.program()), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    as_us = " user root root;" if os.geteuid() == 0 else ""
    with subprocess.Popen([*command, "-g", f"daemon off;{as_us}"]) as process:
        try:
            _wait_for(door.port, process)
            yield
        finally:
            for raw in door.sockets:
                raw.close()
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        assert process.poll() is None, "nginx did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)
