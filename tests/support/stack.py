"""The whole appliance as ``scripts/run`` starts it, on free ports and in a folder of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from appliance.bare import status
from appliance.bare.data_folder import DataFolder
from appliance.bare.supervision import Supervisor
from appliance.core.installation import Installation
from appliance.guests.tokens import GuestTokens

CHECKOUT = Path(__file__).resolve().parents[2]
PREFIX = "PHOTOCHANGER_"
# Below what connections are given and what the appliance chooses for itself (bare/ports.py), above those that
# a browser refuses.
PORTS = range(11_000, 20_000)


def ports_of(worker: int, workers: int, start: int) -> Iterator[int]:
    """This worker's share of the suite's ports, round and round."""
    share = PORTS[worker::workers]
    return itertools.cycle((*share[start % len(share) :], *share[: start % len(share)]))


# Many are chosen long before something listens there: no other worker may be given one meanwhile.
_ports = ports_of(
    int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
    start=secrets.randbelow(len(PORTS)),
)


def free_port() -> int:
    """A port that nobody listens on, and that nobody else of this suite or its appliances chooses."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without the appliance's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONPATH": str(CHECKOUT), **more}


@dataclass(frozen=True)
class Stack:
    """A running appliance."""

    data: Path
    port: int
    report: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def media(self) -> Path:
        return self.data / "media"

    @property
    def first_passwords(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "secrets/first-passwords.json").read_text())
        return found

    def cookie(self, name: str) -> str:
        """The full name of a cookie of this installation."""
        return Installation(GuestTokens(self.data / "secrets").identity).cookie(name)

    @property
    def app_socket(self) -> Path:
        """Where the app listens for Nginx."""
        return self.data / "run/app.sock"

    @property
    def listen(self) -> str:
        """The same as ``PHOTOCHANGER_LISTEN`` says it."""
        return f"unix:{self.app_socket}"

    def socket_of(self, process: int) -> Path:
        """Where one of several processes of the app listens."""
        return self.app_socket if process == 1 else self.app_socket.with_name(f"app-{process}.sock")

    def app_log(self) -> str:
        """What the app has logged, each of its processes."""
        return "".join(log.read_text() for log in sorted((self.data / "logs").glob("app*.log")))

    def to_app(self) -> httpx.AsyncHTTPTransport:
        """How an HTTP client asks the app itself and not Nginx; of several processes the first."""
        return httpx.AsyncHTTPTransport(uds=str(self.app_socket))

    async def connection_to_app(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection to the app itself."""
        return await asyncio.open_unix_connection(self.app_socket)

    @property
    def ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.data / "run/ports.json").read_text())
        return found

    def dsn(self, database: str = "photochanger") -> str:
        password = (self.data / "secrets/database-password").read_text().strip()
        return f"postgresql://photochanger:{password}@127.0.0.1:{self.ports['postgres']}/{database}"

    def environment(self, **more: str) -> dict[str, str]:
        """What ``python -m appliance VERB`` needs to work on this stack."""
        usual = {
            "PHOTOCHANGER_DATABASE_URL": self.dsn(),
            "PHOTOCHANGER_MEDIA_ROOT": str(self.media),
            "PHOTOCHANGER_SECRETS_DIR": str(self.data / "secrets"),
            "PHOTOCHANGER_CONFIG_FILE": str(CHECKOUT / "config/appliance.toml"),
        }
        return clean_environment(**(usual | more))

    def metrics(self) -> str:
        """What Prometheus is told."""
        token = (self.data / "secrets/metrics-token").read_text().strip()
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text

    def status(self) -> status.RunStatus:
        """What ``scripts/run --status`` says, asked by the test itself: a Python for each is dear."""
        folder = DataFolder.of(self.data)
        return status.ask(folder, Supervisor(folder))

    def pid_of(self, program: str) -> int:
        """The process that supervisord runs as ``program``."""
        found = Supervisor(DataFolder.of(self.data)).states()[program]
        assert found.pid, found
        return found.pid

    def set_keys(self, provider: str, *keys: str) -> None:
        """Put a provider's API keys into its secret file, as ops would."""
        folder = self.data / "secrets/provider-keys"
        owner = folder.parent.stat()
        folder.mkdir(mode=0o700, exist_ok=True)
        fresh = folder / f".{provider}"
        fresh.write_text("".join(f"{key}\n" for key in keys))
        fresh.chmod(0o600)
        for path in (folder, fresh):
            os.chown(path, owner.st_uid, owner.st_gid)
        fresh.replace(folder / provider)

    def temp_files(self) -> list[Path]:
        """Everything that lies in uploads' folders."""
        return [path for slot in (self.media / "temp").iterdir() for path in slot.iterdir()]

    @asynccontextmanager
    async def database(self, name: str = "photochanger") -> AsyncIterator[asyncpg.Connection]:
        """A connection of the test's own, JSON columns decoded."""
        connection = await asyncpg.connect(self.dsn(name))
        try:
            coders = {"encoder": json.dumps, "decoder": json.loads}
            await connection.set_type_codec("jsonb", schema="pg_catalog", **coders)
            yield connection
        finally:
            await connection.close()

    async def row(self, job_id: str) -> dict[str, Any]:
        """A job's row."""
        async with self.database() as db:
            return dict(await db.fetchrow("select * from job_history where job_id = $1", job_id))

    async def value(self, sql: str, *arguments: Any) -> Any:
        """The first value that ``sql`` answers."""
        async with self.database() as db:
            return await db.fetchval(sql, *arguments)


def run_bare(
    data: Path, *arguments: str, inside: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """``scripts/run`` without its installing part; ``inside``: the command that runs it."""
    return subprocess.run(
        [*inside, sys.executable, "-m", "appliance.bare", "--data", str(data), *arguments],
        cwd=CHECKOUT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@contextmanager
def running_stack(
    data: Path,
    port: int | None = None,
    *,
    processes: int = 1,
    inside: Sequence[str] = (),
    **environment: str,
) -> Iterator[Stack]:
    """Start everything, stop everything. The first passwords are in the report of a copy, too."""
    port = port or free_port()
    options = ["--port", str(port), "--processes", str(processes), "--detach", "--json"]
    started = run_bare(data, *options, inside=inside, **environment)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        stack = Stack(data, port, json.loads(started.stdout.splitlines()[-1]))
        if not stack.report["passwords"]["ingest"]:
            stack.report["passwords"] = stack.first_passwords
        yield stack
    finally:
        stopped = run_bare(data, "--stop")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
