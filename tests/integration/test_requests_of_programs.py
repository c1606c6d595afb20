"""What a program that is written against the API does wrong, or differently, at first."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi.exceptions import RequestValidationError

from appliance.core.error_handlers import from_validation
from tests.support.api import answers, description, operations


async def test_a_wrong_method_is_told_every_method_of_the_address(client: httpx.AsyncClient) -> None:
    reply = await client.options("/api/slots/slot-001")
    assert reply.headers["allow"] == "GET, PUT"
    assert "it accepts GET, PUT." in reply.json()["error"]["message"]


async def test_an_address_does_not_name_the_methods_of_an_id_in_its_place(client: httpx.AsyncClient) -> None:
    reply = await client.options("/api/shared-galleries/approvals")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"{bad", {"Content-Type": "application/json"}, "is not valid JSON"),
        (b'{"username": "serg"}', {}, "Content-Type: application/json"),
    ],
)
async def test_a_body_that_is_no_json_is_named_as_such(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], said: str
) -> None:
    reply = await client.post("/api/login", content=body, headers=headers)
    assert said in reply.json()["error"]["fields"]["body"]


def test_a_field_keeps_its_name_even_if_it_is_called_like_a_part_of_the_request() -> None:
    found = [{"type": "extra_forbidden", "loc": ("body", "path"), "msg": "", "input": 1}]
    assert list(from_validation(RequestValidationError(found)).fields) == ["path"]


async def test_monitors_may_ask_with_head(client: httpx.AsyncClient) -> None:
    assert [(await client.head(path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]


async def test_an_id_that_cannot_be_one_leads_nowhere_like_an_unknown_one(admin: httpx.AsyncClient) -> None:
    for method, path, operation in operations():
        if "{" in path:
            body = {"to": "slot-001"} if path.endswith("/duplicate") else {}
            reply = await admin.request(method, re.sub(r"{\w+}", "x", path), json=body)
            assert reply.status_code == 404, (method, path)
            assert reply.json()["error"]["code"] in answers(operation), (method, path)


async def test_a_time_is_spelt_out(admin: httpx.AsyncClient) -> None:
    """A bare number is no time, wherever the description asks for one."""
    for method, path, operation in operations():
        queries = [one["name"] for one in operation.get("parameters", ()) if "date-time" in str(one)]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
        fields = description()["components"]["schemas"].get(name, {}).get("properties", {})
        times = [field for field, schema in fields.items() if "date-time" in str(schema)]
        if queries or times:
            sent: dict[str, Any] = {"json": dict.fromkeys(times, 1790000000)} if times else {}
            address = re.sub(r"{\w+}", "1", path)
            reply = await admin.request(method, address, params=dict.fromkeys(queries, "1e9"), **sent)
            said = reply.json()["error"]["fields"]
            assert {said[one] for one in (*queries, *times)} == {"must be a time like 2026-11-23T18:04:11Z"}
