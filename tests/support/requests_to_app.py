"""``requests`` over a Unix socket: to the app itself, as Nginx reaches it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

BASE = "http://app"


class _Pool(HTTPConnectionPool):
    def __init__(self, path: Path) -> None:
        class Connection(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                made = socket.socket(socket.AF_UNIX)
                made.connect(str(path))
                return made

        self.ConnectionCls = Connection
        super().__init__("app")


class _Adapter(HTTPAdapter):
    def __init__(self, path: Path) -> None:
        self._pool = _Pool(path)
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


def session_to(path: Path) -> requests.Session:
    """Asks whoever listens at the socket ``path`` for what is under ``BASE``."""
    made = requests.Session()
    made.trust_env = False
    made.mount(BASE, _Adapter(path))
    return made
