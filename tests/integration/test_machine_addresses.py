"""Which address guests' phones are sent to: tried in networks of their own, as venues have them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.stack import CHECKOUT

LAN = "192.168.1.20/24"
VPN = "10.8.0.6/24"
_SAY = """
import json, sys
from pathlib import Path
from appliance.bare.data_folder import DataFolder
from appliance.bare.preparation import Passwords
from appliance.bare.report import Report
from appliance.core.networks import lan_address, machine_addresses
from appliance.core.public_base import BaseUrls
print(json.dumps({
    "lan": lan_address(),
    "problems": {one.interface: one.problem for one in machine_addresses()},
    "guests": {host: BaseUrls(None, None, "http", host).guests(None) for host in sys.argv[1:]},
    "choices": BaseUrls(None, None, "http", "localhost:8080").choices(),
    "banner": Report(DataFolder.of(Path("/data")), 8080, Passwords(), Passwords()).text(),
}))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


class Machine:
    """A network namespace as a machine; its Ethernet is one end of a pair, the other end is plugged in."""

    def __init__(self, name: str) -> None:
        self.name = name
        ip("-n", name, "link", "set", "lo", "up")

    def cable(self, interface: str, *addresses: str) -> None:
        ip("-n", self.name, "link", "add", interface, "type", "veth", "peer", "name", f"{interface}-far")
        ip("-n", self.name, "link", "set", f"{interface}-far", "up")
        self.up(interface, *addresses)

    def tunnel(self, interface: str, *addresses: str) -> None:
        ip("-n", self.name, "tuntap", "add", interface, "mode", "tun")
        self.up(interface, *addresses)

    def bridge(self, interface: str, *addresses: str) -> None:
        ip("-n", self.name, "link", "add", interface, "type", "bridge")
        self.up(interface, *addresses)

    def up(self, interface: str, *addresses: str) -> None:
        for address in addresses:
            ip("-n", self.name, "address", "add", address, "dev", interface)
        ip("-n", self.name, "link", "set", interface, "up")

    def unplug(self, interface: str) -> None:
        ip("-n", self.name, "link", "set", f"{interface}-far", "down")

    def route(self, *route: str) -> None:
        ip("-n", self.name, "route", "add", *route)

    def says(self, *hosts: str) -> Any:
        """What the program finds there; ``hosts`` are what booths wrote into ``Host``."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", _SAY, *hosts],
            cwd=CHECKOUT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine with no network but its loopback."""
    name = f"booth-{uuid4().hex[:8]}"
    if shutil.which("ip") is None:
        pytest.skip("!! there is no iproute2: which address phones get is not tested")
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(
            f"!! no network namespaces: which address phones get is not tested ({made.stderr.strip()})"
        )
    try:
        yield Machine(name)
    finally:
        ip("netns", "delete", name)


def test_with_a_vpn_up_phones_get_the_address_of_the_room(machine: Machine) -> None:
    machine.tunnel("tun0", VPN)
    machine.cable("eth0", LAN)
    machine.route("default", "via", "192.168.1.1")
    machine.route("0.0.0.0/1", "dev", "tun0")
    machine.route("128.0.0.0/1", "dev", "tun0")
    said = machine.says("localhost:18101", "10.8.0.6:18101", "192.168.1.20:18101")
    assert said["lan"] == "192.168.1.20"
    assert set(said["guests"].values()) == {"http://192.168.1.20:18101"}
    assert "10.8.0.6" not in said["banner"]
    assert "http://192.168.1.20:8080/api/ingest/slot-001?reply=image" in said["banner"]


def test_a_vpn_that_takes_the_default_route_changes_nothing(machine: Machine) -> None:
    machine.cable("eth0", LAN)
    machine.cable("wg0", VPN)
    machine.route("default", "dev", "wg0")
    said = machine.says()
    assert (said["lan"], said["problems"]) == ("192.168.1.20", {"eth0": None, "wg0": "tunnel"})


def test_without_a_default_route_phones_get_the_address_of_the_own_network(machine: Machine) -> None:
    machine.cable("wlan0", "10.42.0.1/24")
    assert machine.says("localhost:8080")["guests"] == {"localhost:8080": "http://10.42.0.1:8080"}


def test_a_direct_cable_to_the_booth_is_nothing_for_phones(machine: Machine) -> None:
    machine.cable("eth0", "169.254.7.7/16")
    machine.cable("wlan0", LAN)
    said = machine.says("169.254.7.7:18101")
    assert said["guests"] == {"169.254.7.7:18101": "http://192.168.1.20:18101"}
    assert said["problems"]["eth0"] == "link_local"


def test_beside_docker_phones_get_the_address_of_the_room(machine: Machine) -> None:
    machine.bridge("docker0", "172.17.0.1/16")
    machine.bridge("br0a1b2c3d4e", "172.18.0.1/16")
    machine.cable("eth0", LAN)
    said = machine.says("172.17.0.1:8080")
    assert said["guests"] == {"172.17.0.1:8080": "http://192.168.1.20:8080"}
    assert said["choices"] == ["http://192.168.1.20:8080"]
    assert {said["problems"][name] for name in ("docker0", "br0a1b2c3d4e")} == {"containers"}


def test_a_carriers_network_and_a_cable_that_is_not_plugged_in_come_last(machine: Machine) -> None:
    machine.cable("eth0", "100.72.3.4/10")
    machine.cable("eth1", "192.168.5.5/24")
    machine.unplug("eth1")
    machine.cable("eth2", LAN)
    said = machine.says()
    assert said["lan"] == "192.168.1.20"
    assert said["problems"] == {"eth0": "carrier_grade", "eth1": "unplugged", "eth2": None}


def test_a_private_address_comes_before_a_public_one_and_all_can_be_chosen(machine: Machine) -> None:
    machine.cable("eth0", "203.0.113.9/24")
    machine.cable("eth1", "192.168.9.9/24", "192.168.8.8/24")
    machine.route("default", "via", "203.0.113.1")
    said = machine.says()
    assert said["choices"] == [
        "http://192.168.9.9:8080",
        "http://192.168.8.8:8080",
        "http://203.0.113.9:8080",
    ]
    assert "192.168.9.9 (eth1), 192.168.8.8 (eth1), 203.0.113.9 (eth0)" in said["banner"]


def test_of_two_networks_that_which_leads_out_comes_first(machine: Machine) -> None:
    machine.cable("eth0", "10.42.0.1/24")
    machine.cable("eth1", LAN)
    machine.route("default", "via", "192.168.1.1")
    assert machine.says()["choices"] == ["http://192.168.1.20:8080", "http://10.42.0.1:8080"]


def test_where_phones_reach_nothing_no_address_is_made_up_and_the_banner_says_so(machine: Machine) -> None:
    machine.tunnel("tun0", VPN)
    machine.bridge("docker0", "172.17.0.1/16")
    said = machine.says("localhost:8080")
    assert said["lan"] is None
    assert said["guests"] == {"localhost:8080": "http://localhost:8080"}
    assert "QR codes will not work" in said["banner"]


@pytest.mark.parametrize("host", ["photo_box:18101", "app:18101", "127.0.0.1:18101", "[::1]:18101"])
def test_the_port_that_the_booth_used_stays(machine: Machine, host: str) -> None:
    machine.cable("eth0", LAN)
    assert machine.says(host)["guests"] == {host: "http://192.168.1.20:18101"}
