"""The HTTP clients of tests and stand-ins share their TLS contexts.

Making one reads all authorities, 13 ms of a processor; there are thousands of clients, and most of them
speak plain HTTP.
"""

from __future__ import annotations

from functools import cache

from httpx._transports import default

default.create_ssl_context = cache(default.create_ssl_context)
