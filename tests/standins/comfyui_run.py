"""A graph in the stand-in's queue, and how it may end badly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.standins.comfyui_graph import Graph
from tests.standins.script import Step

_ENDS: dict[str, list[str]] = {
    "out_of_memory": ["torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory."],
    "no_ram": ["RuntimeError", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 40 bytes."],
    "execution_error": ["RuntimeError", "The size of tensor a must match the size of tensor b"],
    "other_output_fails": ["ValueError", "This output is not ours."],
}


@dataclass(slots=True)
class Run:
    """One graph in the queue or done."""

    number: int
    graph: Graph = field(repr=False)
    step: Step
    looks: int
    outputs: list[str]
    client_id: str
    seconds: float  # how long the machine works at it
    began: float | None = None
    at: int = 0  # the step

    @property
    def sampler(self) -> tuple[str, int]:
        """The node that counts steps, and how many there are."""
        found = ((name, node["inputs"].get("steps")) for name, node in self.graph.items())
        return next((one for one in found if isinstance(one[1], int)), ("", 0))


def bad_end(step: str) -> list[Any] | None:
    """The message with which a run ends that plays ``step``; ``None`` if it ends well."""
    where = {"node_id": "3", "node_type": "KSampler", "executed": []}
    if step == "interrupted":
        return ["execution_interrupted", where]
    if step not in _ENDS:
        return None
    kind, text = _ENDS[step]
    more = {"traceback": [], "current_inputs": {}, "current_outputs": []}
    return ["execution_error", where | {"exception_type": kind, "exception_message": text} | more]
