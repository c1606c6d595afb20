"""An IPv6 client has as many addresses as it likes: its network is what counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.front_door import Backend, FrontDoor, open_door, reply

_SAID = "set_real_ip_from 127.0.0.1; real_ip_header X-Client;\n"


@pytest.fixture
def told(tmp_path: Path, backend: Backend) -> Iterator[FrontDoor]:
    """A front door that believes what a test says of its address."""
    backend.on("/s", reply)
    with open_door(tmp_path, backend.port, lambda text: text.replace("server_tokens off;", _SAID)) as door:
        yield door


def statuses(door: FrontDoor, addresses: list[str]) -> set[int]:
    return {door.get("/s", X_Client=address).status for address in addresses}


@pytest.mark.parametrize("network", ["2001:db8:7:1", "2001:db8:0:1", "2001:db8:"])
def test_many_addresses_of_one_network_are_one_client(told: FrontDoor, network: str) -> None:
    assert 429 in statuses(told, [f"{network}:{n:x}:1:2:3" for n in range(1, 120)])


def test_as_many_networks_are_as_many_clients(told: FrontDoor) -> None:
    assert statuses(told, [f"2001:db8:7:{n:x}::1" for n in range(1, 120)]) == {200}


def test_every_address_of_ipv4_is_a_client_of_its_own(told: FrontDoor) -> None:
    assert statuses(told, [f"192.0.2.{n}" for n in range(1, 120)]) == {200}
