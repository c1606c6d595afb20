"""How much memory the app takes, and when."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

import psutil


@dataclass
class Memory:
    """``sizes`` in MB, one for each look."""

    process: psutil.Process
    sizes: list[float] = field(default_factory=list)

    def look(self) -> None:
        self.sizes.append(self.process.memory_info().rss / 1e6)

    def around(self, count: int) -> float:
        """The median of the last few looks before the one with this number."""
        return statistics.median(self.sizes[max(0, count - max(10, count // 10)) : count])
