"""Finding ports, and saying which one is taken."""

import errno
import secrets
import socket
import time

from appliance.bare.data_folder import DataFolder, Ports
from appliance.bare.problem import Problem
from appliance.core.networks import speaks_ipv6

_PATIENCE = 2.0  # seconds in which a process that was just killed has let go of its port
PORTS = range(20_000, 32_000)  # below those that the system takes for outgoing connections, which come and go


def free_port() -> int:
    """A loopback port that nobody uses now."""
    while True:
        port = secrets.choice(PORTS)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    return _tried(socket.AF_INET, "127.0.0.1", port) is None


def require(port: int) -> None:
    """Refuse a public port that cannot be opened, by name."""
    places = [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - booths and guests are on the network
    if speaks_ipv6():
        places.append((socket.AF_INET6, "::"))
    until = time.monotonic() + _PATIENCE
    for place in places:
        while (error := _tried(*place, port)) is not None:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise Problem(_why_not(port, error))
            time.sleep(0.1)


def _tried(family: socket.AddressFamily, host: str, port: int) -> OSError | None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken by another program. Stop that program, or choose another port:\n"
            f"    scripts/run --port {port + 1 if port < 65535 else 8080}"
        )
    if error.errno == errno.EACCES:
        return f"Only root may open port {port}. Choose one from 1024 up:\n    scripts/run --port 8080"
    return f"Port {port} cannot be opened: {error.strerror}."


def choose(folder: DataFolder, public: int) -> Ports:
    """The ports of this start: the database's of the last start if it is still free."""
    before = folder.read_ports()
    postgres = before.postgres if before and is_free(before.postgres) else free_port()
    ports = Ports(public=public, postgres=postgres if postgres != public else free_port())
    folder.write_ports(ports)
    return ports
