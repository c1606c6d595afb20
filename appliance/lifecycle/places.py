"""Where things lie in the stack's containers."""

from __future__ import annotations

from pathlib import Path

FRONT = Path("/var/lib/photochanger/front")  # what Nginx is given; only there in the stack
