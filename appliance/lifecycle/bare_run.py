"""What the verbs know of a run without Docker: where it notes its ports, and how its scripts are called."""

from __future__ import annotations

import shlex
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def ports_file(data: Path) -> Path:
    """Where a run keeps its ports; there since its first start."""
    return data / "run" / "ports.json"


def command(script: str, data: Path, media: Path) -> str:
    """How ``scripts/run`` or ``scripts/appliance`` is called for this data folder."""
    is_usual = (data, media) == (_CHECKOUT / "data", _CHECKOUT / "media")
    return f"scripts/{script}" if is_usual else f"scripts/{script} --data {shlex.quote(str(data))}"
