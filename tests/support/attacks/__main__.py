"""python -m tests.support.attacks NAME PORT SECONDS [FACTS]: prints ``begun``, then what was answered."""

from __future__ import annotations

import asyncio
import json
import resource
import sys

from tests.support.attacks import ATTACKS
from tests.support.attacks.wire import Attack


def main() -> None:
    name, port, seconds = sys.argv[1:4]
    attack = Attack(int(port), float(seconds), json.loads(sys.argv[4]) if len(sys.argv) > 4 else {})
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(ATTACKS[name](attack))
    print(json.dumps(attack.answers))  # noqa: T201 - whoever started this process reads it


if __name__ == "__main__":
    main()
