"""A JPEG decoded once, for use, and watched meanwhile for what damage leaves behind. Blocking.

libvips stops at the last row and looks for libjpeg's warnings before each strip of rows: what is wrong in
the last strip it only writes into its log, and what is left over behind it nobody reads. So that log is
listened to, and the file comes through a pipe whose last packet tells whether it was fetched.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TypeVar

import pyvips

from appliance.core import jpeg

T = TypeVar("T")

# At DEBUG it writes whole pictures into the log.
_LOGGER = logging.getLogger("pyvips")
_LOGGER.setLevel(logging.WARNING)
# Every photo is new: a cache of operations would only hold memory, and keep an image from being given up.
pyvips.cache_set_max(0)
# So many bytes before its end a picture may end: some cameras fill up the last block; a hole of zeros
# leaves more behind.
SPARE_BYTES = 32
_BLOCK = 65_536


class _Warnings(logging.Handler):
    """Counts what libvips warns of, thread by thread: it does so in the thread that gives up an image."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()

    def begin(self) -> None:
        """Count from zero in this thread."""
        self._here.count = 0

    def count(self) -> int:
        """How many since then."""
        return int(self._here.count)

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - that there is one says it all
        self._here.count = getattr(self._here, "count", 0) + 1


_warnings = _Warnings()
_LOGGER.addHandler(_warnings)


def in_one_pass(data: bytes, end: int, shrink: int, work: Callable[[pyvips.Image], T]) -> T | None:
    """What ``work`` makes of the JPEG, decoded ``shrink`` times smaller, whose end marker is at ``end``.

    ``None`` where it may be damaged, which other means have to find out, and where there are no pipes
    that keep packets apart. ``work`` must read every row and keep no image.
    """
    if not hasattr(os, "O_DIRECT"):
        return None
    reading, writing = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    writer = threading.Thread(target=_write, args=(writing, data, end), name="jpeg-pipe")
    writer.start()
    _warnings.begin()
    try:
        made = _made(reading, shrink, work)
    finally:
        left = _drain(reading)
        writer.join()
    return made if not left and not _warnings.count() else None


def _write(writing: int, data: bytes, end: int) -> None:
    """The picture, and its last bytes as a packet of their own."""
    view = memoryview(data)
    last = max(0, end - SPARE_BYTES)
    try:
        for part in (view[:last], view[last : end + len(jpeg.END)]):
            while part:
                part = part[os.write(writing, part) :]  # noqa: PLW2901 - what is still to be written
    finally:
        os.close(writing)


def _made(reading: int, shrink: int, work: Callable[[pyvips.Image], T]) -> T | None:
    """What ``work`` makes; libvips has given up the image, and said what it has to say, on return."""
    try:
        source = pyvips.Source.new_from_descriptor(reading)
        return work(
            pyvips.Image.jpegload_source(source, shrink=shrink, access="sequential", fail_on="warning")
        )
    except pyvips.Error:
        return None


def _drain(reading: int) -> int:
    """How many bytes were not fetched; now they are, so that the writer comes to its end."""
    left = 0
    try:
        while block := os.read(reading, _BLOCK):
            left += len(block)
    finally:
        os.close(reading)
    return left
