"""Fetches a picture from the address that a provider returned, and from nowhere else.

The address is a stranger's: it may point into the venue's network, change its mind between the
check and the connection, or redirect. So every address behind a name must be public, the
connection goes to the very address that was checked, and each redirect is checked again. Only the
provider's own origin (scheme, host and port of its configured base address) is exempt, which
lets venue proxies and stand-ins work, and only it is ever sent our key.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, repeat

import httpx

from appliance.core.clock import Deadline
from appliance.providers.base import (
    EditedImage,
    ProviderBadPicture,
    ProviderError,
    ProviderNoImage,
    ProviderPermanent,
    ProviderUnreachable,
)
from appliance.providers.http import MIB, Answer, exchange
from appliance.providers.pictures import checked_picture
from appliance.providers.pool import SOCKET_OPTIONS, proxy_for, tls_context

MAX_REDIRECTS = 3
MAX_ADDRESSES = 3  # of one name that are tried
# 403 is also what a store of files says of one that is not there yet, where its files may not be listed.
_NOT_YET = frozenset({403, 404, 408, 410, 425, 429, 500, 502, 503, 504})
_PHASES = httpx.Timeout(10.0, connect=4.0)  # seconds a phase; the file is ready, so nothing takes long
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolver = Callable[[str, int], Awaitable[list[str]]]
TransportFactory = Callable[[str | None], httpx.AsyncBaseTransport]


async def resolve(host: str, port: int) -> list[str]:
    """Every address behind ``host``, without repetition, in the system's order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether ``address`` lies in the public internet, also when it is wrapped in an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False  # with a zone ("fe80::1%eth0") it is local anyway
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.teredo or ip.scope_id:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def _pinned_transport(proxy: str | None) -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(verify=tls_context(), proxy=proxy, socket_options=SOCKET_OPTIONS)


@dataclass(frozen=True, slots=True)
class Downloader:
    """Fetches pictures for one provider.

    ``client`` and ``base_url`` are the provider's own; ``waits`` are the pauses in seconds before
    further tries when the picture is not there yet, the last one as often as there is time;
    ``max_bytes`` bounds the picture.
    """

    client: httpx.AsyncClient
    base_url: str
    max_bytes: int = 24 * MIB
    waits: tuple[float, ...] = (0.5, 1.0, 2.0)
    resolve: Resolver = resolve
    transport: TransportFactory = _pinned_transport

    async def fetch_picture(
        self,
        url: str,
        deadline: Deadline,
        *,
        key_headers: Mapping[str, str] | None = None,
        response_id: str | None = None,
    ) -> EditedImage:
        """The picture at ``url``, checked; ``key_headers`` go to the provider's own origin only.

        A missing picture or a broken connection is tried again while the deadline allows, since
        the picture was paid for and may be there a second later. Nobody may order another then.
        """
        waits = chain(self.waits, repeat(self.waits[-1]))
        async with deadline.guard():
            while True:
                try:
                    return await self._fetch_once(url, deadline, key_headers or {}, response_id)
                except (_NotYet, ProviderUnreachable) as error:
                    wait = next(waits)
                    if deadline.remaining() <= wait:
                        error.response_id, error.again = response_id, False
                        raise
                    await asyncio.sleep(wait)

    async def _fetch_once(
        self, url: str, deadline: Deadline, key_headers: Mapping[str, str], response_id: str | None
    ) -> EditedImage:
        address = _parse(url)
        for _ in range(1 + MAX_REDIRECTS):
            answer = await self._get(address, deadline, key_headers)
            if not 300 <= answer.status < 400:
                break
            target = _parse(answer.headers.get("location", ""), address)
            if address.scheme == "https" and target.scheme != "https":
                raise ProviderPermanent("insecure_redirect", http_status=answer.status)
            address = target
        else:
            raise ProviderPermanent("too_many_redirects", http_status=answer.status)
        if answer.status in _NOT_YET:
            raise _NotYet(f"download_{answer.status}", http_status=answer.status)
        if answer.status != 200:
            # The picture was made and is billed, as one that cannot be used.
            raise ProviderBadPicture(f"download_{answer.status}", http_status=answer.status)
        return await checked_picture(answer.body, response_id=response_id)

    async def _get(self, url: httpx.URL, deadline: Deadline, key_headers: Mapping[str, str]) -> Answer:
        headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
        if _origin(url) == _origin(httpx.URL(self.base_url)):
            return await exchange(
                self.client,
                "GET",
                url,
                deadline,
                max_bytes=self.max_bytes,
                headers={**headers, **key_headers},
                timeout=_PHASES,
            )
        error: ProviderError | None = None
        for address in await self._public_addresses(url):
            async with self._pinned_client(url) as client:
                try:
                    return await exchange(
                        client,
                        "GET",
                        url.copy_with(host=address),
                        deadline,
                        max_bytes=self.max_bytes,
                        headers={**headers, "Host": url.netloc.decode("ascii")},
                        # The certificate is checked against the name, not the number.
                        extensions={"sni_hostname": url.raw_host.decode("ascii")},
                    )
                except ProviderUnreachable as failed:
                    error = failed
        raise error or ProviderUnreachable("dns_failed")

    async def _public_addresses(self, url: httpx.URL) -> list[str]:
        try:
            addresses = await self.resolve(url.raw_host.decode("ascii"), _origin(url)[2])
        except (socket.gaierror, UnicodeError):
            raise ProviderUnreachable("dns_failed") from None
        if not all(is_public(address) for address in addresses):
            raise ProviderPermanent("forbidden_address", "the download address is not a public one")
        return addresses[:MAX_ADDRESSES]

    @asynccontextmanager
    async def _pinned_client(self, url: httpx.URL) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one exchange: a pooled connection to the same number may be another name's."""
        transport = self.transport(proxy_for(str(url)))
        async with httpx.AsyncClient(transport=transport, timeout=_PHASES) as client:
            yield client


def safe_address(url: str, base_url: str) -> str:
    """A picture's address, which must be encrypted unless it lies on the origin of ``base_url``."""
    if not url.startswith("https://") and not is_of(url, base_url):
        raise ProviderPermanent("insecure_address", "the picture's address is not https")
    return url


def is_of(url: str, base_url: str) -> bool:
    """Whether ``url`` lies on the origin of ``base_url``: same scheme, host and port, no other's name."""
    try:
        asked = _parse(url)
    except ProviderPermanent:
        return False
    return _origin(asked) == _origin(httpx.URL(base_url))


class _NotYet(ProviderNoImage):
    """The picture is not there; it may be a moment later."""


def _parse(url: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        parsed = base.join(url) if base is not None and url else httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise ProviderPermanent("bad_download_address") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise ProviderPermanent("bad_download_address")
    return parsed


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)
