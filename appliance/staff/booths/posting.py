"""Sends a booth's request over a connection of its own and reads what comes back. Blocking."""

from __future__ import annotations

import http.client
import select
import socket
from dataclasses import dataclass

from appliance.core import unix_sockets
from appliance.staff.booths.programs import BoothPost

CONNECT_SECONDS = 5.0
CONTINUE_SECONDS = 3.0  # then the body is sent anyway, as HTTP wants it
LONGEST_SECONDS = 75.0  # beyond the longest deadline, and beyond what Nginx waits
LARGEST_ANSWER = 60_000_000


@dataclass(frozen=True, slots=True)
class BoothAnswer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(post: BoothPost, where: str) -> BoothAnswer:
    """To ``host:port`` or ``unix:/path``; raises ``OSError`` or ``HTTPException`` where no answer comes."""
    with _connected(where) as connection:
        connection.settimeout(LONGEST_SECONDS)
        connection.sendall(post.head)
        if not post.waits or _is_told_to_go_on(connection):
            connection.sendall(post.body)
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()  # skips what `100 Continue` said
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return BoothAnswer(answer.status, headers, answer.read(LARGEST_ANSWER))


def _connected(where: str) -> socket.socket:
    if where.startswith("unix:"):
        return unix_sockets.connect(where.removeprefix("unix:"), CONNECT_SECONDS)
    host, _, port = where.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS)


def _is_told_to_go_on(connection: socket.socket) -> bool:
    """Whether the body may follow: a refusal that comes at once ends the request."""
    ready, _, _ = select.select([connection], [], [], CONTINUE_SECONDS)
    return not ready or connection.recv(12, socket.MSG_PEEK).endswith(b" 100")
