"""The base of guests' links: a wrong one is found before a guest scans it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from appliance.core.networks import lan_address
from appliance.core.public_base import guest_base
from appliance.guests.tokens import IDENTITY_PATH
from appliance.lifecycle.stack import certificates
from appliance.staff.settings.address import Addresses
from tests.conftest import Change
from tests.support.stack import CHECKOUT, Stack, free_port


def reached_by_phones() -> str:
    """An address of this machine that is not its own loopback."""
    found = lan_address()
    if found is None:
        pytest.skip("this machine has no address in a network")
    return found


@pytest.fixture
async def addresses(client: httpx.AsyncClient) -> Addresses:
    """What looks at addresses for the running appliance."""
    return Addresses((await client.get(IDENTITY_PATH)).text)


@asynccontextmanager
async def answering(body: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Somebody who answers every request with ``body``; the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_the_right_address_is_fine(addresses: Addresses, stack: Stack) -> None:
    check = await addresses.check(f"http://{reached_by_phones()}:{stack.port}")
    assert check.state == "fine"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "photochanger", "nginx", "0.0.0.0"])
async def test_what_means_something_else_on_a_phone_is_told(addresses: Addresses, host: str) -> None:
    assert (await addresses.check(f"http://{host}:8080")).state == "own_machine"


async def test_a_wrong_port_and_a_wrong_name_are_told(addresses: Addresses) -> None:
    nobody = await addresses.check(f"http://{reached_by_phones()}:{free_port()}")
    assert nobody.state == "unreachable"
    assert (await addresses.check("http://no-such-name.invalid")).state == "no_such_name"


async def test_another_machine_is_told_from_this_appliance(addresses: Addresses) -> None:
    async with answering('{"status":"ok"}') as port:
        check = await addresses.check(f"http://{reached_by_phones()}:{port}")
    assert (check.state, check.detail) == ("somebody_else", ""), "a stranger's status is not told"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "100.100.100.200",
        "224.0.0.1",
        "[fd00:ec2::254]",
    ],
)
async def test_addresses_that_tell_a_machines_secrets_are_never_asked(
    addresses: Addresses, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[httpx.Request] = []
    monkeypatch.setattr(
        httpx.AsyncHTTPTransport, "handle_async_request", lambda _, request: asked.append(request)
    )
    assert (await addresses.check(f"http://{host}")).state == "nobodys"
    assert asked == []


async def test_a_name_is_asked_at_the_numbers_that_were_looked_at(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, looked = asyncio.get_running_loop(), []

    async def changing(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        looked.append(host)
        number = reached_by_phones() if len(looked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 0))]

    async with answering("somebody") as port:
        monkeypatch.setattr(loop, "getaddrinfo", changing)
        check = await addresses.check(f"http://changing.example:{port}")
        monkeypatch.undo()
    assert (check.state, looked) == ("somebody_else", ["changing.example"])


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fe80::1]", "169.254.43518", "0xa9fea9fe", "2852039166", "[::ffff:a9fe:a9fe]"],
)
async def test_no_host_that_a_client_sends_makes_a_link_to_a_forbidden_address(host: str) -> None:
    base = guest_base(None, None, "http", host)
    assert base in (f"http://{lan_address()}", "http://localhost")


async def test_a_certificate_that_phones_do_not_trust_is_told(
    addresses: Addresses, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    host = reached_by_phones()
    certificates.make(tmp_path, tmp_path, [host])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / certificates.CERTIFICATE, tmp_path / certificates.KEY)
    async with answering((await client.get(IDENTITY_PATH)).text, tls) as port:
        check = await addresses.check(f"https://{host}:{port}")
    assert check.state == "no_certificate"


async def test_https_where_nothing_is_encrypted_is_told(addresses: Addresses, stack: Stack) -> None:
    check = await addresses.check(f"https://{reached_by_phones()}:{stack.port}")
    assert check.state == "not_encrypted"


async def test_the_doctor_finds_a_wrong_base(stack: Stack, setting: Change) -> None:
    assert await doctors_word(stack) == "ok"
    await setting("public_base_url", f"http://{reached_by_phones()}:{stack.port}")
    assert await doctors_word(stack) == "ok"
    await setting("public_base_url", f"http://localhost:{stack.port}")
    assert await doctors_word(stack) == "bad"


async def doctors_word(stack: Stack) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "doctor", "--json"),
        cwd=CHECKOUT,
        env=stack.environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    (found,) = [one for one in json.loads(out) if one["code"].removeprefix("issue.").startswith("address")]
    state: str = found["state"]
    return state
