"""Several equal processes of one app, on one machine or several: where each of them listens, and what Nginx
is told of them.

Standard library only, as for ``local_http``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import PurePath

FIRST = 1
MOST_PROCESSES = 8
MOST_NODES = 9  # machines of one site, the first one included
NODE_PORT = 8100  # of a node's first process; the others have the next ones
# Nginx closes its idle connections to a process after this time (`keepalive_timeout` of the upstream).
IDLE_SECONDS = 4.0

_NODE = re.compile(r"(?P<host>[A-Za-z0-9.\-]+)(?::(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?)?")


def name_of(process: int) -> str:
    """``app``, ``app-2``, ``app-3``: what supervisord and the logs call a process."""
    return "app" if process == FIRST else f"app-{process}"


def names(processes: int) -> list[str]:
    """The names of all of them, in their order."""
    return [name_of(one) for one in numbers(processes)]


def numbers(processes: int) -> range:
    """1 … ``processes``."""
    return range(FIRST, FIRST + processes)


def is_app(name: str) -> bool:
    """Whether supervisord's process of this name is one of the app's."""
    return re.fullmatch(r"app(-\d+)?", name) is not None


def number_of(node: int, process: int) -> int:
    """A process's number among those of all machines: 1, 2 on the first one, 101, 102 on node 2."""
    return (node - 1) * 100 + process


def node_addresses(text: str) -> list[str]:
    """``10.0.0.2 10.0.0.3:8100-8101`` as the ``host:port`` of each process; raises ``ValueError``."""
    found: list[str] = []
    for part in re.split(r"[\s,]+", text.strip()):
        if not part:
            continue
        named = _NODE.fullmatch(part)
        if named is None:
            raise ValueError(f"{part} is no address of a node, such as 10.0.0.2 or 10.0.0.2:8100-8101")
        first = int(named["first"] or NODE_PORT)
        last = int(named["last"] or first)
        if not first <= last < first + MOST_PROCESSES:
            raise ValueError(f"{part} names no ports of 1 to {MOST_PROCESSES} processes")
        found += [f"{named['host']}:{port}" for port in range(first, last + 1)]
    return found


def of_environment() -> int:
    """How many the deployment wants; raises ``ValueError`` for what is no number."""
    return int(os.environ.get("APP_PROCESSES") or FIRST)


def listen_of(listen: str, process: int) -> str:
    """Where a process listens, given where the first does: at ``app-2.sock`` beside ``app.sock``.

    Raises ``ValueError`` for a port: only one process can have that.
    """
    if process == FIRST:
        return listen
    if not listen.startswith("unix:"):
        raise ValueError(f"Several processes listen at sockets, and {listen} is none.")
    first = PurePath(listen.removeprefix("unix:"))
    return f"unix:{first.with_name(f'{first.stem}-{process}{first.suffix}')}"


def upstream_servers(addresses: Sequence[str], nodes: Sequence[str] = ()) -> str:
    """The lines of Nginx's upstream for the processes at these addresses, and for those of other machines.

    Of several the one with the fewest requests is asked. None of this machine is left out for having failed:
    that nobody listens at a socket is known at once, and a process that is back must be asked at once, since
    the other may be the next to go. Another machine may be silent instead, which takes a request the time of
    ``proxy_connect_timeout``: it is left out for a moment.
    """
    servers = [f'server "{one}" max_fails=0;' for one in addresses]
    servers += [f"server {one} max_fails=3 fail_timeout=5s;" for one in nodes]
    return " ".join([*(["zone app 256k;", "least_conn;"] if len(servers) > 1 else []), *servers])


def staff_servers(addresses: Sequence[str]) -> str:
    """The same for what staff do: the first process, and the next one only where that cannot be reached."""
    first, *others = addresses
    return " ".join(
        [f'server "{first}" max_fails=0;', *(f'server "{one}" max_fails=0 backup;' for one in others)]
    )


def tries_next(processes: int) -> str:
    """Nginx's ``proxy_next_upstream``: when it asks another process.

    It never does for a POST that was sent; one that could not be sent goes to the next.
    """
    return "off" if processes == 1 else "error timeout"
