"""A TCP socket that hears of nobody new any more, while those who have reached it are still let in."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26
# Classic BPF over each packet, from its TCP header on: a SYN is dropped, all else passes.
_NO_SYN = b"".join(
    struct.pack("HBBI", *line)
    for line in (
        (0x30, 0, 0, 13),  # the byte of the flags
        (0x45, 0, 1, 0x02),  # is SYN among them?
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0xFFFFFFFF),
    )
)


def hear_nobody_new(listening: socket.socket) -> None:
    """Drop whoever knocks from now on: they knock again after a second, and are refused then if it is closed.

    Without this, whoever is let in by the kernel in the moment before a socket is closed is cut off.
    Where the system knows no such filter, nothing is changed.
    """
    lines = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    program = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(lines))
    with contextlib.suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
