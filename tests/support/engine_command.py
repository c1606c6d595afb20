"""The ``docker`` command in front of the stand-in: a few lines of shell that ask the test's own process.

A Python for each call would take four fifths of the time: the scripts make some fifty calls in an upgrade.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.engine import CALL, Call, Engine, Failed
from tests.support.engine_docker import docker

VARIABLES = ("APPLIANCE_IMAGE", "APPLIANCE_VERSION", "ROLLED_BACK_FROM", "BUILDX_NO_DEFAULT_ATTESTATIONS")
_COMMAND = """\
#!/bin/bash
trap 'echo canceled >&2; exit 1' INT # as Docker's client does
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$#" "$PWD" {variables} "$@" >&3
IFS= read -r -d '' code <&3 && IFS= read -r -d '' out <&3 && IFS= read -r -d '' err <&3
printf '%s' "$out"
printf '%s' "$err" >&2
exit "${{code:-125}}"
"""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def _word(self) -> str:
        found = b""
        while (byte := self.rfile.read(1)) != b"\0":
            assert byte, "a call that was broken off"
            found += byte
        return found.decode()

    def handle(self) -> None:
        """One call, one after another: the scripts make some in the background."""
        count, folder = int(self._word()), Path(self._word())
        # "=value", or nothing where it is not set: one that is set to nothing counts before .env too.
        variables = {name: value[1:] for name in VARIABLES if (value := self._word())}
        words = [self._word() for _ in range(count)]
        call, code = Call(folder, variables), 0
        CALL.set(call)
        try:
            docker(self.server.engine, words)
        except Failed as failed:
            code = int(failed.args[0])
        self.wfile.write(f"{code}\0{call.out}\0{call.err}\0".encode())


class _Server(socketserver.TCPServer):
    def __init__(self, engine: Engine) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = engine


@contextmanager
def docker_command(file: Path, engine: Engine) -> Iterator[None]:
    """``file`` is a ``docker`` command that asks ``engine``, within the block."""
    with _Server(engine) as server:
        variables = " ".join(f'"${{{name}+=${name}}}"' for name in VARIABLES)
        file.write_text(_COMMAND.format(port=server.server_address[1], variables=variables))
        file.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
