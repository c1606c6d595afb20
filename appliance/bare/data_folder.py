"""Where the bare run keeps its files."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.bare.problem import Problem
from appliance.core import processes
from appliance.lifecycle import bare_run

CHECKOUT = Path(__file__).resolve().parents[2]
_UNFIT = set('"\\$;#%\n\r\t')  # they mean something in the configuration of Nginx or supervisord


@dataclass(frozen=True)
class Ports:
    """The ports of one data folder: kept, so that a restart is found at the same address."""

    public: int
    postgres: int


@dataclass(frozen=True)
class DataFolder:
    """The data folder and what lies in it."""

    data: Path
    media: Path

    @classmethod
    def of(cls, data: Path | None) -> "DataFolder":
        """``--data DIR``, or ``data`` and ``media`` beside the code."""
        folder = cls(CHECKOUT / "data", CHECKOUT / "media")
        if data:
            data = data.expanduser().resolve()
            folder = cls(data, data / "media")
        for path in (folder.data, CHECKOUT):
            if unfit := _UNFIT & set(str(path)):
                raise Problem(
                    f"The folder name {path} contains {' '.join(sorted(unfit))!r}; choose one without."
                )
        return folder

    def command(self, script: str) -> str:
        """How ``scripts/run`` or ``scripts/appliance`` is called for this data folder."""
        return bare_run.command(script, self.data, self.media)

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def app_socket(self) -> Path:
        """Where the app listens, for Nginx and the verbs: this user alone may enter the folder."""
        return self.run / "app.sock"

    def socket_of(self, process: int) -> Path:
        """Where one of the app's processes listens."""
        return Path(processes.listen_of(f"unix:{self.app_socket}", process).removeprefix("unix:"))

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def site(self) -> Path:
        """What the venue lays there, such as ``models.toml``; it need not exist."""
        return self.data / "site"

    @property
    def backups(self) -> Path:
        """Where the nightly ones are made, unless the environment names another folder."""
        return self.data / "backups"

    @property
    def static(self) -> Path:
        return self.data / "static"

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def sample(self) -> Path:
        return self.data / "sample.jpg"

    @property
    def first_passwords(self) -> Path:
        return self.secrets / "first-passwords.json"

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def error_log(self, process: str) -> Path:
        """Where a process says what is wrong: Nginx has a file for that, the others one for everything."""
        return self.log("nginx-error") if process == "nginx" else self.log(process)

    def own_folders(self) -> list[Path]:
        """The folders for our eyes only."""
        return [self.run, self.run / "tmp", self.logs, self.secrets, self.backups]

    def make_folders(self) -> None:
        """Make what is missing; a data folder that was there keeps its mode."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.media.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in self.own_folders():
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise Problem(
                f"Cannot write to {error.filename}: {error.strerror}. Choose another --data DIR."
            ) from None

    def read_ports(self) -> Ports | None:
        try:
            kept = json.loads(bare_run.ports_file(self.data).read_text(encoding="utf-8"))
            return Ports(kept["public"], kept["postgres"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write_ports(self, ports: Ports) -> None:
        bare_run.ports_file(self.data).write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")

    def read_app_processes(self) -> int:
        """How many processes the app had at the last start."""
        try:
            return int((self.run / "app-processes").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 1

    def write_app_processes(self, number: int) -> None:
        (self.run / "app-processes").write_text(f"{number}\n", encoding="ascii")

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Only one start at a time on one data folder."""
        descriptor = os.open(self.run / "starting.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Problem(f"Another scripts/run is already starting in {self.data}.") from None
        try:
            yield
        finally:
            os.close(descriptor)
