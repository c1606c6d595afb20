"""A process that gives way to photos: a tenth of the processor, and the disk when nobody wants it."""

from __future__ import annotations

import os
import shutil
import subprocess

_NICENESS = 10  # a tenth of what a photo gets: with 19 it gets nothing while the machine is busy


def give_way() -> None:
    """From now on, for good. A system without ``ionice`` schedules the disk by the former alone."""
    os.nice(_NICENESS)
    if program := shutil.which("ionice"):
        subprocess.run([program, "-c", "3", "-p", str(os.getpid())], check=False, capture_output=True)
