"""Where things lie in the stack's containers; they are only there."""

from __future__ import annotations

from pathlib import Path

STATE = Path("/var/lib/photochanger")
FRONT = STATE / "front"  # what Nginx is given
