"""The shared HTTP helpers: bounds in time and size, pools, and what a provider's words become."""

from __future__ import annotations

import asyncio
import base64
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.lifecycle.stack import certificates
from appliance.providers import pool
from appliance.providers.base import (
    ProviderBadKey,
    ProviderError,
    ProviderNotServed,
    ProviderPermanent,
    ProviderQuota,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.http import Answer, exchange, post, retry_after, status_error
from appliance.providers.pictures import decoded_base64
from appliance.providers.pool import LOST_SECONDS, build_client, proxy_for
from appliance.providers.scrub import scrub, word

URL = "https://provider.example/api"


def client_for(handler) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


async def slowly(*chunks: bytes, pause: float = 0.0):
    for chunk in chunks:
        await asyncio.sleep(pause)
        yield chunk


async def test_a_body_that_says_it_is_too_large_is_not_read():
    read = []

    async def body():
        read.append(1)
        yield b"x"

    handler = lambda _: httpx.Response(200, headers={"Content-Length": "1001"}, content=body())  # noqa: E731
    async with client_for(handler) as client:
        with pytest.raises(ProviderPermanent, match="answer_too_large"):
            await exchange(client, "GET", URL, Deadline.after(5), max_bytes=1000)
    assert read == []


async def test_a_body_is_given_up_as_soon_as_it_is_too_large():
    sent = 0

    async def body():
        nonlocal sent
        while True:
            sent += 1000
            yield bytes(1000)

    async with client_for(lambda _: httpx.Response(200, content=body())) as client:
        with pytest.raises(ProviderPermanent, match="answer_too_large"):
            await exchange(client, "GET", URL, Deadline.after(5), max_bytes=10_000)
    assert sent <= 20_000


async def test_a_body_that_unpacks_to_too_much_is_too_large():
    packed = gzip.compress(bytes(1_000_000))
    handler = lambda _: httpx.Response(  # noqa: E731
        200, headers={"Content-Encoding": "gzip"}, content=slowly(packed)
    )
    async with client_for(handler) as client:
        with pytest.raises(ProviderPermanent, match="answer_too_large"):
            await exchange(client, "GET", URL, Deadline.after(5), max_bytes=100_000)


async def test_a_body_that_is_not_what_its_encoding_says_is_unreachable():
    handler = lambda _: httpx.Response(  # noqa: E731
        200, headers={"Content-Encoding": "gzip"}, content=slowly(b"not gzip at all")
    )
    async with client_for(handler) as client:
        with pytest.raises(ProviderUnreachable, match="bad_encoding"):
            await exchange(client, "GET", URL, Deadline.after(5), max_bytes=1000)


async def test_an_answer_that_stalls_half_way_leaves_time_for_another_try():
    async with client_for(lambda _: httpx.Response(200, content=slowly(b"a", b"b", pause=5))) as client:
        deadline = Deadline.after(5)
        with pytest.raises(ProviderUnreachable, match="stalled"):
            await exchange(client, "GET", URL, deadline, max_bytes=1000, stall_seconds=0.05)
    assert deadline.remaining() > 4


async def test_a_slow_answer_ends_with_the_deadline():
    async with client_for(lambda _: httpx.Response(200, content=slowly(*[b"x"] * 99, pause=0.02))) as client:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await exchange(client, "GET", URL, Deadline.after(0.1), max_bytes=1000)
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectTimeout(""), "connect_timeout"),
        (httpx.PoolTimeout(""), "pool_timeout"),
        (httpx.WriteTimeout(""), "wire_timeout"),
        (httpx.ConnectError("secret words"), "connect_failed"),
        (httpx.ReadError("secret words"), "connection_broken"),
        (httpx.RemoteProtocolError("secret words"), "connection_broken"),
        (httpx.LocalProtocolError("Illegal header value b'secret words'"), "connection_broken"),
        (httpx.ProxyError("secret words"), "connection_broken"),
    ],
)
async def test_what_breaks_on_the_wire_has_a_stable_reason_and_quotes_nothing(error, reason):
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    async with client_for(handler) as client:
        with pytest.raises(ProviderUnreachable) as failed:
            await post(client, URL, Deadline.after(5), max_bytes=1000)
    assert str(failed.value) == reason
    assert failed.value.__cause__ is None


async def test_a_name_that_does_not_exist_is_told_apart(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with build_client("https://provider.invalid") as client:
        with pytest.raises(ProviderUnreachable, match="dns_failed"):
            await post(client, "https://provider.invalid/api", Deadline.after(5), max_bytes=1000)


@pytest.mark.parametrize("url", ["https://", "ht!tp://x", "https://[::1/"])
async def test_a_base_address_that_is_none_is_an_error_of_the_route(url):
    async with httpx.AsyncClient() as client:
        with pytest.raises(ProviderError):
            await post(client, url, Deadline.after(5), max_bytes=1000)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "", ProviderPermanent), (404, "x", ProviderPermanent), (401, "x", ProviderBadKey),
        (403, "x", ProviderNotServed), (403, "", ProviderUnreachable), (402, "x", ProviderSpent),
        (408, "", ProviderUnreachable), (429, "", ProviderQuota), (500, "x", ProviderUnreachable),
        (504, "", ProviderUnreachable), (529, "x", ProviderUnreachable),
    ],
)  # fmt: skip
def test_a_status_has_its_class(status, reason, kind):
    error = status_error(Answer(status, httpx.Headers(), b""), reason)
    assert type(error) is kind
    assert error.reason == (reason or f"http_{status}")
    assert error.http_status == status


