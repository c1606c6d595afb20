"""One appliance in containers: a copy of what a venue gets, under a project name and a port of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.camera import Camera, Reply, Shot
from tests.support.stack import CHECKOUT, free_port

SERVICES = ("nginx", "app", "db", "cleanup")


def run(*command: str, data: bytes | None = None, cwd: Path | None = None, **environment: str) -> str:
    """A program's standard output; the test fails with all it said if the program does."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        check=False,
        timeout=300,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(command)}\n{said}\n{done.stderr.decode(errors='replace')}"
    return said


def allowed(seconds: float) -> float:
    """``seconds`` on a machine that does nothing else; longer where it has more to do than processors."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass
class ContainerStack:
    """``folder`` holds the compose files and the scripts, as after unpacking them."""

    folder: Path
    project: str
    port: int
    image: str
    version: str
    first_words: str = ""  # what the second step said at the first start

    @classmethod
    def laid_out(cls, folder: Path, project: str, image: str, version: str) -> ContainerStack:
        """Copy the files; nothing is started."""
        folder.mkdir(parents=True)
        for part in ("compose", "scripts", "config"):
            shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns(".env", "site"))
        return cls(folder, project, free_port(), image, version)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def camera(self) -> Camera:
        return Camera(self.port)

    def script(
        self, name: str, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """One of the scripts, as an operator would call it."""
        done = subprocess.run(
            [self.folder / "scripts" / name, *arguments],
            cwd=self.folder,
            env={**os.environ, "COMPOSE_PROJECT_NAME": self.project, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"{name} {arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def compose(self, *arguments: str, data: bytes | None = None) -> str:
        names = {"COMPOSE_PROJECT_NAME": self.project}
        return run("docker", "compose", *arguments, data=data, cwd=self.folder / "compose", **names)

    def install(self) -> str:
        """Start it the way a venue does."""
        options = ("--version", self.version, "--image", self.image, "--port", str(self.port), "--yes")
        return self.script("install", *options).stdout

    def set(self, **values: str) -> None:
        """Lines of ``compose/.env``; an empty value takes the line away."""
        file = self.folder / "compose" / ".env"
        lines = file.read_text().splitlines() if file.exists() else []
        kept = [line for line in lines if line.partition("=")[0] not in values]
        file.write_text("".join(f"{line}\n" for line in kept + [f"{k}={v}" for k, v in values.items() if v]))

    def destroy(self) -> None:
        """Stop it and remove its volumes."""
        self.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command)

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).split()[0]

    def inspect(self, service: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(run("docker", "inspect", self.container(service)))
        return found[0]

    def pid(self, service: str) -> int:
        """The process on this machine that the container consists of."""
        return int(self.inspect(service)["State"]["Pid"])

    def app_pid(self) -> int:
        """uvicorn's process, as this machine numbers it."""
        supervisord = self.pid("app")
        children = Path(f"/proc/{supervisord}/task/{supervisord}/children").read_text().split()
        for child in map(int, children):
            if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                return child
        raise AssertionError("the app does not run")

    def sql(self, statement: str) -> str:
        """What the database answers, unaligned; without Compose, which takes longer than the question."""
        command = ("psql", "-qtAX", "-U", "postgres", "-d", "photochanger", "-c", statement)
        return run("docker", "exec", f"{self.project}-db-1", *command).strip()

    def pending(self) -> int:
        """How many photos are being worked on."""
        return int(self.sql("select count(*) from job_history where status = 'pending'"))

    def password(self) -> str:
        """The first ingest password."""
        found: str = self._first_passwords()["ingest"]
        return found

    def account_password(self, name: str) -> str:
        """The first password of an account."""
        found: str = self._first_passwords()["accounts"][name]
        return found

    def _first_passwords(self) -> dict[str, Any]:
        """From the volume: to be had while no container runs, and without a Python inside that reads it."""
        volume = json.loads(run("docker", "volume", "inspect", f"{self.project}_secrets"))[0]
        found: dict[str, Any] = json.loads((Path(volume["Mountpoint"]) / "first-passwords.json").read_text())
        return found

    def shot(self, photo: bytes) -> Shot:
        return Shot(photo, self.password())

    def shot_with(self, password: str, photo: bytes) -> Shot:
        """For when the app cannot be asked."""
        return Shot(photo, password)

    def get(self, path: str) -> httpx.Response:
        """One answer, through Nginx."""
        return httpx.get(self.url + path, timeout=10, trust_env=False)

    def send(self, target: str, shot: Shot) -> Reply:
        """One photo, for a test that does nothing meanwhile."""
        return asyncio.run(self.camera.post(target, shot))

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_until_ready(self, seconds: float = 40) -> float:
        """How long it took."""
        began = time.monotonic()
        while not self.is_ready():
            assert time.monotonic() - began < seconds, f"not ready within {seconds} s: {self.logs()}"
            time.sleep(0.1)
        return time.monotonic() - began

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "20")[-4000:]
