"""Listening at a Unix socket and finding who listens there, in folders with short and long names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.core import unix_sockets


@pytest.fixture(params=["short", "a long name " * 15], ids=["short", "long"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / request.param.strip()
    folder.mkdir()
    return folder / "app.sock"


def test_who_listens_is_found_whatever_the_length_of_the_path(place: Path) -> None:
    assert not unix_sockets.is_open(place)
    with socket.socket(socket.AF_UNIX) as listening, unix_sockets.name_to_listen_on(place) as name:
        listening.bind(name)
        listening.listen()
        assert place.is_socket()
        with unix_sockets.connect(place, 5) as asking, listening.accept()[0] as answering:
            asking.sendall(b"hello")
            assert answering.recv(5) == b"hello"


def test_nobody_listens_where_somebody_does(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        with unix_sockets.name_to_listen_on(place) as name:
            listening.bind(name)
            listening.listen()
        with pytest.raises(OSError, match="already in use"), unix_sockets.name_to_listen_on(place):
            pass
    with unix_sockets.name_to_listen_on(place) as name:
        assert Path(name).is_socket(), "whoever was killed left it behind"


def test_whoever_comes_late_is_refused_and_who_is_there_stays(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        with unix_sockets.name_to_listen_on(place) as name:
            listening.bind(name)
            listening.listen()
        with unix_sockets.connect(place, 5) as asking:
            unix_sockets.refuse_at(place)
            with pytest.raises(ConnectionRefusedError):
                unix_sockets.connect(place, 5)
            asking.sendall(b"still")
            with listening.accept()[0] as answering:
                assert answering.recv(5) == b"still"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        unix_sockets.connect(tmp_path / ("gone" * 40) / "app.sock", 1)
    assert not unix_sockets.is_open(tmp_path / "gone" / "app.sock")
