"""Several equal processes: their names, where they listen, what Nginx is told."""

from __future__ import annotations

import pytest

from appliance.core import processes


def test_the_first_process_is_called_as_the_only_one_is() -> None:
    assert processes.names(1) == ["app"]
    assert processes.names(3) == ["app", "app-2", "app-3"]
    assert [processes.is_app(name) for name in ("app", "app-2", "nginx", "app-x", "app-2-x")] == [
        *(True, True, False, False, False)
    ]


def test_each_process_has_a_socket_beside_the_firsts() -> None:
    assert processes.listen_of("unix:/run/app.sock", 1) == "unix:/run/app.sock"
    assert processes.listen_of("unix:/run/app.sock", 2) == "unix:/run/app-2.sock"


def test_a_port_is_for_one_process() -> None:
    assert processes.listen_of("127.0.0.1:8000", 1) == "127.0.0.1:8000"
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8000 is none"):
        processes.listen_of("127.0.0.1:8000", 2)


def test_one_process_alone_is_always_tried() -> None:
    assert processes.upstream_servers(["unix:/run/app.sock"]) == 'server "unix:/run/app.sock" max_fails=0;'
    assert processes.tries_next(1) == "off"


def test_further_machines_are_asked_for_photos_and_never_for_staff() -> None:
    nodes = processes.node_addresses("10.0.0.2:8100-8101, 10.0.0.3")
    assert nodes == ["10.0.0.2:8100", "10.0.0.2:8101", "10.0.0.3:8100"]
    first = "unix:/run/app.sock"
    servers = processes.upstream_servers([first], nodes)
    assert servers.startswith(
        f'zone app 256k; least_conn; server "{first}" max_fails=0; server 10.0.0.2:8100 '
    )
    assert "10.0.0" not in processes.staff_servers([first])
    assert processes.tries_next(1 + len(nodes)) == "error timeout"


@pytest.mark.parametrize("wrong", ["10.0.0.2:", "10.0.0.2:8101-8100", "a b;c", "10.0.0.2:8100-9000"])
def test_what_is_no_address_of_a_machine_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"no (address|ports)"):
        processes.node_addresses(wrong)


def test_every_process_of_every_machine_has_a_number_of_its_own() -> None:
    numbers = [processes.number_of(node, one) for node in range(1, 10) for one in range(1, 9)]
    assert numbers[:2] == [1, 2]
    assert numbers[8] == 101
    assert len(set(numbers)) == len(numbers)


def test_of_several_all_are_asked_for_photos_and_the_first_for_staff() -> None:
    both = ["unix:/run/app.sock", "unix:/run/app-2.sock"]
    assert processes.upstream_servers(both).startswith("zone app 256k; least_conn; ")
    assert processes.staff_servers(both).endswith('server "unix:/run/app-2.sock" max_fails=0 backup;')
