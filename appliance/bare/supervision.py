"""supervisord: its configuration, and talking to it over its own socket."""

import contextlib
import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.bare import guard
from appliance.bare.data_folder import CHECKOUT, DataFolder
from appliance.bare.problem import Problem
from appliance.bare.progress import tail
from appliance.core import unix_sockets
from appliance.core.processes import is_app

_SOCKET = "supervisor.sock"  # in the folder that supervisord works in
GUARD = Path(__file__).with_name("guard.py")
_LONGEST_SOCKET_NAME = 100  # less than the kernel takes: supervisord adds a pid while it makes the socket


@dataclass(frozen=True)
class Program:
    """One of the programs. They stop in the reverse of their order: the app first, the database last."""

    name: str
    command: list[str]
    order: int
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    orphan_signal: str = ""  # when supervisord was killed; as when it stops, unless this says otherwise
    errors_apart: bool = False
    folder: Path = CHECKOUT
    group: str = ""  # its processes are stopped at the same time
    environment: dict[str, str] = field(default_factory=dict)

    def section(self, folder: DataFolder) -> str:
        orphan_signal = f"SIG{self.orphan_signal or self.stop_signal}"
        guarded = [sys.executable, "-I", "-S", str(GUARD), orphan_signal, *self.command]
        settings: dict[str, object] = {
            "command": shlex.join(guarded),
            "directory": str(self.folder),
            "priority": self.order,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 1,
            "startretries": 1000,
            "stopsignal": self.stop_signal,
            "stopwaitsecs": self.stop_seconds,
            "killasgroup": "true",
            "umask": "077",
            "stdout_logfile": folder.log(self.name),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 3,
        }
        if self.environment:
            settings["environment"] = ",".join(
                f'{name}="{value}"' for name, value in self.environment.items()
            )
        if self.errors_apart:
            settings |= {"stderr_logfile": folder.error_log(self.name), "stderr_logfile_maxbytes": "10MB"}
        else:
            settings["redirect_stderr"] = "true"
        return _section(f"program:{self.name}", settings)


def _section(title: str, settings: dict[str, object]) -> str:
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in settings.items()]
    return "\n".join([f"[{title}]", *lines, ""])


def _groups(programs: list[Program]) -> Iterator[str]:
    members: dict[str, list[Program]] = defaultdict(list)
    for program in programs:
        if program.group:
            members[program.group].append(program)
    for name, those in members.items():
        settings: dict[str, object] = {
            "programs": ",".join(one.name for one in those),
            "priority": those[0].order,
        }
        yield _section(f"group:{name}", settings)


def socket_name(path: Path) -> str:
    """A socket's name for a process that works in its folder: by way of that folder if it is long."""
    return str(path) if len(os.fsencode(path)) <= _LONGEST_SOCKET_NAME else f"/proc/self/cwd/{path.name}"


def write_config(folder: DataFolder, programs: list[Program]) -> None:
    name = socket_name(folder.run / _SOCKET)
    parts = [
        _section(
            "supervisord",
            {
                "nodaemon": "true",
                "silent": "true",
                "logfile": folder.log("supervisord"),
                "logfile_maxbytes": "2MB",
                "logfile_backups": 2,
                "pidfile": folder.run / "supervisord.pid",
                "childlogdir": folder.logs,
                "identifier": "photochanger",
            },
        ),
        _section("unix_http_server", {"file": name, "chmod": "0700"}),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        _section("supervisorctl", {"serverurl": f"unix://{name}"}),
        *(program.section(folder) for program in programs),
        *_groups(programs),
    ]
    (folder.run / "supervisord.conf").write_text("\n".join(parts), encoding="utf-8")


