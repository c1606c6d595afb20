#!/usr/bin/env python3
"""Remove expired results, orphan files and abandoned uploads; close interrupted jobs (UC2, step 6).

    scripts/cleanup_media.py [--dry-run | --every 15m] [--json]

Works on the appliance that PHOTOCHANGER_* names, else on the one that `scripts/run` made in `data/`.
Exit codes: 0 done; 1 some files could not be removed; 2 wrong usage or settings; 3 no database.
"""

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Hand over to the program's own verb, in the checkout's virtual environment if there is one."""
    python = CHECKOUT / ".venv/bin/python"
    program = str(python) if python.exists() else sys.executable
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    if not any(name.startswith("PHOTOCHANGER_") for name in environment):
        os.execve(program, [program, "-m", "appliance.bare.verb", "cleanup", *sys.argv[1:]], environment)
    os.execve(program, [program, "-m", "appliance", "cleanup", *sys.argv[1:]], environment)


main()
