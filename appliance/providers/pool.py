"""Pooled connections to a provider, and what keeps a pool healthy after exchanges were broken off."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

# Seconds after which a connection is given up on which not even the other end's kernel says a word: the way
# out of the venue has changed, or a router forgot it. While there is time, the photo is tried again on a new
# one; by itself the kernel waits for a quarter of an hour. A provider may think as long as it likes.
LOST_SECONDS = 10
_OPTIONS = {"TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": LOST_SECONDS * 1000}
SOCKET_OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # Some systems lack some of them.
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _OPTIONS.items()
        if hasattr(socket, name)
    ),
]


def build_client(base_url: str, *, direct: bool = False) -> httpx.AsyncClient:
    """A pooled client for one provider: HTTP/2 where offered, TLS verified, no redirects followed.

    The environment's proxy settings (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``)
    hold, except for loopback addresses and where ``direct`` is wanted. Waiting for an answer is bounded
    by the deadline alone, because a provider may think for a minute before its first byte.
    """
    # At DEBUG these three write header values, keys among them; httpx writes download addresses at INFO.
    for name in ("httpx", "httpcore", "hpack", "h2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40, keepalive_expiry=30.0)
    proxy = None if direct else proxy_for(base_url)

    def pool() -> httpx.AsyncBaseTransport:
        return httpx.AsyncHTTPTransport(
            verify=tls_context(http2=True),
            http2=True,
            limits=limits,
            proxy=proxy,
            socket_options=SOCKET_OPTIONS,
        )

    return httpx.AsyncClient(
        transport=RenewingTransport(pool),
        timeout=httpx.Timeout(connect=5.0, write=20.0, read=None, pool=5.0),
        follow_redirects=False,
        headers={"User-Agent": "PhotoChanger", "Accept-Encoding": "gzip"},
    )


@cache
def tls_context(*, http2: bool) -> ssl.SSLContext:
    """The verifying TLS context, read from disk once: loading it costs tens of milliseconds.

    One each for HTTP/2 and without, because the transport writes its protocols into it.
    """
    del http2
    return httpx.create_ssl_context()


def proxy_for(base_url: str) -> str | None:
    """The proxy that the environment names for ``base_url``, if any."""
    url = httpx.URL(base_url)
    if url.host == "localhost" or _is_loopback(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{address}" if address and "://" not in address else address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True, eq=False)
class _Pool:
    transport: httpx.AsyncBaseTransport
    running: int = 0
    exclusive: bool = False  # HTTP/1.1: no two exchanges share a connection


class RenewingTransport(httpx.AsyncBaseTransport):
    """A connection pool that is replaced after an exchange was broken off.

    Over HTTP/1.1 a broken-off exchange closes its own connection. Over HTTP/2 the connection is
    shared and stays open: a write cancelled half-way leaves a torn frame, and the late data of
    a cancelled stream is never acknowledged, so that a few big pictures use up the window and
    everything after them stalls. Therefore new exchanges get a fresh pool, and the old one is
    closed when its last exchange ends.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._current = _Pool(make())
        self._retired: set[_Pool] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request through the current pool."""
        pool = self._current
        pool.running += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException as error:
            await self._ended(pool, broken_off=not isinstance(error, Exception))
            raise
        pool.exclusive = response.extensions.get("http_version") != b"HTTP/2"
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - narrows the type
        response.stream = _WatchedStream(
            response.stream, lambda whole: self._ended(pool, broken_off=not whole)
        )
        return response

    async def _ended(self, pool: _Pool, *, broken_off: bool) -> None:
        pool.running -= 1
        if broken_off and pool is self._current and not pool.exclusive:
            self._current = _Pool(self._make())
            self._retired.add(pool)
        if not pool.running and pool in self._retired:
            self._retired.discard(pool)
            await pool.transport.aclose()

    async def aclose(self) -> None:
        """Close every connection, also of the pools that were given up."""
        for pool in (self._current, *self._retired):
            await pool.transport.aclose()
        self._retired.clear()


class _WatchedStream(httpx.AsyncByteStream):
    """Passes a body on and tells at the end whether all of it was read."""

    def __init__(self, stream: httpx.AsyncByteStream, ended: Callable[[bool], Any]) -> None:
        self._stream, self._ended = stream, ended
        self._whole = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk
        self._whole = True

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                await self._stream.aclose()
            finally:
                await self._ended(self._whole)
