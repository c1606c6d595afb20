"""JSON with pictures is read as it comes, in whatever pieces that is."""

from __future__ import annotations

import base64
import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.providers.json_answer import LONG, JsonAnswer

PICTURE = random.Random(1).randbytes(100_000)
TEXT = base64.b64encode(PICTURE).decode()


def taken(body: bytes, *cuts: int) -> JsonAnswer:
    """``body`` in the pieces that ``cuts`` make of it."""
    answer = JsonAnswer()
    for begin, end in pairwise((0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body))):
        answer.take(body[begin:end])
    return answer


def restored(answer: JsonAnswer) -> Any:
    """What was said, with each picture as base64 in its place."""
    text = answer.body.decode()
    for mark, picture in answer.pictures.items():
        text = text.replace(mark, base64.b64encode(picture).decode())
    return json.loads(text)


def in_json(text: str, **more: Any) -> bytes:
    return json.dumps({"data": text, **more}).encode()


@pytest.mark.parametrize("size", [1000, 65_536])
def test_a_picture_is_decoded_and_the_rest_stays_as_it_is(size: int) -> None:
    body = in_json(TEXT, model="one", parts=[{"text": 'said "so"'}, None, 1.5])
    answer = taken(body, *range(0, len(body), size))
    said = json.loads(answer.body)
    assert answer.pictures[said["data"]] == PICTURE
    assert said | {"data": ""} == {"data": "", "model": "one", "parts": [{"text": 'said "so"'}, None, 1.5]}
    assert len(answer.body) < 300


def test_every_one_of_several_pictures_has_a_mark_of_its_own() -> None:
    answer = taken(json.dumps([TEXT, TEXT[:-8], TEXT]).encode())
    assert [len(answer.pictures[mark]) for mark in json.loads(answer.body)] == [100_000, 99_996, 100_000]


@pytest.mark.parametrize(
    "text",
    [TEXT.rstrip("="), f"data:image/png;base64,{TEXT}", f"DATA:image/jpeg;charset=x;base64,{TEXT}"],
    ids=["without padding", "an address", "another address"],
)
def test_spellings_that_can_be_decoded_piece_by_piece_are(text: str) -> None:
    body = in_json(text)
    answer = taken(body, *range(0, len(body), 7001))
    assert list(answer.pictures.values()) == [PICTURE]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("+", "-").replace("/", "_"),
        "\n".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76)),
        TEXT[:40_000] + "QQ==" + TEXT[40_000:],
        TEXT[:40_000] + '"' + TEXT[40_000:],
        TEXT[:-3],
        TEXT + "=",
        f"data:image/png;base64,{TEXT[:80_000]}!",
        "word " * LONG,
        "\\" * LONG + "\\\\\"'",
    ],
    ids=[
        "for addresses",
        "lines",
        "two joined",
        "a quotation mark",
        "cut",
        "padded",
        "broken",
        "words",
        "slashes",
    ],
)
def test_every_other_text_stays_as_it_came(text: str) -> None:
    body = in_json(text)
    for size in (1, 4093) if len(text) < LONG * 3 else (4093, 65_536):
        answer = taken(body, *range(0, len(body), size))
        assert (answer.body, dict(answer.pictures)) == (body, {})


def test_an_answer_that_breaks_off_in_a_picture_is_broken() -> None:
    answer = taken(in_json(TEXT)[:50_000])
    assert answer.body == b'{"data": "'
    assert not answer.pictures


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(min_size=LONG, max_size=LONG + 9).map(
        lambda data: base64.b64encode(data).decode()
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(_JSON, st.booleans(), st.lists(st.integers(0, 200_000), max_size=8))
def test_nothing_is_lost_wherever_the_pieces_end(content: Any, ascii_only: bool, cuts: list[int]) -> None:
    body = json.dumps(content, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert restored(taken(body, *cuts)) == json.loads(body)
