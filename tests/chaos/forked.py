"""The app of a stack, forked from a process that has imported it already: it starts in no time.

``serve`` itself is the real one, under the real user, with the real settings; only the two seconds that
Python takes to import everything are spent once. Run as a program this is that process: each line on
its standard input asks for another ``serve``.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from appliance.bare.data_folder import DataFolder
from appliance.bare.privileges import as_owner
from appliance.core import local_http, processes
from tests.chaos.processes import supervisorctl
from tests.support.stack import CHECKOUT, Stack


@dataclass
class ForkedApp:
    """In place of the app that supervisord runs, or of one of its processes."""

    stack: Stack
    parent: subprocess.Popen[str]
    process: int
    pid: int = 0

    @classmethod
    def in_place_of(cls, stack: Stack, process: int = 1) -> ForkedApp:
        """Stop supervisord's app; ``start`` starts ours."""
        folder, name = DataFolder.of(stack.data), processes.name_of(process)
        environment = Path(f"/proc/{stack.pid_of(name)}/environ").read_text().rstrip("\0").split("\0")
        supervisorctl(stack, "stop", name)
        command = [*as_owner(folder, [], writes=False), sys.executable, "-m", "tests.chaos.forked"]
        with (stack.data / f"forked-{name}.log").open("wb") as log:
            parent = subprocess.Popen(
                [*command, str(folder.logs / f"{name}.log")],
                cwd=CHECKOUT, env=dict(line.split("=", 1) for line in environment), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        return cls(stack, parent, process)

    def start(self) -> float:
        """Start it and wait until it answers; how long that took."""
        began = time.monotonic()
        to, back = cast("IO[str]", self.parent.stdin), cast("IO[str]", self.parent.stdout)
        to.write("serve\n")
        to.flush()
        self.pid = int(back.readline())
        while not self._answers():
            log = self.stack.data / f"logs/{processes.name_of(self.process)}.log"
            assert time.monotonic() < began + 60, log.read_text()[-3000:]
            time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """It is dead on return: on a busy machine that takes a moment, in which it can still be called."""
        process = os.pidfd_open(self.pid)
        try:
            os.kill(self.pid, signal.SIGKILL)
            select.select([process], [], [], 20)
        finally:
            os.close(process)

    def give_back(self) -> None:
        """End ours, and let supervisord run its own again."""
        self.kill()
        cast("IO[str]", self.parent.stdin).close()
        self.parent.wait(timeout=20)
        cast("IO[str]", self.parent.stdout).close()
        supervisorctl(self.stack, "start", processes.name_of(self.process))

    def _answers(self) -> bool:
        listen = processes.listen_of(self.stack.listen, self.process)
        try:
            return local_http.get("/healthz", 5, listen)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def main() -> None:
    """Fork a ``serve`` for each line; one at a time."""
    import uvicorn  # noqa: F401, PLC0415 - imported before the forks

    from appliance import app, cli  # noqa: F401, PLC0415 - likewise

    child = 0
    for _ in sys.stdin:
        if child:
            os.waitpid(child, 0)
        child = os.fork()
        if child == 0:
            log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            os._exit(cli.main(["serve"]))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
