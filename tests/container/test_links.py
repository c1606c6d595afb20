"""How phones reach a stack: links that lead to this machine, and its name in the local network."""

from __future__ import annotations

import io
import json
from uuid import uuid4

import httpx
import pytest
import zxingcpp
from PIL import Image

from appliance.core.networks import lan_address
from tests.container.stack import ContainerStack
from tests.support.multicast import phone
from tests.support.photos import portrait_jpeg
from tests.support.waiting import until


def test_a_booth_on_the_same_machine_gets_a_code_that_phones_can_open(box: ContainerStack) -> None:
    address = lan_address()
    if address is None:
        pytest.skip("this machine has no address in a network")
    reply = box.send("/api/ingest/slot-001", box.shot(portrait_jpeg()))  # to 127.0.0.1
    assert reply.headers["x-qr-url"].startswith(f"http://{address}:{box.port}/")
    code = httpx.get(reply.headers["x-qr-url"], trust_env=False).content
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(code)))
    assert found.text == f"http://{address}:{box.port}/r/{reply.headers['x-job-id']}"
    assert httpx.get(found.text, trust_env=False).status_code == 200


def test_the_doctor_looks_at_the_address_that_codes_hold(box: ContainerStack) -> None:
    findings = json.loads(box.script("doctor", "--json", check=False).stdout)
    (found,) = [each for each in findings if each["code"] == "address"]
    assert (found["state"], found["parameters"]["base"]) == ("ok", f"http://{lan_address()}:{box.port}")


async def nobody_answers_to(name: str) -> bool:
    """Asked by a phone that has heard nothing before; another one may have missed that the name was taken
    back, as while this process waits for the engine nobody reads what it hears.
    """
    async with phone() as asking:
        return await asking.service(name) is None


async def test_the_stack_answers_to_a_local_name_until_it_is_stopped(box: ContainerStack) -> None:
    name = f"booth-{uuid4().hex[:8]}"
    async with phone() as asking:
        box.set(COMPOSE_PROFILES="local-name", LOCAL_NAME=name)
        try:
            box.compose("up", "--detach", "announce")
            info = await until(lambda: asking.service(name), seconds=30)
            assert await asking.addresses(name) == [asking.address]
            assert info.port == box.port
            box.compose("stop", "announce")
            await until(lambda: nobody_answers_to(name))
        finally:
            box.compose("rm", "--force", "--stop", "announce")
            box.set(COMPOSE_PROFILES="", LOCAL_NAME="")
