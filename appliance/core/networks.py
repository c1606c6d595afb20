"""The IPv4 addresses of this machine, and which of them a phone in the room can reach.

Told by the interface that holds an address: what comes first leads to guests' phones, what carries a
``problem`` does not. Needs nothing but Linux and the standard library.
"""

from __future__ import annotations

import array
import fcntl
import ipaddress
import re
import socket
import struct
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

FRESH_SECONDS = 5.0  # cables are plugged in later; a flood of requests does not ask anew each time

Problem = Literal["tunnel", "containers", "link_local", "carrier_grade", "unplugged"]

_SYSTEM = Path("/sys/class/net")
_ROUTES = Path("/proc/net/route")
_SIOCGIFCONF = 0x8912
_ENTRY = 40 if sys.maxsize > 2**32 else 32  # bytes of one interface in the kernel's answer
_MOST = 512  # interfaces
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_CARRIER_GRADE = ipaddress.ip_network("100.64.0.0/10")
_TUNNEL_NAME = re.compile(r"(?:tun|tap|wg|ppp|tailscale|zt|utun|ipsec|nordlynx|proton)")
_CONTAINER_NAME = re.compile(r"(?:docker|br-|veth|virbr|lxcbr|lxdbr|cni|flannel|podman|vboxnet|vmnet)")
_ETHERNET = "1"  # ARPHRD_ETHER, which Wi-Fi is too; tunnels without Ethernet frames have others
# A container's own network is known to nobody outside its host.
_CONTAINER_NETWORKS = tuple(map(ipaddress.ip_network, ("172.16.0.0/12", "10.88.0.0/16")))
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class MachineAddress:
    """An address of this machine; ``problem`` says why phones in the room do not reach it."""

    address: str
    interface: str
    problem: Problem | None


def machine_addresses() -> tuple[MachineAddress, ...]:
    """All addresses but the loopback's, the best first."""
    return _found(int(time.monotonic() / FRESH_SECONDS))


def lan_address() -> str | None:
    """The address that phones in the room reach this machine by; ``None`` where there is none."""
    return next((one.address for one in machine_addresses() if one.problem is None), None)


@lru_cache(maxsize=1)
def _found(_moment: int) -> tuple[MachineAddress, ...]:
    leading_out = _leading_out()

    def rank(one: MachineAddress) -> tuple[bool, bool, bool, bool]:
        address = ipaddress.IPv4Address(one.address)
        private = any(address in network for network in _PRIVATE)
        bridge = (_SYSTEM / one.interface / "bridge").exists()
        return one.problem is not None, not private, one.interface not in leading_out, bridge

    found = [MachineAddress(address, name, _problem(name, address)) for name, address in _addresses()]
    return tuple(sorted(found, key=rank))


def speaks_ipv6() -> bool:
    """Whether a program here can listen on IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _problem(name: str, address: str) -> Problem | None:
    at = ipaddress.IPv4Address(address)
    folder = _SYSTEM / name
    if (folder / "tun_flags").exists() or _TUNNEL_NAME.match(name) or _says(folder / "type") != _ETHERNET:
        return "tunnel"
    if _of_containers(name, folder) or _in_container(folder, at):
        return "containers"
    if at.is_link_local:
        return "link_local"
    if at in _CARRIER_GRADE:
        return "carrier_grade"
    return "unplugged" if _says(folder / "operstate") in ("down", "lowerlayerdown") else None


def _of_containers(name: str, folder: Path) -> bool:
    """A bridge that leads to no cable or antenna joins containers or virtual machines."""
    if _CONTAINER_NAME.match(name):
        return True
    ports = folder / "brif"
    return ports.is_dir() and not any((_SYSTEM / port.name / "device").exists() for port in ports.iterdir())


def _in_container(folder: Path, address: ipaddress.IPv4Address) -> bool:
    """Only where no hardware is seen: else it may be a hotspot, 172.20.10.2, beside the machine itself."""
    inside = any(mark.exists() for mark in _CONTAINER_MARKS) and not (folder / "device").exists()
    return inside and any(address in network for network in _CONTAINER_NETWORKS)


def _addresses() -> list[tuple[str, str]]:
    """Interfaces and their addresses, as the kernel lists them."""
    room = array.array("B", bytes(_ENTRY * _MOST))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        where = struct.pack("iL", len(room), room.buffer_info()[0])
        length = struct.unpack("iL", fcntl.ioctl(asking, _SIOCGIFCONF, where))[0]
    found = []
    for start in range(0, length, _ENTRY):
        entry = room[start : start + _ENTRY].tobytes()
        name = entry[:16].partition(b"\0")[0].decode().partition(":")[0]
        address = socket.inet_ntoa(entry[20:24])
        if not address.startswith(("127.", "0.")):
            found.append((name, address))
    return found


def _leading_out() -> set[str]:
    """The interfaces that a default route leaves by, a tunnel's or not."""
    lines = (line.split() for line in _says(_ROUTES).splitlines()[1:])
    return {words[0] for words in lines if len(words) > 7 and words[1] == words[7] == "00000000"}


def _says(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""


if __name__ == "__main__":  # for scripts, which ask for the machine that a container runs on
    for one in machine_addresses():
        if one.problem is None:
            print(one.address)  # noqa: T201 - it is what the script reads
