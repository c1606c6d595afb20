"""JSON that carries pictures, read without ever holding a picture as text.

A picture of 2 MB is 2.7 MB of base64. Kept until the answer is whole, parsed and decoded, it is there three
times, and so it is for each photo in flight whose provider answers meanwhile. Here it is decoded as it comes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType

import pybase64

# Bytes of a text from which on it is taken for base64: longer than words, names and addresses are. Signatures
# of thoughts are longer too, and base64 themselves.
LONG = 16_384


class JsonAnswer:
    """Takes JSON in pieces of any size.

    A long text that is base64 is a mark in ``body``, and its bytes are in ``pictures`` by that mark. All
    other texts are as they came, also those that are base64 in another spelling, which
    ``pictures.decoded_base64`` reads.
    """

    def __init__(self) -> None:
        self._body = bytearray()
        self._pictures: dict[str, bytes] = {}
        self._mark = f"picture:{secrets.token_hex(16)}:"  # nobody who answers can know it
        self._text: _Text | None = None  # that has not ended yet
        self._escaped = False  # the next byte of it belongs to the backslash before

    @property
    def body(self) -> bytes:
        """What has come until now, of texts only those that have ended."""
        return bytes(self._body)

    @property
    def pictures(self) -> Mapping[str, bytes]:
        """What was decoded, by what stands for it."""
        return MappingProxyType(self._pictures)

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        at = 0
        while at < len(piece):
            if self._text is None:
                end = piece.find(b'"', at) + 1 or len(piece)
                self._body += piece[at:end]
                self._text = _Text() if piece[end - 1 : end] == b'"' else None
                at = end
            else:
                end = self._end_of_text(piece, at)
                self._text.take(piece[at:end])
                if end < len(piece):
                    self._body += self._ended(self._text) + b'"'
                    self._text = None
                at = end + 1

    def _end_of_text(self, piece: bytes, at: int) -> int:
        """Where the quotation mark is that ends the text, or where the piece ends."""
        at += self._escaped
        self._escaped = False
        quote = piece.find(b'"', at)
        while True:
            if 0 <= quote < at:
                quote = piece.find(b'"', at)
            end = quote if quote >= 0 else len(piece)
            backslash = piece.find(b"\\", at, end)
            if backslash < 0:
                return end
            at = backslash + 2
            self._escaped = at > len(piece)

    def _ended(self, text: _Text) -> bytes:
        found = text.decoded()
        if found is None:
            return text.raw()
        mark = f"{self._mark}{len(self._pictures)}"
        self._pictures[mark] = found
        return mark.encode()


class _Text:
    """One text of JSON, without its quotation marks."""

    def __init__(self) -> None:
        self._raw = bytearray()  # what is not decoded
        self._decoded: bytearray | None = None  # what came before it; ``None`` while the text is short
        self._prefix = b""  # of an address of kind ``data:``
        self._is_base64 = True  # as far as is known

    def take(self, piece: bytes) -> None:
        """The next bytes of it."""
        self._raw += piece
        if not self._is_base64 or (self._decoded is None and len(self._raw) < LONG):
            return
        if self._decoded is None:
            self._decoded = bytearray()
            if self._raw[:5].lower() == b"data:":
                prefix, comma, self._raw = self._raw.partition(b",")
                self._prefix = bytes(prefix + comma)
        whole = len(self._raw) // 4 * 4
        # What may be the end of the text, with its padding, is decoded once that is known.
        size = max(0, whole - 4)
        try:
            self._decoded += _without_padding(self._raw[:size])
        except ValueError:
            self._raw[:0] = self._prefix + pybase64.b64encode(self._decoded)
            self._is_base64 = False
        else:
            del self._raw[:size]

    def decoded(self) -> bytes | None:
        """The bytes of a long base64 text; ``None``: it is another one."""
        if self._decoded is None or not self._is_base64:
            return None
        try:
            self._decoded += pybase64.b64decode(self._raw + b"=" * (-len(self._raw) % 4), validate=True)
        except ValueError:
            self._raw[:0] = self._prefix + pybase64.b64encode(self._decoded)
            return None
        return bytes(self._decoded)

    def raw(self) -> bytes:
        """The text as it came, where it is not decoded."""
        return bytes(self._raw)


def _without_padding(text: bytearray) -> bytes:
    if text.endswith(b"="):
        raise ValueError("padding in the middle")
    return pybase64.b64decode(text, validate=True)
