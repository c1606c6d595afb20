"""Small disks: a file system in memory, mounted over a folder, which can be full, read-only or away."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="small disks are mounted, and only root may mount")


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@dataclass(frozen=True)
class SmallDisk:
    """``folder`` lies on a disk of its own."""

    folder: Path

    @contextmanager
    def full(self, *, free: int = 0) -> Iterator[None]:
        """Only ``free`` bytes are left within the block."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb") as file:
                while not self._taken(file.fileno(), free):
                    file.truncate(0)
            yield
        finally:
            ballast.unlink()

    def _taken(self, file: int, free: int) -> bool:
        """Whether ``file`` has taken all but ``free`` bytes: somebody may write meanwhile."""
        wanted = shutil.disk_usage(self.folder).free - free
        try:
            os.posix_fallocate(file, 0, wanted // 4096 * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        return True

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nobody may write within the block, as after an error of the disk."""
        # Files that are open for writing keep it from becoming so in an orderly way.
        run("mount", "-o", "remount,ro", str(self.folder))
        try:
            yield
        finally:
            run("mount", "-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """What lies in ``folder``, if anything, lies on a small disk within the block."""
    folder.mkdir(parents=True, exist_ok=True)
    before = folder.with_name(f".{folder.name}.before")
    run("cp", "-a", str(folder), str(before))
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", f"chaos-{folder.name}", str(folder))
    try:
        run("cp", "-a", f"{before}/.", str(folder))
        yield SmallDisk(folder)
    finally:
        run("umount", "-l", str(folder))
        shutil.rmtree(before)
