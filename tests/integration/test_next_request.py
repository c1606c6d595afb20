"""Requests that follow each other on one connection to the app, the first answered before it was read."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack

REFUSED = (
    "POST /api/slots HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
)
LOGIN = (
    "POST /api/login{} HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\n"
    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n"
)


@pytest.fixture
def line(stack: Stack) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(20)
        made.connect(str(stack.app_socket))
        yield made


def answer(line: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the next answer."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += line.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if b"content-length" in row)
    while len(body) < length:
        body += line.recv(65536)
    return int(head.split()[1]), body


@pytest.mark.parametrize("query", ["", "?guest=Зоя"], ids=["plain", "letters nobody encoded"])
def test_a_body_that_comes_together_with_the_next_request_spoils_neither(
    line: socket.socket, query: str
) -> None:
    refused, wrong = "Ж{".encode(), '{"username": "Зоя", "password": "wrong wrong"}'.encode()
    line.sendall(REFUSED.format(len(refused)).encode())
    assert answer(line)[0] == 401  # before its body was sent
    line.sendall(refused + LOGIN.format(query, len(wrong)).encode())
    assert line.recv(1024).startswith(b"HTTP/1.1 100 ")  # its head has been read
    line.sendall(wrong)
    status, body = answer(line)
    assert (status, b"invalid_credentials" in body) == (401, True), body
