"""One pass over a multipart upload: fields to memory, the photo to a temp file, digested on the way.

The photo is never held in memory whole: blocks of ``BLOCK_BYTES`` go to a thread that writes and
digests them. Any field order is taken, and one file part at most; what a camera sends is described
in the camera client's contract.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from appliance.core.arrived_part import ArrivedPart
from appliance.core.errors import (
    InvalidMultipart,
    MissingField,
    PayloadTooLarge,
)
from appliance.core.files import storage_errors
from appliance.core.images import SNIFF_BYTES, sniff
from appliance.core.language import Message
from appliance.core.multipart_headers import file_name
from appliance.core.texts import MAX_NAME_CHARS, clean_name, decode_text
from appliance.core.threads import finish_in_thread

BLOCK_BYTES = 512 * 1024
MOST_PIECES = 256  # of a block: who sends byte by byte takes no more memory
MAX_FIELDS = 200
MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS_BYTES = 256 * 1024
MAX_PREAMBLE_BYTES = 128 * 1024  # bytes before the first part; nobody sends any
FILE_FIELD = "fileToUpload"  # how cameras call their file part
CHARSET_FIELD = "_charset_"  # a form's own word about its other fields
SMALLER = Message("Set 'Max image size' in the booth software.")

FieldHook = Callable[[str, str], Awaitable[None]]
FileHook = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """The photo part as it was received: where it lies, how it was called, its size and digest."""

    path: Path
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """A whole upload: its text fields and its photo."""

    fields: dict[str, str]
    file: ReceivedFile


class _FileSink:
    """Writes and digests the photo in blocks, each in a thread."""

    def __init__(self, path: Path, name: str, max_bytes: int, smaller: Message, on_bytes: FileHook) -> None:
        self.path, self.name = path, name
        self._on_bytes = on_bytes
        self._max_bytes = max_bytes
        self._smaller = smaller
        self._block: list[bytes] = []
        self._waiting = 0  # bytes of it
        self._sha256 = hashlib.sha256()
        self.size = 0
        self._sniffed = False
        self._file: BinaryIO | None = None

    async def feed(self, data: bytes) -> None:
        await self._on_bytes(len(data))
        self._block.append(data)
        self._waiting += len(data)
        self.size += len(data)
        if self.size > self._max_bytes:
            raise PayloadTooLarge(
                Message(
                    "The photo is larger than %(most)s MB. %(do)s",
                    most=f"{self._max_bytes / 1e6:g}",
                    do=self._smaller,
                )
            )
        if not self._sniffed and self.size >= SNIFF_BYTES:
            self._look()
        if self._waiting >= BLOCK_BYTES or len(self._block) >= MOST_PIECES:
            await self._flush()

    def _look(self) -> None:
        """Refuse what is no picture by its first bytes, before the rest has arrived."""
        sniff(b"".join(self._block)[:SNIFF_BYTES])
        self._sniffed = True

    async def _flush(self) -> None:
        block, self._block, self._waiting = self._block, [], 0
        await finish_in_thread(self._write, block)

    def _write(self, block: list[bytes]) -> None:
        with storage_errors():
            if self._file is None:
                self._file = self.path.open("xb")
            self._file.writelines(block)
        for piece in block:
            self._sha256.update(piece)

    async def finish(self) -> ReceivedFile:
        if not self._sniffed:
            self._look()
        await self._flush()
        self.close()
        return ReceivedFile(self.path, self.name, self.size, self._sha256.hexdigest())

    def close(self) -> None:
        if self._file is not None:
            with storage_errors():
                self._file.close()


async def _no_objection(_name: str, _value: str) -> None:
    """The hook of an upload whose fields are looked at later."""


async def _no_limit(_size: int) -> None:
    """The hook of an upload from somebody who is known."""


class UploadReceiver:
    """Receives one upload into ``folder``.

    ``on_field(name, value)`` is awaited for every field as soon as it is whole, so that a wrong
    password ends the upload before the photo has arrived; ``on_file(size)`` is awaited before so many
    bytes of the photo are kept, and may raise. A field in ``once`` may not be repeated;
    any other that is gets a number: ``name``, ``name_2``. ``file_field`` names the file part in
    messages; ``smaller`` says how a photo that is too large can be made smaller.
    """

    def __init__(
        self,
        folder: Path,
        boundary: str,
        *,
        max_file_bytes: int,
        once: frozenset[str] = frozenset(),
        on_field: FieldHook = _no_objection,
        on_file: FileHook = _no_limit,
        file_field: str = FILE_FIELD,
        smaller: Message = SMALLER,
    ) -> None:
        self.parts: list[ArrivedPart] = []  # what has come so far
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._once = once
        self._on_field = on_field
        self._on_file = on_file
        self._file_field = file_field
        self._smaller = smaller
        self._fields: dict[str, str] = {}
        self._fields_bytes = 0
        self._numbers: Counter[str] = Counter()  # how often a field was numbered, by its name
        self._text = bytearray()
        self._name = ""
        self._declared: str | None = None  # the character set of this field, by its own word
        self._charset: str | None = None  # that of all fields which declare none
        self._guessed: dict[str, bytes] = {}  # fields that came before a word about them
        self._empty = False  # a file with a name came, and no byte of it
        self._sink: _FileSink | None = None
        self._file: ReceivedFile | None = None
        self._in_file = False
        self._begun = False
        self._preamble_left = MAX_PREAMBLE_BYTES
        try:
            # Headers are read as Latin-1 so that any byte a Windows client sends can be looked at.
            self._parser = PushMultipartParser(
                boundary, max_segment_count=MAX_FIELDS + 1, header_charset="latin-1"
            )
        except MultipartError as error:
            raise InvalidMultipart(Message("The boundary cannot be used: %(error)s.", error=error)) from error

    async def receive(self, body: AsyncIterator[bytes]) -> ReceivedUpload:
        """Read ``body`` to its end; a photo must be in it.

        Raises ``InvalidMultipart``, ``MissingField``, ``PayloadTooLarge``, ``StorageFull``, or
        what ``on_field`` or the look at the photo's first bytes raises.
        """
        fields, file = await self.receive_any(body)
        if file is None:
            raise MissingField(
                Message("The photo is missing."), fields={self._file_field: Message("send one file part")}
            )
        return ReceivedUpload(fields, file)

    async def receive_any(self, body: AsyncIterator[bytes]) -> tuple[dict[str, str], ReceivedFile | None]:
        """Like ``receive``, but the photo may be missing."""
        try:
            async for chunk in body:
                if chunk:
                    await self._parse(chunk)
            self._close_parser()
        finally:
            if self._sink is not None:
                self._sink.close()
        if self._file is None and self._empty:
            raise MissingField(
                Message("The file part is empty."),
                fields={self._file_field: Message("the file has no bytes")},
            )
        return self._fields, self._file

    async def _parse(self, chunk: bytes) -> None:
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    await self._end()
                else:
                    self.parts[-1].size += len(event)
                    await (self._feed if self._in_file else self._collect)(bytes(event))
        except MultipartError as error:
            _refuse(error)
        if not self._begun:
            self._preamble_left -= len(chunk)
            if self._preamble_left < 0:
                raise InvalidMultipart(Message("The boundary in the Content-Type header is not in the body."))

    def _close_parser(self) -> None:
        try:
            self._parser.close()
        except MultipartError as error:
            raise InvalidMultipart(
                Message("The upload ended before its last boundary. Check the network.")
            ) from error

    def _begin(self, segment: MultipartSegment) -> None:
        self._begun = True
        self._name = clean_name(segment.name, self._charset)
        self._count(len(segment.name))
        self._declared = segment.charset
        name = file_name(segment, self._charset)
        declared = segment.content_type or ""
        self._in_file = name is not None or self._name == self._file_field or declared.startswith("image/")
        self.parts.append(ArrivedPart(self._name, (name or "") if self._in_file else None, declared))
        if not self._in_file:
            if self._name in self._once and self._name in self._fields:
                raise InvalidMultipart(
                    Message("The field '%(name)s' was sent twice.", name=self._name),
                    fields={self._name: Message("sent twice")},
                )
            self._name = self._free_name()
            self._text.clear()
            return
        if self._sink is not None:
            return
        self._sink = _FileSink(
            self._folder / "photo", name or "", self._max_file_bytes, self._smaller, self._on_file
        )

    def _free_name(self) -> str:
        """The field's name, numbered if it is taken: a survey's field may be called like the camera's."""
        free = self._name
        while free in self._fields:
            self._numbers[self._name] += 1
            number = f"_{self._numbers[self._name] + 1}"
            free = self._name[: MAX_NAME_CHARS - len(number)] + number
        return free

    async def _feed(self, data: bytes) -> None:
        """A file's bytes. A file input that was left empty has none, and is no second file."""
        if self._file is not None or self._sink is None:
            raise InvalidMultipart(
                Message("More than one file was sent."), fields={self._name: Message("a second file")}
            )
        await self._sink.feed(data)

    async def _collect(self, data: bytes) -> None:
        self._text += data
        self._count(len(data))

    def _count(self, size: int) -> None:
        """So much text more: names count too, for a long one is as much work as a value."""
        self._fields_bytes += size
        if len(self._text) > MAX_FIELD_BYTES or self._fields_bytes > MAX_FIELDS_BYTES:
            raise PayloadTooLarge(
                Message(
                    "The text fields are too long; the limit is %(each)s kB each and %(most)s kB together.",
                    each=MAX_FIELD_BYTES // 1024,
                    most=MAX_FIELDS_BYTES // 1024,
                ),
                fields={self._name: Message("too long")},
            )

    async def _end(self) -> None:
        if self._in_file:
            await self._end_file()
            return
        raw = bytes(self._text)
        self._fields[self._name] = self.parts[-1].text = value = decode_text(
            raw, self._declared or self._charset
        )
        if self._name == CHARSET_FIELD:
            self._charset = value.strip()
            self._fields |= {name: decode_text(text, self._charset) for name, text in self._guessed.items()}
        elif self._declared is None and not raw.isascii():
            self._guessed[self._name] = raw
        await self._on_field(self._name, value)

    async def _end_file(self) -> None:
        if self._sink is None or self._file is not None:
            return
        if self._sink.size:
            self._file = await self._sink.finish()
        else:
            self._empty = self._empty or bool(self._sink.name)
            self._sink = None


def _refuse(error: MultipartError) -> NoReturn:
    if isinstance(error, ParserLimitReached) and "segment count" in str(error):
        raise InvalidMultipart(
            Message("There are too many fields; the limit is %(most)s.", most=MAX_FIELDS)
        ) from error
    raise InvalidMultipart(Message("The multipart body cannot be read: %(error)s.", error=error)) from error
