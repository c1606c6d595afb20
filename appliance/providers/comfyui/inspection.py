"""Whether a machine has what a workflow needs: its nodes, and the model files that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.language import Message
from appliance.providers.comfyui.binding import Binding
from appliance.providers.comfyui.graph import node_inputs

MOST_SHOWN = 20  # findings; more are of no use at once


def classes_of(binding: Binding) -> list[str]:
    """The kinds of nodes that the workflow is made of."""
    return sorted({node["class_type"] for node in binding.graph.values()})


def missing(binding: Binding, known: Mapping[str, Mapping[str, Any]]) -> tuple[Message, ...]:
    """What that machine lacks; ``known`` is what it says of each class, empty for one it has not."""
    found: dict[str, Message] = {}
    filled_in = {node for node in (binding.photo, *binding.templates.values()) if node}
    for number, node in binding.graph.items():
        kind = node["class_type"]
        if not known.get(kind):
            found.setdefault(
                kind, Message("node %(node)s: that machine has no %(kind)s", node=number, kind=kind)
            )
    for one in node_inputs(binding.graph):
        if one.node in filled_in and one.input == "image":
            continue
        choices = _choices(known.get(one.kind, {}), one.input)
        if choices and one.value not in choices:
            found[one.name] = Message(
                "node %(node)s %(kind)s: that machine has no %(value)s",
                node=one.node,
                kind=one.kind,
                value=repr(one.value),
            )
    return tuple(found.values())[:MOST_SHOWN]


def _choices(facts: Mapping[str, Any], name: str) -> list[Any]:
    """The values that an input may have; empty where any may be."""
    inputs = facts.get("input")
    for group in ("required", "optional"):
        spec = inputs.get(group, {}).get(name) if isinstance(inputs, dict) else None
        if isinstance(spec, list) and spec:
            if isinstance(spec[0], list):
                return spec[0]
            options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
            if spec[0] == "COMBO" and isinstance(options, list):
                return options
    return []
