"""Which node of a workflow takes what: chosen by the operator, or found."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.core.language import Message
from appliance.providers.comfyui.graph import (
    Graph,
    GraphValues,
    NodeInput,
    hands_on_images,
    likely_texts,
    node_inputs,
    output_nodes,
    parse_workflow,
    photo_inputs,
    seed_inputs,
    text_inputs,
)
from appliance.providers.comfyui.settings import ROLES, WorkflowParams, other_values

_MOST_SEED = 2**32 - 1  # some nodes take no higher ones


@dataclass(frozen=True, slots=True)
class Binding:
    """A slot's workflow with its nodes chosen. ``problems`` are by field; with any, it must not run."""

    graph: Graph
    photo: str
    output: str
    prompt: str
    negative: str
    templates: Mapping[str, str]
    values: dict[str, Any]
    problems: Mapping[str, str]

    def filling(self, params: WorkflowParams, pictures: Mapping[str, str]) -> GraphValues:
        """What goes into the graph for one photo; ``pictures`` are names at ComfyUI by role."""
        texts = ((self.prompt, params.prompt), (self.negative, params.negative_prompt))
        values: dict[str, Any] = {one: text for one, text in texts if one and text.strip()}
        nodes = {"photo": self.photo, **self.templates}
        seed = secrets.randbelow(_MOST_SEED) if params.seed is None else params.seed
        return GraphValues(
            pictures={nodes[role]: name for role, name in pictures.items() if nodes.get(role)},
            values=values | self.values,
            output=self.output,
            no_files=params.no_files,
            seeds=[one.name for one in seed_inputs(self.graph)],
            seed=seed,
        )


def binding_of(params: WorkflowParams) -> Binding:
    """The nodes that ``params`` names, or else those that suit."""
    graph = parse_workflow(params.workflow)
    found: dict[str, str] = {}
    templates = {role: getattr(params, f"{role}_node") for role in ROLES}
    photo = _photo(graph, params.photo_node, templates, found)
    outputs = output_nodes(graph)
    output = _node("output_node", params.output_node, outputs, outputs, found)
    if params.no_files and output in graph and not hands_on_images(graph, output):
        found["params.output_node"] = Message("this node takes no images: choose SaveImage or PreviewImage")
    prompt, negative = _words(graph, params, found)
    values = _values(graph, params.values, found)
    return Binding(graph, photo, output, prompt, negative, templates, values, found)


def _values(graph: Graph, text: str, found: dict[str, str]) -> dict[str, Any]:
    """Other values by input, of the kind that each has in the workflow."""
    known, values = {one.name: one for one in node_inputs(graph)}, {}
    for name, value in other_values(text).items():
        if name not in known:
            found["params.values"] = _no_such(name)
            continue
        try:
            values[name] = known[name].like_its_own(value)
        except ValueError as error:
            found["params.values"] = error.args[0]
    return values


def _photo(graph: Graph, chosen: str, templates: Mapping[str, str], found: dict[str, str]) -> str:
    """The node for the photo; what is wrong with it and with the templates' nodes is ``found``."""
    loads = photo_inputs(graph)
    free = [one for one in loads if one.node not in templates.values()]
    photo = _node("photo_node", chosen, free, loads, found)
    for role, node in templates.items():
        if node and node not in [one.node for one in loads]:
            found[f"params.{role}_node"] = _no_such(node)
    used = [node for node in (photo, *templates.values()) if node]
    if len(set(used)) < len(used):
        found.setdefault("params.photo_node", Message("two pictures cannot go to one node"))
    return photo


def _words(graph: Graph, params: WorkflowParams, found: dict[str, str]) -> tuple[str, str]:
    """The places for the prompt and for what must not appear."""
    prompt, negative = likely_texts(graph)
    texts = [one.name for one in text_inputs(graph)]
    chosen = {
        "prompt_place": params.prompt_place or (prompt.name if prompt else ""),
        "negative_place": params.negative_place or (negative.name if negative else ""),
    }
    for field_name, name in chosen.items():
        if name and name not in texts:
            found[f"params.{field_name}"] = _no_such(name)
    if params.prompt.strip() and not chosen["prompt_place"]:
        found["params.prompt"] = Message("the workflow has no node for words")
    if params.negative_prompt.strip() and not chosen["negative_place"]:
        found["params.negative_prompt"] = Message("choose where in the workflow it goes")
    return chosen["prompt_place"], chosen["negative_place"]


_NONE = {
    "photo_node": Message("the workflow has no LoadImage node for the photo"),
    "output_node": Message("the workflow has no SaveImage or PreviewImage node"),
}


def _node(
    field_name: str, chosen: str, free: list[NodeInput], all_: list[NodeInput], found: dict[str, str]
) -> str:
    """The node chosen, or the only one there is."""
    if chosen:
        if chosen not in [one.node for one in all_]:
            found[f"params.{field_name}"] = _no_such(chosen)
        return chosen
    if len(free) == 1:
        return free[0].node
    several = Message("the workflow has several of these nodes: choose one")
    found[f"params.{field_name}"] = several if free else _NONE[field_name]
    return ""


def _no_such(name: str) -> Message:
    return Message("the workflow has no %(name)s", name=name)
