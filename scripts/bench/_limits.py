"""An appliance for benches that ask more often than one address may."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.stack import Stack

_LIMIT = re.compile(r"^\s*limit_(?:req|conn) [^;]*;$", re.MULTILINE)


def without_limits(stack: Stack) -> None:
    """Have Nginx refuse nobody, and send media by themselves below ``/floor/``."""
    config = stack.data / "run/nginx.conf"
    text = _LIMIT.sub("", config.read_text())
    floor = f'server_name _;\n        location ^~ /floor/ {{ alias "{stack.media}/"; }}'
    config.write_text(text.replace("server_name _;", floor, 1))
    os.kill(stack.pid_of("nginx"), signal.SIGHUP)
    time.sleep(1.0)
