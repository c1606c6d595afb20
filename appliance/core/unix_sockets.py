"""Unix sockets by their paths, however long these are. Standard library only: health checks start quickly."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

LONGEST = 107  # bytes of a socket's name that the kernel takes


@contextlib.contextmanager
def usable_name(path: str | Path) -> Iterator[str]:
    """A name for the socket that this process can use in the block: by way of its folder if it is long."""
    place = Path(path)
    if len(os.fsencode(place)) <= LONGEST:
        yield str(place)
        return
    folder = os.open(place.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{place.name}"
    finally:
        os.close(folder)


@contextlib.contextmanager
def name_to_listen_on(path: str | Path) -> Iterator[str]:
    """The same for who is about to listen there; raises ``OSError`` if somebody already does."""
    if is_open(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))
    with usable_name(path) as name:
        yield name


def connect(path: str | Path, timeout: float) -> socket.socket:
    """A connection to who listens there; raises ``OSError`` if nobody does."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(timeout)
        with usable_name(path) as name:
            made.connect(name)
    except OSError:
        made.close()
        raise
    return made


def is_open(path: str | Path) -> bool:
    """Whether somebody listens there."""
    try:
        connect(path, 1).close()
    except OSError:
        return False
    return True
