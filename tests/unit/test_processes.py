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


def test_of_several_all_are_asked_for_photos_and_the_first_for_staff() -> None:
    both = ["unix:/run/app.sock", "unix:/run/app-2.sock"]
    assert processes.upstream_servers(both).startswith("zone app 64k; least_conn; ")
    assert processes.staff_servers(both).endswith('server "unix:/run/app-2.sock" max_fails=0 backup;')
