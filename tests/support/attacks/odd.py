"""Attacks that keep to no protocol: odd values, smuggled requests, ranges and compression."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import zlib

from tests.support.attacks.wire import BROKEN, JSON, STRANGER, Attack, request

ODD = [
    request("GET", "/admin/", b"", "HX-Current-URL: http://[", "HX-Request: true"),
    request("POST", "/api/login", b'{"username": "\\ud800", "password": "\\ud800"}', JSON),
    request("POST", "/api/login", b'{"username": "a\\u0000b", "password": "\\u0000"}', JSON),
    request("GET", "/g/AAAAAAAAAAAAAAAAAAAAAA", b"", "Cookie: gallery_pin=\u00e9\u00ff"),
    request("POST", "/g/AAAAAAAAAAAAAAAAAAAAAA", b"pin=%00%ff", "Cookie: gallery_pin=\u00e9"),
    request("GET", "/s/%00%00"),
    request("GET", "/r/%ed%a0%80"),
    request("GET", "/api/jobs?since=0001-01-01T00:00:00%2B14:00", b"", "Authorization: Bearer \u00e9"),
    request(
        "POST", "/api/ingest/%00?reply=%00", b"--\r\n", "Content-Type: multipart/form-data; boundary=\u00e9"
    ),
    request("POST", "/api/ingest/slot-001", b"x" * 9000, "Content-Type: multipart/form-data; boundary=x"),
    request("PUT", "/api/settings", b"[" * 60_000, JSON, "Authorization: Bearer a.b.c"),
    request("GET", "/public/results/" + "9" * 3000),
]
PER_SECOND = 96


async def odd_requests(attack: Attack) -> None:
    """So many a second, each of a kind that once ended other clients' connections."""
    requests = itertools.cycle(ODD)
    attack.begin()
    asked = []
    while attack.goes_on:
        asked.append(asyncio.create_task(attack.ask(next(requests))))
        await asyncio.sleep(1 / PER_SECOND)
    await asyncio.gather(*asked)


INSIDE = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n"
POST = b"POST /api/login HTTP/1.1\r\nHost: photobox\r\n"
SMUGGLED = [
    POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(INSIDE)) + INSIDE,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + INSIDE + b"0\r\n\r\n",
    POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INSIDE) + INSIDE,
    POST + b"Content-Length: 0, %d\r\n\r\n" % len(INSIDE) + INSIDE,
    POST + b"Content-Length: +0\r\n\r\n" + INSIDE,
    POST + b"Content-Length : 0\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding: chunked\r\n\r\n0;x=\n\r\n\r\n" + INSIDE,
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n\r\n" + INSIDE,
    POST + b"X: y\r\n Content-Length: 9\r\n\r\n" + INSIDE,
    POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    b"GET http://x/healthz HTTP/1.1\r\nHost: y\r\nContent-Length: %d\r\n\r\n" % len(INSIDE) + INSIDE,
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


async def smuggled_requests(attack: Attack) -> None:
    """Requests that two readers may end at different places; what is answered besides counts as extra."""
    requests = itertools.cycle(SMUGGLED)

    async def send() -> None:
        said = b""
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with attack.connection() as (reader, writer):
                writer.write(next(requests))
                async with asyncio.timeout(0.5):
                    while more := await reader.read(65536):
                        said += more
        first = said.partition(b"\r\n")[0].split()
        attack.answers[first[1].decode() if len(first) > 1 else BROKEN] += 1
        if b"photochanger_" in said or b"python_gc" in said:
            attack.answers["metrics were seen"] += 1

    await attack.repeat(send, 4)


async def ranges_and_compression(attack: Attack) -> None:
    """Thousands of ranges of one picture, and bodies that would swell if anybody unpacked them."""
    path, swelling = attack.facts["picture"], bytes(100_000_000)
    ranges = ",".join(f"{start}-" for start in range(1200))
    single = ",".join(f"{start}-{start}" for start in range(0, 4000, 2))
    packed = gzip.compress(swelling, 9)[:250_000]
    deflated = zlib.compress(swelling, 9)[:250_000]
    requests = itertools.cycle(
        [
            request("GET", path, b"", f"Range: bytes={ranges}"),
            request("GET", path, b"", f"Range: bytes={single}"),
            request("GET", path, b"", "Range: bytes=0-0,-1,0-,99999999999999999999-"),
            request("POST", "/api/login", packed, JSON, "Content-Encoding: gzip"),
            request("POST", "/admin/login", deflated, "Content-Encoding: deflate"),
            request("GET", "/admin/login", b"", "Accept-Encoding: " + "gzip;q=1," * 1000),
            request("POST", "/api/ingest/slot-001", packed, "Content-Encoding: gzip"),
        ]
    )
    await attack.repeat(lambda: attack.ask(next(requests), STRANGER), 4)
