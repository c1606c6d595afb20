"""The OpenAPI description says what really happens: every status, error and example."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import httpx
import pytest

from appliance.core.errors import error_classes
from appliance.ingest.schemas import IngestReply
from tests.support.api import SUMMARY, description, operations, summary
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

OPERATIONS = list(operations())
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]


def test_the_api_is_the_one_that_the_summary_lists() -> None:
    """Written again by `scripts/openapi --golden`."""
    assert summary() == SUMMARY.read_text()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_operation_is_named_and_says_what_success_is(method: str, path: str, operation: Any) -> None:
    assert operation["summary"]
    assert any(status.startswith(("2", "3")) for status in operation["responses"])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_body_is_described(method: str, path: str, operation: Any) -> None:
    """A generated client reads an answer by it: a picture that may be JSON, too, it takes for JSON."""
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            assert content.get("schema"), f"{status} of {method} {path} as {media_type}"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_documented_error_has_an_example_of_its_own_status(
    method: str, path: str, operation: Any
) -> None:
    statuses = {str(code): cls.status_code for code, cls in error_classes().items()}
    for status, response in operation["responses"].items():
        if not status.startswith(("4", "5")) or status in {"412", "416"} or path == "/readyz":
            continue
        content = response.get("content", {}).get("application/json", {})
        examples = content.get("examples", {})
        assert examples, f"{status} of {method} {path} has no example"
        for code, example in examples.items():
            assert statuses[code] == int(status)
            assert example["value"]["error"]["code"] == code


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_what_needs_a_login_says_how_it_is_refused(method: str, path: str, operation: Any) -> None:
    if operation.get("security"):
        assert "401" in operation["responses"]


def test_a_text_of_which_few_are_possible_names_them_in_its_schema() -> None:
    """Not only in its description, such as "`sending` or `checking`"."""
    for name, schema in description()["components"]["schemas"].items():
        for field, said in schema.get("properties", {}).items():
            if re.match(r"`\w+`.*`\w+`", said.get("description", "")) and '"string"' in json.dumps(said):
                assert "enum" in json.dumps(said), f"{name}.{field}"


def test_what_tells_kinds_apart_is_never_left_out() -> None:
    text = json.dumps(description())
    for found in re.findall(r'"discriminator": (\{.*?\}\s*[^{}]*\})', text):
        told = json.loads(found)
        for reference in told["mapping"].values():
            schema = description()["components"]["schemas"][reference.rpartition("/")[2]]
            assert told["propertyName"] in schema.get("required", []), reference


async def test_real_answers_of_ingest_are_the_documented_ones(camera: Camera, shot: Shot) -> None:
    spec = description()
    documented = spec["paths"]["/api/ingest/{slot_id}"]["post"]["responses"]
    good = await camera.post("/api/ingest/slot-001?reply=json", shot)
    IngestReply.model_validate(good.json())
    assert set(good.json()) == set(spec["components"]["schemas"]["IngestReply"]["properties"])
    for target, password in [
        ("slot-001?reply=x", shot.password),
        ("slot-099", shot.password),
        ("slot-001", "wrong"),
    ]:
        reply = await camera.post(f"/api/ingest/{target}", Shot(shot.photo, password))
        assert str(reply.status) in documented
        assert reply.code in documented[str(reply.status)]["content"]["application/json"]["examples"]


@pytest.mark.parametrize("path", [path for method, path, _ in OPERATIONS if method == "GET"])
async def test_every_answer_says_whether_it_may_be_kept(stack: Stack, path: str) -> None:
    values = {"slot_id": "slot-001", "kind": "png", "version": "1"}
    address = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], str(uuid.uuid4())), path)
    async with httpx.AsyncClient(base_url=stack.url) as client:
        assert (await client.get(address)).headers["cache-control"]


async def test_the_description_is_not_served_to_everybody(camera: Camera) -> None:
    for path in ("/openapi.json", "/docs", "/redoc"):
        reader_status = (await camera.send(path, b"")).status
        assert reader_status in (404, 405)
