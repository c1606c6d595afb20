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


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("unix:/run/app.sock", "unix:/run/app-2.sock"),
        ("127.0.0.1:8000", "127.0.0.1:8001"),
        ("[::1]:8000", "[::1]:8001"),
    ],
)
def test_each_process_listens_beside_the_first(first: str, second: str) -> None:
    assert processes.listen_of(first, 1) == first
    assert processes.listen_of(first, 2) == second


def test_one_process_alone_is_always_tried() -> None:
    assert processes.upstream_servers(["unix:/run/app.sock"]) == 'server "unix:/run/app.sock" max_fails=0;'
    assert processes.tries_next(1) == "off"
