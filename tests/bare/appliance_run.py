"""Running the real scripts/run on a folder of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.bare import leftovers, status
from appliance.bare.data_folder import CHECKOUT, DataFolder
from appliance.bare.ports import free_port
from appliance.bare.supervision import Supervisor

RUN = CHECKOUT / "scripts" / "run"
VERB = CHECKOUT / "scripts" / "appliance"


def eventually(condition: Callable[[], bool], within: float = 20) -> None:
    """Poll until it holds; fails with the deadline."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@dataclass
class Appliance:
    """One data folder and the commands on it."""

    data: Path
    port: int = field(default_factory=free_port)

    @property
    def folder(self) -> DataFolder:
        return DataFolder.of(self.data)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(RUN), "--data", str(self.data), *arguments]

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run to the end, from a folder that has nothing to do with it."""
        return subprocess.run(
            self.command(*arguments), env={**os.environ, **(env or {})}, cwd="/", text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False,
        )  # fmt: skip

    def verb_command(self, *arguments: str) -> list[str]:
        return [str(VERB), "--data", str(self.data), *arguments]

    def verb(
        self, *arguments: str, folder: Path, given: Path = Path(os.devnull)
    ) -> subprocess.CompletedProcess[str]:
        """Run ``scripts/appliance`` in a folder; ``given`` is what it has as standard input."""
        with given.open("rb") as stdin:
            return subprocess.run(
                self.verb_command(*arguments), cwd=folder, text=True,
                stdin=stdin, capture_output=True, timeout=90, check=False,
            )  # fmt: skip

    def start(self, *options: str) -> Any:
        """Start it detached; what it says as JSON."""
        done = self.run("--detach", "--json", "--port", str(self.port), *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_in_foreground(self) -> subprocess.Popen[str]:
        """Start it as at a terminal; returns when it is ready."""
        process = subprocess.Popen(
            self.command("--port", str(self.port)), cwd="/", text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                return process
        process.communicate()
        raise AssertionError("".join(said))

    def status(self) -> Any:
        """What ``--status --json`` says, asked by the test itself: a Python for each question is dear."""
        return status.ask(self.folder, Supervisor(self.folder)).as_json()

    def pids(self) -> list[int]:
        """Everything that runs with this data folder."""
        return list(leftovers.find(self.folder))
