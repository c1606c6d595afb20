"""Whether a machine has what a workflow needs: its nodes, and the model files that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.language import Message
from appliance.providers.comfyui.binding import Binding
from appliance.providers.comfyui.graph import Graph, node_inputs

MOST_SHOWN = 20  # findings; more are of no use at once


def classes_of(graph: Graph) -> list[str]:
    """The kinds of nodes that the workflow is made of."""
    return sorted({node["class_type"] for node in graph.values()})


def missing(graph: Graph, binding: Binding, known: Mapping[str, Mapping[str, Any]]) -> tuple[Message, ...]:
    """What that machine lacks of ``graph``, which is ``binding``'s as it would be sent.

    ``known`` is what it says of each class, empty for one it has not.
    """
    found: dict[str, Message] = {}
    filled_in = {node for node in (binding.photo, *binding.templates.values()) if node}
    for number, node in graph.items():
        kind = node["class_type"]
        if not known.get(kind):
            found.setdefault(
                kind, Message("node %(node)s: that machine has no %(kind)s", node=number, kind=kind)
            )
    for one in node_inputs(graph):
        if one.node in filled_in and one.input == "image":
            continue
        choices = _choices(known.get(one.kind, {}), one.input)
        if choices is not None and one.value not in choices and not _in_a_folder(one.value):
            found[one.name] = Message(
                "node %(node)s %(kind)s: that machine has no %(value)s",
                node=one.node,
                kind=one.kind,
                value=repr(one.value),
            )
    return tuple(found.values())[:MOST_SHOWN]


def _in_a_folder(value: Any) -> bool:
    """Whether it is a picture that ComfyUI finds though it lists only those beside it: a mask's, for one."""
    return isinstance(value, str) and value.endswith((" [input]", " [output]", " [temp]"))


def _choices(facts: Mapping[str, Any], name: str) -> list[Any] | None:
    """The values that an input may have: none for a model of which there is no file. ``None``: any."""
    inputs = facts.get("input")
    for group in ("required", "optional"):
        spec = inputs.get(group, {}).get(name) if isinstance(inputs, dict) else None
        if isinstance(spec, list) and spec:
            if isinstance(spec[0], list):
                return spec[0]
            options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
            if spec[0] == "COMBO" and isinstance(options, list):
                return options
    return None
