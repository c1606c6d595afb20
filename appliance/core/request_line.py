"""Addresses with letters that nobody encoded: booth software writes what a guest typed into the address."""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class RequestProtocol(HttpToolsProtocol):
    """Uvicorn's own, which refuses such an address; here its bytes are encoded before they are parsed.

    Looks at the first line of each request only. Nginx sends one request after another, never two at once.
    """

    in_first_line = True

    def data_received(self, data: bytes) -> None:
        """The next bytes from the client."""
        if self.in_first_line:
            line, end, rest = data.partition(b"\n")
            self.in_first_line = not end
            if not line.isascii():
                data = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + end + rest
        super().data_received(data)

    def on_message_complete(self) -> None:
        """The request has come whole: another may follow on this connection."""
        self.in_first_line = True
        super().on_message_complete()