def test_retry_after_is_seconds_or_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": "12"}) == 12.0
    assert retry_after({"retry-after": later}) == pytest.approx(90, abs=2)
    ours_is_late = {"date": later, "retry-after": later}
    assert retry_after(ours_is_late) == 0.0, "by the provider's clock, whatever ours shows"
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"retry-after": "0.75"}) == 0.75
    assert retry_after({"retry-after-ms": "1500"}) == 1.5
    assert retry_after({"retry-after-ms": "1500.5", "retry-after": "2"}) == 1.5005
    assert retry_after({"retry-after-ms": "soon", "retry-after": "2"}) == 2.0
    assert retry_after({"retry-after": "99999999999"}) == 86_400.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({"retry-after": "-5"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    "text",
    [
        "-_-_", "+/+/", "-_-_\n", " -_\r\n-_", "data:image/png;base64,-_-_", "DATA:image/x;y=z;BASE64,+/-_",
    ],
)  # fmt: skip
def test_base64_is_read_in_every_spelling(text):
    assert decoded_base64(text) == b"\xfb\xff\xbf"


@pytest.mark.parametrize("length", range(5))
def test_base64_needs_no_padding(length):
    whole = base64.urlsafe_b64encode(bytes(range(250, 250 + length))).decode()
    assert decoded_base64(whole) == decoded_base64(whole.rstrip("=")) == bytes(range(250, 250 + length))


@pytest.mark.parametrize("text", ["*AAA", "AAAAA", "AA=A", "data:image/png,AAAA", "data:", "кот", "AA%3D%3D"])
def test_what_is_not_base64_is_not_guessed_at(text):
    with pytest.raises(ValueError):
        decoded_base64(text)


def test_a_message_is_cut_and_loses_keys_prompts_and_picture_data():
    key, prompt = "abcd-efgh-ijkl-mnop", "Ivan Petrov of table nine\nas a pirate captain"
    message = (
        f"key {key} is bad,\n prompt 'of table nine as a pirate cap…' too, Bearer zzz and AIzaSyA1234567890, "
        f"sk-proj-1234567890, data:image/png;base64,iVBORw0KGgo= and {'QUJD' * 50}; " + "word " * 100
    )
    said = scrub(message, (key, prompt, None, ""))
    assert len(said) == 300
    assert said.startswith("key […] is bad, prompt '[…]…' too, […] and […], […], […] and […]; word")


def test_a_reason_is_a_short_word():
    assert word("RESOURCE_EXHAUSTED") == "RESOURCE_EXHAUSTED"
    assert word("some <b>words</b>\n here") == "some_b_words_b_here"
    assert word(None, "else") == "else"
    assert len(word("x" * 500)) == 60


def test_the_environments_proxy_holds_except_for_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.venue:3128")
    monkeypatch.setenv("NO_PROXY", "inside.venue")
    monkeypatch.setenv("no_proxy", "inside.venue")
    assert proxy_for("https://provider.example") == "http://proxy.venue:3128"
    assert proxy_for("https://inside.venue") is None
    assert proxy_for("https://127.0.0.1:9000") is None
    assert proxy_for("https://localhost:9000") is None
    assert proxy_for("http://provider.example") is None


@asynccontextmanager
async def provider_with_tls(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[str]:
    """A provider that would rather speak HTTP/2, and whose certificate is trusted."""
    certificates.make(folder / "secrets", folder / "tls", ["127.0.0.1"])
    trusted = ssl.create_default_context(cafile=str(folder / "tls" / certificates.AUTHORITY))
    monkeypatch.setattr(pool, "tls_context", lambda: trusted)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(folder / "tls" / certificates.CERTIFICATE, folder / "tls" / certificates.KEY)
    own.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_answer_that_comes_before_the_whole_photo_was_sent_is_heard(tmp_path, monkeypatch):
    """As to one photo too many: over HTTP/2 it was waited for until the deadline."""
    spoken = []

    async def answer(reader, writer):
        spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}")
        while await reader.read(65_536):
            pass
        writer.close()

    async def photo():
        for _ in range(160):
            yield b"x" * 65_536

    async with provider_with_tls(answer, tmp_path, monkeypatch) as url, build_client(url) as client:
        heard = await exchange(
            client, "POST", url, Deadline.after(20), max_bytes=99, content=photo(),
            headers={"Content-Length": str(160 * 65_536)},
        )  # fmt: skip
    assert (heard.status, heard.headers["retry-after"]) == (429, "7")
    assert spoken == ["http/1.1"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux knows it")
async def test_a_connection_that_the_network_has_lost_is_given_up_while_a_photo_can_still_be_tried_again():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, build_client(url) as client, client.stream("GET", url) as response:
        line = response.extensions["network_stream"].get_extra_info("socket")
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < LOST_SECONDS
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == LOST_SECONDS * 1000
