"""The launcher's side of ``prepare``: checks the configuration now, migrates and seeds when told."""

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from appliance.bare.data_folder import CHECKOUT, DataFolder
from appliance.bare.problem import Problem
from appliance.bare.progress import tail


@dataclass(frozen=True)
class Passwords:
    """First passwords: of accounts by name, and of ingest; and the backups' passphrase."""

    accounts: dict[str, str] = field(default_factory=dict)
    ingest: str | None = None
    backup: str | None = None

    @classmethod
    def of(cls, found: Any) -> "Passwords":
        if not isinstance(found, dict):
            return cls()
        return cls(dict(found.get("accounts") or {}), found.get("ingest"), found.get("backup"))

    def __bool__(self) -> bool:
        return bool(self.accounts or self.ingest)


class Preparation:
    """One child process that checks, migrates and seeds."""

    def __init__(self, folder: DataFolder, env: dict[str, str]) -> None:
        self.log = folder.log("prepare")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "appliance.bare.prepare"], cwd=CHECKOUT, env=env, text=True, bufsize=1,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def check(self) -> list[str]:
        """Wait for the verdict on the configuration; its problems are printed as they came.

        Returns what was left out of files that a start does not depend on.
        """
        return [line.strip() for line in self._until("check") if line.startswith("Left out: ")]

    def migrate(self) -> None:
        assert self.process.stdin  # noqa: S101 - it is a pipe
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self._until("migrate")

    def seed(self) -> Passwords:
        """Fill in what is missing; the passwords that were made."""
        made = Passwords()
        for line in self._until("seed"):
            with contextlib.suppress(ValueError):
                made = Passwords.of(json.loads(line))
        self.end()
        return made

    def _until(self, verb: str) -> list[str]:
        assert self.process.stdout  # noqa: S101 - it is a pipe
        lines: list[str] = []
        for line in self.process.stdout:
            if line.strip() == f"{verb}: done":
                return lines
            lines.append(line)
        code = self.process.wait()
        if verb == "check":
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()
            raise Problem(f"The configuration is wrong; nothing was started.\n{said}", exit_code=code or 1)
        raise Problem(f"'{verb}' failed with exit code {code}.\n{tail(self.log)}")

    def end(self) -> None:
        """Leave no process behind, whatever it was doing."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
