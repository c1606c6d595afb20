"""Addresses with letters that nobody encoded: booth software writes what a guest typed into the address."""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class RequestProtocol(HttpToolsProtocol):
    """Uvicorn's own, which refuses such an address; here its bytes are encoded before they are parsed.

    Looks at the first line of each request only. Nginx sends the next request once the one before is
    answered, perhaps before its body was read here: the end of that body and the next request may come
    together.
    """

    in_first_line = True
    body_left = 0  # bytes that the body's announced length says are still to come

    def data_received(self, data: bytes) -> None:
        """The next bytes from the client."""
        if 0 < self.body_left < len(data):
            end_of_body, data = data[: self.body_left], data[self.body_left :]
            super().data_received(end_of_body)
            if self.transport.is_closing():
                return
        if self.in_first_line:
            line, end, rest = data.partition(b"\n")
            self.in_first_line = not end
            if not line.isascii():
                data = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + end + rest
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """What follows is the body, whatever letters it has."""
        self.in_first_line = False
        lengths = [int(value) for name, value in self.headers if name == b"content-length"]
        self.body_left = sum(lengths)  # there is one at most; the parser refuses two
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; one whose length was not announced is not counted."""
        self.body_left = max(0, self.body_left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come whole: another may follow on this connection."""
        self.in_first_line = True
        self.body_left = 0
        super().on_message_complete()
