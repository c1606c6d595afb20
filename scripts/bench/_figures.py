"""Figures of a bench: printed beside their goal, their floor and the last run, and kept as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / ".bench"


def cpu(work: Callable[[], Any], rounds: int = 5) -> float:
    """Milliseconds of processor time that ``work`` takes in this process; the least of some rounds.

    Other work on the machine hardly changes it, unlike the time on the clock.
    """
    found = []
    for _ in range(rounds):
        since = time.process_time()
        work()
        found.append(time.process_time() - since)
    return min(found) * 1000


@dataclass
class Figures:
    """What one bench found. ``floor`` is the least that this machine could do, from the same run."""

    name: str
    unit: str
    floor_name: str
    floor: float
    rows: dict[str, tuple[float, float | None]] = field(default_factory=dict)

    def add(self, what: str, figure: float, goal: float | None = None) -> None:
        """One row; ``goal`` is in the same unit."""
        self.rows[what] = figure, goal

    def tell(self) -> None:
        """Print, compare with the last run, and keep."""
        path = FOLDER / f"{self.name}.json"
        before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
        print(f"{self.name}: {self.unit}; floor = {self.floor_name}: {self.floor:.1f}")
        print(f"{'':44}{'today':>10}{'goal':>10}{'x floor':>10}{'last run':>10}")
        for what, (figure, goal) in self.rows.items():
            last = before.get(what, [None])[0]
            cells = (figure, goal, figure / self.floor if self.floor else None, last)
            print(
                f"{what:44}"
                + "".join(
                    f"{'-' if cell is None else f'{cell:.{1 if cell >= 10 else 2}f}':>10}" for cell in cells
                )
            )
        FOLDER.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
