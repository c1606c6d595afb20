"""A ComfyUI workflow in API format: what can be bound in it, and the graph for one photo.

A graph is ``{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}}, …}``: an input is a
value, or a link to another node's output. An input in it is written ``3.seed``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.core.json_text import from_json
from appliance.core.language import Message

Graph = dict[str, dict[str, Any]]

SAVES, PREVIEWS = "SaveImage", "PreviewImage"
_TEXT_INPUTS = frozenset({"text", "prompt", "text_g", "text_l", "t5xxl", "clip_l", "string", "instruction"})
_TEXT_NODES = frozenset({"PrimitiveString", "PrimitiveStringMultiline"})  # which hold words for other nodes
_SEED_INPUTS = frozenset({"seed", "noise_seed"})
_NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class NodeInput:
    """One input of one node."""

    node: str
    input: str
    kind: str  # the node's class
    title: str
    value: Any = None

    @property
    def name(self) -> str:
        """How it is written in a slot's parameters."""
        return f"{self.node}.{self.input}"

    @property
    def label(self) -> str:
        """What people choose it by."""
        return f"{self.node} · {self.title}" + ("" if self.input == "image" else f": {self.input}")

    def like_its_own(self, value: Any) -> Any:
        """``value`` of the kind that stands there; raises ``ValueError`` with what must stand there."""
        if isinstance(self.value, str):
            return str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(self.value, bool):
            if isinstance(value, bool):
                return value
            raise ValueError(Message("%(name)s must be true or false", name=self.name))
        if type(value) is int:
            return value
        try:
            number = None if isinstance(value, bool) else float(str(value).replace(",", "."))
        except ValueError:
            number = None
        if number is None or not math.isfinite(number):
            raise ValueError(Message("%(name)s must be a number", name=self.name))
        return int(number) if number == int(number) else number


def parse_workflow(text: str) -> Graph:
    """``text`` as a graph; raises ``ValueError`` saying what is wrong with it."""
    found = from_json(text)
    if isinstance(found, dict) and isinstance(found.get("nodes"), list):
        raise ValueError(  # noqa: TRY004 - a finding
            Message("this is the form that ComfyUI's editor saves: export the workflow with 'Export (API)'")
        )
    if not isinstance(found, dict) or not found:
        raise ValueError(Message("this is not a workflow in API format"))
    for number, node in found.items():
        if (
            not isinstance(node, dict)
            or not isinstance(node.get("class_type"), str)
            or not isinstance(node.get("inputs"), dict)
        ):
            raise ValueError(  # noqa: TRY004 - a finding
                Message(
                    "this is not a workflow in API format: %(node)s has no class or no inputs",
                    node=repr(number),
                )
            )
    return found


def node_inputs(graph: Graph) -> Iterator[NodeInput]:
    """Every input that holds a value, not a link."""
    for number, node in graph.items():
        kind = node["class_type"]
        for name, value in node["inputs"].items():
            if isinstance(value, str | int | float | bool):
                yield NodeInput(number, name, kind, _title(node), value)


def _title(node: Mapping[str, Any]) -> str:
    """What the node is called in ComfyUI's editor."""
    meta = node.get("_meta")
    return str((meta.get("title") if isinstance(meta, dict) else None) or node["class_type"])


def photo_inputs(graph: Graph) -> list[NodeInput]:
    """Where a picture can go in."""
    return [
        one
        for one in node_inputs(graph)
        if one.kind.startswith("LoadImage") and one.input == "image" and isinstance(one.value, str)
    ]


def text_inputs(graph: Graph) -> list[NodeInput]:
    """Where words can go in."""
    return [
        one
        for one in node_inputs(graph)
        if isinstance(one.value, str)
        and (one.input in _TEXT_INPUTS or one.input in {"positive", _NEGATIVE} or one.kind in _TEXT_NODES)
    ]


def seed_inputs(graph: Graph) -> list[NodeInput]:
    """Where the dice are thrown."""
    return [
        one
        for one in node_inputs(graph)
        if one.input in _SEED_INPUTS and isinstance(one.value, int) and not isinstance(one.value, bool)
    ]


