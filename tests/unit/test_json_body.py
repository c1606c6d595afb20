"""Pictures in JSON: what is sent is what ``json`` and ``base64`` would make, and no more is held."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from pathlib import Path

import httpx
import pytest

from appliance.core.errors import StorageFull
from appliance.core.images import FileImage
from appliance.providers import json_body as json_body_module
from appliance.providers.json_body import Base64, json_body, json_body_blocking
from appliance.providers.pictures import decoded_base64
from tests.support.waiting import until

# About and beyond the size of the pieces that pictures are turned into base64 by.
SIZES = [0, 1, 2, 3, 196_607, 196_608, 196_609, 500_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_stands_in_the_json_as_base64(size: int) -> None:
    data = os.urandom(size)
    made = json_body_blocking({"a": [{"photo": Base64(data)}], "prompt": 'a "painting", Ünïcödé, \ud800'})
    found = json.loads(b"".join(made.pieces()))
    assert found == {
        "a": [{"photo": base64.b64encode(data).decode()}],
        "prompt": 'a "painting", Ünïcödé, \ud800',
    }
    assert made.headers["Content-Length"] == str(len(b"".join(made.pieces())))


def test_several_pictures_keep_their_places_and_prefixes() -> None:
    first, second = os.urandom(10), os.urandom(20)
    body = {"urls": [Base64(first, "data:image/png;base64,"), Base64(second)], "again": Base64(first)}
    found = json.loads(b"".join(json_body_blocking(body).pieces()))
    assert found["urls"][0] == "data:image/png;base64," + base64.b64encode(first).decode()
    assert found["urls"][1] == base64.b64encode(second).decode()
    assert found["again"] == base64.b64encode(first).decode()


def test_what_cannot_be_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="object cannot be JSON"):
        json_body_blocking({"a": object()})


async def test_a_server_gets_the_body_with_its_length_and_can_get_it_twice() -> None:
    body, seen = await json_body({"photo": Base64(os.urandom(400_000))}), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["content-length"], request.headers.get("transfer-encoding")))
        return httpx.Response(200, content=request.content)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        for _ in range(2):
            reply = await client.post("http://one.test/", headers=body.headers, content=body.stream())
            assert reply.content == b"".join(body.pieces())
    assert seen == [(str(body.size), None)] * 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spelling", ["plain", "unpadded", "for addresses", "in lines", "data address"])
def test_base64_of_any_size_and_spelling_is_decoded(size: int, spelling: str) -> None:
    data = os.urandom(size)
    plain = base64.b64encode(data).decode()
    text = {
        "plain": plain,
        "unpadded": plain.rstrip("="),
        "for addresses": base64.urlsafe_b64encode(data).decode(),
        "in lines": base64.encodebytes(data).decode(),
        "data address": f"data:image/png;base64,{plain}",
    }[spelling]
    assert decoded_base64(text) == data


@pytest.mark.parametrize("at", [0, 4, 262_140, 262_144])
def test_padding_in_the_middle_of_base64_is_an_error(at: int) -> None:
    text = base64.b64encode(os.urandom(300_000)).decode()
    with pytest.raises(ValueError, match=r".+"):
        decoded_base64(text[:at] + "QQ==" + text[at:])


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_that_stays_in_its_file_is_sent_like_one_in_memory(tmp_path: Path, size: int) -> None:
    path = tmp_path / "photo"
    path.write_bytes(os.urandom(size))
    image = FileImage(path, "image/jpeg")
    body = json_body_blocking({"photo": Base64(image.content)})
    sent = b"".join(body.pieces())
    assert len(sent) == body.size
    assert json.loads(sent) == {"photo": base64.b64encode(image.data).decode()}


async def test_what_waits_for_an_answer_holds_no_base64_of_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(os.urandom(6_000_000))
    tracemalloc.start()
    body = await json_body({"photo": Base64(path)})
    sent = sum([len(piece) async for piece in body.stream()])
    _, most = tracemalloc.get_traced_memory()
    of_ours = tracemalloc.Filter(True, json_body_module.__file__)

    def all_is_let_go() -> bool:  # a thread lets its last pieces go a moment after it has given them
        ours = tracemalloc.take_snapshot().filter_traces([of_ours])
        return sum(one.size for one in ours.statistics("filename")) < 500_000

    await until(all_is_let_go)
    tracemalloc.stop()
    assert sent == body.size
    assert most < 4_000_000  # of 8: two lots of four pieces, and what is read for the next


def test_a_file_that_cannot_be_read_is_a_disk_that_is_away(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"picture")
    body = json_body_blocking({"photo": Base64(path)})
    path.unlink()
    with pytest.raises(StorageFull):
        list(body.pieces())
    with pytest.raises(StorageFull):
        json_body_blocking({"photo": Base64(path)})
