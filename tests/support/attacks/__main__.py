"""python -m tests.support.attacks NAME PORT SECONDS [FACTS]: prints ``begun``, then what was answered.

It is a machine of its own in the room, and here it shares the appliance's processors: so it gets what
nobody else wants. How much it took, and how many answers it had, is told, so that a starved attacker is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

from tests.support.attacks import ATTACKS
from tests.support.attacks.wire import Attack

LAST = 19


def step_back() -> None:
    """Wait until nobody else wants a processor: also where the kernel shares them out by sessions."""
    os.nice(LAST)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LAST), encoding="ascii")


def main() -> None:
    step_back()
    name, port, seconds = sys.argv[1:4]
    attack = Attack(int(port), float(seconds), json.loads(sys.argv[4]) if len(sys.argv) > 4 else {})
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(ATTACKS[name](attack))
    said = {"answers": attack.answers, "processor": time.process_time() - attack.prepared}
    print(json.dumps(said))  # noqa: T201 - whoever started this process reads it


if __name__ == "__main__":
    main()