def output_nodes(graph: Graph) -> list[NodeInput]:
    """The nodes that hand out pictures."""
    found = []
    for number, node in graph.items():
        kind = node["class_type"]
        if kind in {SAVES, PREVIEWS} or kind.startswith("SaveImage"):
            found.append(NodeInput(number, "image", kind, _title(node)))
    return found


def other_inputs(graph: Graph) -> list[NodeInput]:
    """Further values that may be changed: steps, strength, model files."""
    taken = {one.name for one in (*photo_inputs(graph), *text_inputs(graph), *seed_inputs(graph))}
    return [one for one in node_inputs(graph) if one.name not in taken]


def likely_texts(graph: Graph) -> tuple[NodeInput | None, NodeInput | None]:
    """The places for the prompt and for what must not appear, as the sampler is linked to them."""
    texts = text_inputs(graph)
    by_node = {one.node: one for one in reversed(texts)}
    positive, negative = (_linked_as(graph, name, by_node) for name in ("positive", _NEGATIVE))
    prompt = positive or next((one for one in texts if one != negative), None)
    return prompt, negative if negative != prompt else None


def _linked_as(graph: Graph, name: str, wanted: Mapping[str, NodeInput]) -> NodeInput | None:
    """The one of ``wanted`` that flows into an input called ``name``."""
    for node in graph.values():
        link = node["inputs"].get(name)
        if _is_link(link) and (found := _upstream(graph, link[0], wanted)):
            return found
    return None


def _upstream(graph: Graph, start: str, wanted: Mapping[str, NodeInput]) -> NodeInput | None:
    """The nearest of ``wanted`` from which something flows into ``start``."""
    seen: set[str] = set()
    queue = [str(start)]
    while queue:
        number = queue.pop(0)
        if number in seen or number not in graph:
            continue
        seen.add(number)
        if number in wanted:
            return wanted[number]
        queue += [str(value[0]) for value in graph[number]["inputs"].values() if _is_link(value)]
    return None


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)


@dataclass(frozen=True, slots=True)
class GraphValues:
    """What is put into a graph for one photo: by node the pictures, by input the values."""

    pictures: Mapping[str, str]
    values: Mapping[str, Any]
    output: str
    no_files: bool = True
    seeds: Sequence[str] = field(default=())
    seed: int = 0


def filled(graph: Graph, filling: GraphValues) -> Graph:
    """A copy of ``graph`` for one photo.

    ``no_files``: its output is a preview, which ComfyUI forgets, in place of a file that stays there for
    ever. Other nodes that save are left out then, for they would hold the guest's picture too; one from
    which others go on (since 2026 ``SaveImage`` hands its pictures on) becomes a preview, too.
    """
    made = copy.deepcopy(graph)
    for node, picture in filling.pictures.items():
        made[node]["inputs"]["image"] = picture
    for name in filling.seeds:
        _put(made, name, filling.seed)
    for name, value in filling.values.items():
        _put(made, name, value)
    if filling.no_files:
        _without_files(made, filling.output)
    return made


def _without_files(graph: Graph, output: str) -> None:
    """Take out the nodes that leave pictures behind; ``output``, and what others need, become previews."""
    needed = {
        str(value[0]) for node in graph.values() for value in node["inputs"].values() if _is_link(value)
    }
    outputs = {one.node for one in output_nodes(graph)}
    for number, node in list(graph.items()):
        if number == output or (number in outputs and number in needed):
            if node["class_type"] != PREVIEWS:
                node["class_type"] = PREVIEWS
                node["inputs"] = {"images": node["inputs"].get("images")}
        elif number not in needed and (number in outputs or node["class_type"].startswith("Save")):
            del graph[number]


def hands_on_images(graph: Graph, number: str) -> bool:
    """Whether a preview could stand in the node's place."""
    return _is_link(graph[number]["inputs"].get("images"))


def _put(graph: Graph, name: str, value: Any) -> None:
    node, _, field_name = name.partition(".")
    graph[node]["inputs"][field_name] = value
