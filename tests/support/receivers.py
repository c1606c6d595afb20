"""What alerts, webhooks and pings arrive at: a web server and a mail server, both real."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.stack import free_port


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """A web server that takes what comes and answers ``status``."""

    port: int
    status: int = 200
    answer: bytes = b"{}"
    refuses: bytes | None = None  # what is answered 422 if it is in the body
    arrived: list[Arrived] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.arrived]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A web server until the block ends; on ``port``, where it was before, say."""
    receiver = Receiver(port or free_port())

    class Handler(BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.arrived.append(Arrived(self.command, self.path, headers, body))
            is_refused = receiver.refuses is not None and receiver.refuses in body
            self.send_response(422 if is_refused else receiver.status)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(receiver.answer)

        do_GET = do_POST = do_PUT = take  # noqa: N815 - the standard library's

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    server = _Server(("127.0.0.1", receiver.port), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hanging() -> Iterator[str]:
    """``host:port`` of a server that takes every connection and says nothing, until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@dataclass(slots=True)
class Mailbox:
    """What a mail server took."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # to a recipient, or to a word of the content

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get(address, "250 OK")

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        for word, answer in self.answers.items():
            if word in mail["subject"]:
                return answer
        self.mails.append(mail)
        self.raw.append(envelope.content)
        return "250 OK"


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mailbox]:
    """A mail server until the block ends."""
    box = Mailbox(port or free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
