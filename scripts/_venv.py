"""Makes ``.venv`` from a lock file, once, and keeps it whole. Stdlib only; used by the scripts beside it.

    python = ensure("requirements-bare.lock")

``.venv/installed.txt`` lists what was installed, so that the next call only looks, for another lock too: the
one for development holds all of the one for running, and either is added to what the other made. A virtual
environment that was left half-made, lost files or lost its Python is made again from nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
_UNFINISHED = VENV / "unfinished"
_INSTALLED = VENV / "installed.txt"
_PIP_OPTIONS = (
    *("--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check"),
    *("--no-input", "--progress-bar", "off"),
)


class VenvError(Exception):
    """Why there is no virtual environment, in words for the person at the terminal."""


def ensure(lock: str) -> Path:
    """The Python of a virtual environment that holds everything in the lock file."""
    with _alone():
        requirements = _read(lock)
        known = set(requirements) & _installed()
        whole = _is_usable() and _holds(known)
        if whole and len(known) == len(requirements):
            return PYTHON
        began = time.monotonic()
        if not whole:
            _make()
        try:
            _install(lock, requirements)
        except VenvError:
            if not whole:
                raise
            _make()  # what was there stood in the way
            _install(lock, requirements)
        _compile()
        _remember(requirements)
        _UNFINISHED.unlink()
        _say(f"{_seconds(began)}  virtual environment ready")
    return PYTHON


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"  {line}", file=sys.stderr, flush=True)


def _seconds(since: float) -> str:
    return f"{time.monotonic() - since:6.2f} s"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two scripts at once: the second waits."""
    descriptor = os.open(CHECKOUT, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# ---- what is in the lock, and what was installed ----


def _read(lock: str) -> dict[str, str]:
    """The requirements of a lock file: from ``name==version ; marker`` to the whole, hashes included."""
    try:
        blocks = re.split(r"\n(?=\w)", (CHECKOUT / lock).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise VenvError(f"{error.filename}: {error.strerror}") from None
    return {block.split("\n")[0].rstrip(" \\"): block for block in blocks}


def _installed() -> set[str]:
    try:
        return set(_INSTALLED.read_text(encoding="utf-8").splitlines())
    except OSError:
        return set()


def _remember(requirements: dict[str, str]) -> None:
    """Add what is installed now; another version of the same package is gone."""
    names = {requirement.split("==")[0] for requirement in requirements}
    others = {requirement for requirement in _installed() if requirement.split("==")[0] not in names}
    _INSTALLED.write_text("\n".join(sorted(others | set(requirements))) + "\n", encoding="utf-8")


# ---- is it whole? ----


def _is_usable() -> bool:
    """Whether Python is there, the one that it was made with, and nobody was interrupted."""
    return not _UNFINISHED.exists() and os.access(PYTHON, os.X_OK) and _site_packages() is not None


def _holds(requirements: Iterable[str]) -> bool:
    """Whether every file is there that pip wrote for these."""
    folder = _site_packages()
    found = (
        {_normal(path.name.partition("-")[0]): path for path in folder.glob("*.dist-info")} if folder else {}
    )
    for requirement in requirements:
        dist_info = found.get(_normal(requirement.partition("==")[0]))
        if dist_info is None and ";" in requirement:  # it is for other machines
            continue
        if dist_info is None or not _is_complete(dist_info):
            return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _site_packages() -> Path | None:
    """The folder of this environment's packages, if its Python is the one that it was made with."""
    folders = list(VENV.glob("lib/python3.*/site-packages"))
    real = PYTHON.resolve().name
    if len(folders) == 1 and (real in ("python", "python3") or real == folders[0].parent.name):
        return folders[0]
    return None


def _is_complete(dist_info: Path) -> bool:
    try:
        record = (dist_info / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return False
    for line in record.splitlines():
        name = line.rsplit(",", 2)[0].strip('"')
        if not name.endswith(".pyc") and not os.path.lexists(dist_info.parent / name):
            return False
    return True


# ---- make it ----


def _make() -> None:
    began = time.monotonic()
    place = VENV if VENV.is_dir() else CHECKOUT
    if not os.access(place, os.W_OK | os.X_OK):
        owner = place.owner()
        raise VenvError(f"{place} belongs to {owner}. Run this as {owner}, or in a checkout of your own.")
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(VENV)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise VenvError(f"Python's own venv module failed:\n{done.stderr or done.stdout}")
    _say(f"{_seconds(began)}  .venv made with Python {sys.version.split()[0]}")


def _pip() -> list[str]:
    """How to call a pip: the one inside Python's ensurepip, unpacked nowhere, else an installed one."""
    folders = [Path(os.__file__).parent / "ensurepip" / "_bundled"]
    if system_wheels := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(system_wheels))
    folders.append(Path("/usr/share/python-wheels"))
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            return [str(PYTHON), "-I", f"{wheel}/pip"]
    for python in (str(PYTHON), sys.executable):
        command = [python, "-m", "pip"]
        if python == sys.executable:
            command += ["--python", str(PYTHON)]
        if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
            return command
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise VenvError(
        f"This Python {version} ({sys.executable}) comes without pip and ensurepip. Install them, on Debian "
        f"and Ubuntu with:\n    sudo apt install python{version}-venv\nthen run this again."
    )


def _install(lock: str, requirements: dict[str, str]) -> None:
    """Install what is missing: several pips at once, since each unpacks one package after the other."""
    _UNFINISHED.touch()
    began = time.monotonic()
    pip = _pip()
    blocks = list(requirements.values())
    at_once = min(4, max(2, os.cpu_count() or 1))
    parts = [part for part in (blocks[first::at_once] for first in range(at_once)) if part]
    _say(f"          packages to install from {lock}: {len(requirements)}")
    workers = [_Worker(pip, VENV / f"part-{number}.txt", part) for number, part in enumerate(parts)]
    try:
        _watch(workers, len(requirements), began)
    finally:
        for worker in workers:
            worker.end()
    for worker in workers:
        if worker.process.returncode:
            raise VenvError(f"pip could not install {lock}:\n" + "\n".join(worker.lines[-25:]))
    if not _holds(requirements):
        raise VenvError(f"pip installed {lock}, but files of it are missing.")
    _say(f"{_seconds(began)}  packages installed")


class _Worker:
    """One pip on its part of the lock."""

    def __init__(self, pip: list[str], part: Path, requirements: list[str]) -> None:
        part.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        self.part = part
        self.lines: list[str] = []
        env = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_PREFIX")}
        self.process = subprocess.Popen(
            [*pip, "install", *_PIP_OPTIONS, "-r", str(part)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=env | {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self.process.stdout
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self.reader.start()

    def _read(self, out: IO[str]) -> None:
        with out:
            self.lines.extend(map(str.rstrip, out))

    def doing(self) -> str:
        """The package it is at."""
        for line in reversed(self.lines):
            if found := re.match(r"\s*(?:Collecting|Processing|Downloading|Building wheel for) (\S+)", line):
                return re.split(r"==|-\d", Path(found[1]).name)[0]
            if "Installing collected packages" in line:
                return "unpacking"
        return "starting"

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.reader.join()
        self.part.unlink(missing_ok=True)


def _watch(workers: list[_Worker], total: int, began: float) -> None:
    """Say where it is once a second until all have ended or one has failed."""
    said = time.monotonic()
    while any(worker.process.poll() is None for worker in workers):
        if any(worker.process.poll() for worker in workers):
            return
        time.sleep(0.05)
        if time.monotonic() - said > 1:
            said = time.monotonic()
            count = len(list(VENV.glob("lib/python3.*/site-packages/*.dist-info")))
            _say(f"{_seconds(began)}    {min(count, total)}/{total}  {', '.join(w.doing() for w in workers)}")


def _compile() -> None:
    """Compile on all cores; whoever runs the code later may not be allowed to keep what it compiles."""
    began = time.monotonic()
    packages = str(_site_packages())
    subprocess.run(
        [str(PYTHON), "-I", "-m", "compileall", "-qq", "-j", "0", packages],
        capture_output=True, check=False,
    )  # fmt: skip
    _say(f"{_seconds(began)}  packages compiled")
