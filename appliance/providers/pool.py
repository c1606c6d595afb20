"""Pooled connections to a provider."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import urllib.request
from functools import cache

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
    """A pooled client for one provider: HTTP/1.1, TLS verified, no redirects followed.

    No HTTP/2, which the official clients do not speak either. Cut into frames, a photo of 10 MB and its
    picture cost the app 130 ms of processor time instead of 25 (2026-11-29); an upload waits for the server's
    window at each round trip; and an answer that comes before the whole photo was sent is never heard.

    The environment's proxy settings (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``)
    hold, except for loopback addresses and where ``direct`` is wanted. Waiting for an answer is bounded
    by the deadline alone, because a provider may think for a minute before its first byte.
    """
    # At DEBUG these write header values, keys among them; httpx writes download addresses at INFO.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=tls_context(),
            # As many at once as there are permits.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=40, keepalive_expiry=30.0),
            proxy=None if direct else proxy_for(base_url),
            socket_options=SOCKET_OPTIONS,
        ),
        timeout=httpx.Timeout(connect=5.0, write=20.0, read=None, pool=5.0),
        follow_redirects=False,
        headers={"User-Agent": "PhotoChanger", "Accept-Encoding": "gzip"},
    )


@cache
def tls_context() -> ssl.SSLContext:
    """The verifying TLS context, read from disk once: loading it costs tens of milliseconds."""
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
