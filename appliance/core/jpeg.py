"""How a JPEG file is built: its segments, and where its picture ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SOI, SOS, EOI = 0xD8, 0xDA, 0xD9
END = b"\xff\xd9"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCD, 0xCE})
_IN_ONE_SCAN = frozenset({0xC0, 0xC1})
_OF_PROGRAMS = frozenset({*range(0xE0, 0xF0), 0xFE})  # metadata and comments
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length or content
# So many bytes may stand between the segments of a head: some writers fill up with zeros, and some give
# metadata a wrong length (2 of 900 cameras' files). Decoders skip anything there; but what is no zero behind
# a table is a part of that, whose length is wrong (2,500 damaged files, 2026-11-28).
_MOST_PADDING = 65_536
_ADDED = {1: 2, 3: 1}  # components, so that there are as many as colours have
# In a scan, 0xFF 0x00 is a byte of data and 0xFF 0xD0 to 0xD7 begin a part of the same scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its marker and where it lies; a scan's data belong to its header."""

    marker: int
    start: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of the file's first picture, from behind its first marker to its end marker.

    What lies behind the picture (previews, further pictures, a video) is not looked at, nor are padding
    and markers that stand alone, which decoders skip. A file whose end marker is missing yields none.
    Raises ``ValueError`` where the structure cannot be followed.
    """
    at, padding, before = 2, _MOST_PADDING, SOI
    while at + 1 < len(data):
        no_marker = data[at] != 0xFF or data[at + 1] == 0x00
        if padding and (data[at] == 0x00 or (no_marker and before in _OF_PROGRAMS)):
            at, padding = at + 1, padding - 1
            continue
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker == EOI:
            yield Segment(EOI, at, at + 2)
            return
        if marker == SOI:  # another picture begins, and this one never ended
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise ValueError("a segment without an end")
        if marker == SOS:
            found = _AFTER_SCAN.search(data, end)
            end = found.start() if found else len(data)
            padding = 0  # from here on, zeros are a hole where a scan was
        yield Segment(marker, at, end)
        at, before = end, marker


def without_padding(data: bytes) -> bytes:
    """``data`` with nothing between its segments; the same where there is nothing.

    Of padding a decoder warns, and says no more of what else it finds.
    """
    found = list(segments(data))
    ends = [2, *(segment.end for segment in found)]
    if all(segment.start == end for segment, end in zip(found, ends, strict=False)):
        return data
    return data[:2] + b"".join(data[segment.start : segment.end] for segment in found)


def end_of(data: bytes) -> int | None:
    """Where the picture's end marker stands; ``None``: there is none."""
    return next((segment.start for segment in segments(data) if segment.marker == EOI), None)


def read_to_the_end(data: bytes) -> bytes:
    """``data`` such that a decoder reads all of it before it gives out the first row.

    A decoder of an ordinary JPEG stops behind the last row, and nobody learns what it would have found
    wrong there. The frame is given a further component, which no scan brings: now the decoder has to look
    for it up to the end marker. The colours are wrong then: for checking only.
    """
    for segment in segments(data):
        if segment.marker in _IN_ONE_SCAN and (more := _ADDED.get(data[segment.start + 9])):
            frame = bytearray(data[segment.start : segment.end])
            used = frame[10::3]
            free = (number for number in range(1, 256) if number not in used)
            for number, _ in zip(free, range(more), strict=False):
                frame += bytes((number, 0x11, frame[12]))
            frame[9] += more
            frame[2:4] = (len(frame) - 2).to_bytes(2, "big")
            return data[: segment.start] + bytes(frame) + data[segment.end :]
    return data


def bits(data: bytes) -> int:
    """How many bits a sample has; 8 in all but a few cameras' files. Raises ``ValueError``."""
    for segment in segments(data):
        if segment.marker in _FRAMES:
            return data[segment.start + 4]
    raise ValueError("no frame")


def is_lossless(data: bytes) -> bool:
    """Whether no browser shows it, and a decoder that is to make it smaller gives out a part of it only."""
    return _frame(data) in _LOSSLESS


def is_arithmetic(data: bytes) -> bool:
    """Whether no browser shows it, nor do providers, though decoders of programs read it."""
    return _frame(data) in _ARITHMETIC


def _frame(data: bytes) -> int | None:
    """The marker of its frame, which says how the picture is coded."""
    return next((segment.marker for segment in segments(data) if segment.marker in _FRAMES), None)
