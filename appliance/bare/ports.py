"""Finding ports, and saying which one is taken."""

import errno
import socket

from appliance.bare.data_folder import DataFolder, Ports
from appliance.bare.problem import Problem
from appliance.core.networks import speaks_ipv6


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def require(port: int) -> None:
    """Refuse a public port that cannot be opened, by name."""
    _require(socket.AF_INET, "0.0.0.0", port)  # noqa: S104 - booths and guests are on the network
    if speaks_ipv6():
        _require(socket.AF_INET6, "::", port)


def _require(family: socket.AddressFamily, host: str, port: int) -> None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            raise Problem(_why_not(port, error)) from None


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
    postgres = before.postgres if before and is_free("127.0.0.1", before.postgres) else free_port()
    ports = Ports(public=public, postgres=postgres if postgres != public else free_port())
    folder.write_ports(ports)
    return ports
