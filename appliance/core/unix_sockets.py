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


def refuse_at(path: str | Path) -> None:
    """Whoever connects there from now on is refused, at once; who is connected already stays so.

    A socket that nobody listens at takes the place: where there is no file at all, Nginx calls that critical
    and writes the address that was asked for into its log, with what guests said of themselves.
    """
    place = Path(path)
    dead = place.with_name(f"{place.name}.gone")
    dead.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as nobody, usable_name(dead) as name:
        nobody.bind(name)
    dead.chmod(0o666)  # as Uvicorn has it: the folder says who may come
    dead.rename(place)


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