def launch(folder: DataFolder, env: dict[str, str], *, stays: bool) -> subprocess.Popen[bytes]:
    """Start supervisord in a session of its own; unless it ``stays``, it ends when this process ends."""
    config = str(folder.run / "supervisord.conf")
    command = [sys.executable, "-m", "appliance.bare.supervisord", "--configuration", config]
    if not stays:
        command = [sys.executable, "-I", "-S", str(GUARD), "SIGTERM", *command]
        env = env | {guard.PARENT: str(os.getpid())}
    with (folder.logs / "supervisord.out").open("wb") as out:
        return subprocess.Popen(
            command, cwd=folder.run, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip


class _Connection(http.client.HTTPConnection):
    def __init__(self, folder: Path) -> None:
        super().__init__("localhost")
        self.folder = folder

    def connect(self) -> None:
        self.sock = unix_sockets.connect(self.folder / _SOCKET, 10)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        made = _Connection(self.folder)
        self._connection = host, made
        return made

    def request(self, *arguments: Any, **options: Any) -> Any:
        """One question; then its connection is closed."""
        try:
            return super().request(*arguments, **options)
        finally:
            self.close()


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says of one process."""

    name: str
    state: str
    pid: int
    up_seconds: int
    group: str = ""

    @property
    def full_name(self) -> str:
        """As supervisord wants to be told it."""
        return f"{self.group}:{self.name}" if self.group else self.name

    @classmethod
    def of(cls, item: dict[str, Any]) -> "ProcessState":
        up = item["now"] - item["start"] if item["pid"] else 0
        return cls(item["name"], item["statename"], item["pid"], up, item["group"])


class Supervisor:
    """The running supervisord of one data folder. Each question also wakes it, so asking speeds it up."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder

    @property
    def _call(self) -> Any:
        """A connection per question: one that was interrupted spoils no other."""
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", _Transport(self.folder.run)).supervisor

    def pid(self) -> int | None:
        """Its pid, or None if it does not run."""
        try:
            return int(self._call.getPID())
        except (OSError, http.client.HTTPException):
            return None
        except xmlrpc.client.Fault:  # it is stopping and answers no questions any more
            return self._pid_in_file()

    def _pid_in_file(self) -> int | None:
        try:
            return int((self.folder.run / "supervisord.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def is_stopping(self) -> bool:
        """Whether it was told to stop; asking twice, since it sees a signal after its first answer."""
        self.wake()
        try:
            self._call.getPID()
        except xmlrpc.client.Fault:
            return True
        except (OSError, http.client.HTTPException):
            pass
        return False

    def wake(self) -> None:
        """Have it look at its processes now and not at its next second."""
        with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Fault):
            self._call.getState()

    def states(self) -> dict[str, ProcessState]:
        """The processes by name; empty when supervisord does not run or is stopping."""
        try:
            found = self._call.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            return {}
        return {item["name"]: ProcessState.of(item) for item in found}

    def start(self, name: str) -> None:
        known = self.states().get(name)
        try:
            self._call.startProcess(known.full_name if known else name, False)
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault) as error:
            log = tail(self.folder.log("supervisord"))
            raise Problem(f"{name} could not be started: {error}\n{log}") from None

    def stop_these(self, names: Sequence[str]) -> None:
        """Stop processes and wait until they have ended; the app gets its time to finish photos."""
        while going := self._going(names):
            for one in going:
                if one.state != "STOPPING":
                    with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Fault):
                        self._call.stopProcess(one.full_name, False)
            time.sleep(0.05)

    def _going(self, names: Sequence[str]) -> list[ProcessState]:
        states = self.states()
        found = [states[name] for name in names if name in states]
        return [one for one in found if one.state not in {"STOPPED", "FATAL"}]

    def apps(self) -> list[str]:
        """The names of the app's processes, the first one first; empty when supervisord does not run."""
        return sorted(name for name in self.states() if is_app(name))

    def is_up(self, name: str) -> bool:
        """Whether a process runs or is still starting for the first time."""
        state = self.states().get(name)
        return state is not None and state.state in {"STARTING", "RUNNING"}

    def wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        while self.pid() != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Problem(f"supervisord did not start.\n{tail(self.folder.logs / 'supervisord.out')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop everything and wait until nothing is left; the app gets its time to finish photos."""
        pid = self.pid()
        if pid is None:
            return
        try:
            self._call.shutdown()
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            os.kill(pid, signal.SIGTERM)
        self.wait_for_end(pid)

    def wait_for_end(self, pid: int) -> None:
        """Until it is gone; it goes last of all."""
        while is_alive(pid):
            self.wake()
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
