"""What was answered less than a second ago is answered again, until something may have changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send

from appliance.core import kept_answers
from appliance.core.kept_answers import KeptAnswers, KeptPaths, keep
from appliance.core.photos_first import PhotoWork
from appliance.core.recent import Changes

PATHS = KeptPaths(*(re.compile(f"/{one}/.*") for one in ("file", "g", "page", "ingest")))


class Room:
    """An app that counts how often it is asked, and whoever asks it."""

    def __init__(self) -> None:
        self.asked = 0
        self.work, self.changes = PhotoWork(), Changes()
        self.answer: Response = Response(b"", headers={"X-Accel-Redirect": "/_media/x"})
        self.marks, self.nonce = True, ""
        kept = KeptAnswers(PATHS, self.work, self.changes)
        self._app = kept.outside(kept.inside(self.app))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        request = Request(scope)
        if self.marks and scope["method"] != "POST":
            keep(request, self.nonce or None)
        await self.answer(scope, receive, send)

    async def ask(self, path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "path": path, "query_string": b"", "method": method, "scheme": "http",
            "headers": named, "state": {},
        }  # fmt: skip
        await self._app(scope, receive, send)
        said = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return {"status": sent[0]["status"], "body": sent[1]["body"], **said}


@pytest.fixture
def room() -> Room:
    return Room()


async def test_the_same_is_answered_again_without_the_app(room: Room) -> None:
    first, again = await room.ask("/file/1"), await room.ask("/file/1")
    assert (first, room.asked) == (again, 1)
    await room.ask("/file/2")
    assert room.asked == 2


async def test_what_the_app_does_not_offer_is_not_kept(room: Room) -> None:
    room.marks = False
    for _ in range(2):
        await room.ask("/file/1")
    room.marks = True
    for _ in range(2):
        await room.ask("/elsewhere")
    for _ in range(2):
        await room.ask("/file/1", method="HEAD")
    assert room.asked == 6


@pytest.mark.parametrize("answer", [Response(status_code=404), Response(headers={"Set-Cookie": "a=b"})])
async def test_a_refusal_or_a_cookie_is_given_to_nobody_else(room: Room, answer: Response) -> None:
    room.answer = answer
    for _ in range(2):
        await room.ask("/file/1")
    assert room.asked == 2


async def test_what_an_answer_depends_on_tells_it_from_others(room: Room) -> None:
    for _ in range(2):
        await room.ask("/file/1", accept="image/webp,*/*", cookie="a=1")
        await room.ask("/file/1", accept="*/*", cookie="a=2")
    assert room.asked == 2, "WebP or not; cookies do not matter"
    for _ in range(2):
        await room.ask("/g/1", cookie="gallery_pin=1")
        await room.ask("/g/1")
    assert room.asked == 4, "a proof of the PIN is nobody else's"
    for _ in range(2):
        for headers in ({}, {"cookie": "l=de"}, {"accept_language": "de"}, {"host": "photos.example"}):
            await room.ask("/page/1", **headers)
    assert room.asked == 8


async def test_a_change_counts_before_it_is_answered(room: Room) -> None:
    await room.ask("/file/1")
    await room.ask("/anything", method="POST")
    room.answer = Response(status_code=404)
    assert (await room.ask("/file/1"))["status"] == 404


async def test_a_change_that_was_refused_changed_nothing(room: Room) -> None:
    await room.ask("/file/1")
    room.answer = Response(status_code=403)
    await room.ask("/anything", method="POST")
    assert (await room.ask("/file/1"))["status"] == 200


async def test_what_was_looked_up_before_a_change_is_not_kept_after_it(room: Room) -> None:
    seen = room.app

    async def changed_meanwhile(scope: Scope, receive: Receive, send: Send) -> None:
        room.changes.count += 1
        await seen(scope, receive, send)

    room.app = changed_meanwhile  # type: ignore[method-assign]
    slow = KeptAnswers(PATHS, room.work, room.changes)
    room._app = slow.outside(slow.inside(changed_meanwhile))
    for _ in range(2):
        await room.ask("/file/1")
    assert room.asked == 2


async def test_nothing_is_kept_for_longer_than_a_moment(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(kept_answers.time, "monotonic", lambda: now)
    await room.ask("/file/1")
    now += kept_answers.SECONDS - 0.01
    await room.ask("/file/1")
    assert room.asked == 2, "one asks again in good time"
    now += kept_answers.SECONDS - 0.01
    room.marks = False
    for _ in range(2):
        await room.ask("/file/1")
    assert room.asked == 3, "the others are answered from what is kept"
    now += 0.02
    await room.ask("/file/1")
    assert room.asked == 4


async def test_each_page_has_a_nonce_of_its_own(room: Room) -> None:
    room.nonce = "N0nceN0nceN0nceN"
    policy = {"Content-Security-Policy": f"script-src 'nonce-{room.nonce}'"}
    room.answer = HTMLResponse(f'<script nonce="{room.nonce}"></script>', headers=policy)
    await room.ask("/page/1")
    one, other = await room.ask("/page/1"), await room.ask("/page/1")
    assert room.asked == 1
    nonces = {re.findall(rb'nonce="(.{16})"', page["body"])[0].decode() for page in (one, other)}
    assert len(nonces | {room.nonce}) == 3
    for page in (one, other):
        nonce = page["content-security-policy"][len("script-src 'nonce-") : -1]
        assert f'nonce="{nonce}"'.encode() in page["body"]
        assert int(page["content-length"]) == len(page["body"])


async def test_each_answer_names_its_own_request(room: Room) -> None:
    await room.ask("/file/1", x_request_id="first-request")
    assert (await room.ask("/file/1", x_request_id="second-request"))["x-request-id"] == "second-request"


async def test_memory_is_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "_MOST_BYTES", 10_000)
    for number in range(8):
        await room.ask(f"/file/{number}")
    assert room.asked == 8
    await room.ask("/file/7")
    assert room.asked == 8
    await room.ask("/file/0")
    assert room.asked == 9


async def test_beside_a_photo_whoever_has_a_seat_gets_what_is_kept(room: Room) -> None:
    await room.ask("/file/1")
    with room.work.going_on():
        await room.ask("/file/1")
    assert room.asked == 1
