"""fal's own package agrees with our driver's requests and with the stand-in's answers."""

from __future__ import annotations

import asyncio
import io

import fal_client
import fal_client.client
import httpx
import pytest
from PIL import Image

from tests.providers.photos import picture_bytes
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step, fal_app, running

APP = "google/nano-banana-2.1/edit"


@pytest.fixture
def ask(monkeypatch):
    """One call as an application of fal's package makes it; it blocks."""

    def call(base_url: str, body: dict, *, start_timeout: float | None = None) -> dict:
        monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{base_url}/")
        client = fal_client.SyncClient(key=KEY)
        try:
            place = client.submit(APP, body, start_timeout=start_timeout)
            assert isinstance(place.status(), fal_client.Queued)
            return place.get(interval=0.01)
        finally:
            client._client.close()

    return call


def arguments() -> dict:
    return {"prompt": PROMPT, "image_urls": [fal_client.encode(picture_bytes(), "image/jpeg")]}


async def test_the_official_client_gets_a_picture_from_the_standin(ask):
    async with running(fal_app(keys=[KEY])) as server:
        result = await asyncio.to_thread(ask, server.base_url, arguments())
        async with httpx.AsyncClient() as browser:
            picture = await browser.get(result["images"][0]["url"])
    assert Image.open(io.BytesIO(picture.content)).size == (300, 400)


async def test_our_request_is_the_one_that_the_official_client_makes(ask, tmp_path):
    async with bench("fal", tmp_path) as at:
        await at.edit(seconds=9.0)
        ours = at.standin.calls[:]
        at.standin.calls.clear()
        await asyncio.to_thread(ask, at.base_url, ours[0].json, start_timeout=9.0)
        theirs = at.standin.calls
    ours_post, theirs_post = ours[0], theirs[0]
    assert (ours_post.method, ours_post.path) == (theirs_post.method, theirs_post.path)
    assert ours_post.json == theirs_post.json
    for name in ("authorization", "content-type"):
        assert ours_post.headers[name] == theirs_post.headers[name]
    assert "x-fal-request-timeout" in theirs_post.headers
    of_the_queue = [call for call in ours[1:] if "/requests/" in call.path]
    assert {(one.method, _shape(one.path)) for one in of_the_queue} == {
        (one.method, _shape(one.path)) for one in theirs[1:]
    }
    assert {one.headers["authorization"] for one in of_the_queue} == {theirs[1].headers["authorization"]}


def _shape(path: str) -> str:
    """A path without the request's own number."""
    return "/".join("ID" if len(part) == 36 else part for part in path.split("/"))


@pytest.mark.parametrize(
    ("play", "status", "kind"),
    [
        ("refused", 422, None),
        ("run_failed", 500, None),
        ("empty_account", 403, None),
        ("app_timeout", 504, "request_timeout"),
    ],
)
async def test_the_official_client_reads_the_standins_errors(play, status, kind, ask):
    async with running(fal_app(Script([Step(play)]), keys=[KEY])) as server:
        with pytest.raises(fal_client.FalClientHTTPError) as failed:
            await asyncio.to_thread(ask, server.base_url, arguments())
    assert failed.value.status_code == status
    assert failed.value.error_type == kind


async def test_the_official_client_cancels_at_the_standin(monkeypatch):
    def cancelled(base_url: str) -> None:
        monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{base_url}/")
        client = fal_client.SyncClient(key=KEY)
        client.submit(APP, arguments()).cancel()
        client._client.close()

    async with running(fal_app(Script([Step("never_done")]), keys=[KEY])) as server:
        await asyncio.to_thread(cancelled, server.base_url)
        assert [place.cancelled.is_set() for place in server.standin.places.values()] == [True]
