"""What counts as a database that is away: whoever meets it is told to try again, and a job's row is kept."""

from __future__ import annotations

import errno
import socket

import pytest

from appliance.core.error_handlers import from_database
from appliance.core.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        TimeoutError(),
    ],
    ids=["refused", "no such name", "no name now", "no route", "timeout"],
)
def test_a_database_whose_container_does_not_run_is_away(error: Exception) -> None:
    assert isinstance(from_database(error), DatabaseUnavailable)


def test_an_error_of_a_disk_is_not_the_databases() -> None:
    assert from_database(OSError(errno.EIO, "Input/output error")) is None
