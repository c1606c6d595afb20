"""A workflow in the slot editor: its nodes to choose from, and what the machine says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.render import part
from appliance.admin.security import MayReadSlots
from appliance.admin.slots.draft import RouteDraft, draft_from, values_of
from appliance.admin.slots.fields import FormInput, plain, properties
from appliance.core.language import Language
from appliance.providers.comfyui.graph import (
    Graph,
    NodeInput,
    likely_texts,
    other_inputs,
    output_nodes,
    parse_workflow,
    photo_inputs,
    text_inputs,
)
from appliance.providers.comfyui.settings import other_values
from appliance.slots.schemas import RouteConfig
from appliance.staff.providers.catalogue import OperationView, ProviderCatalogue
from appliance.staff.providers.machines import MachineReport, Machines
from appliance.staff.slots.editor import SlotEditor

router = APIRouter(prefix="/slots")

Choices = tuple[tuple[str, str], ...]
MOST_PLACES = 100  # a form may have 500 fields


def with_nodes(
    inputs: list[FormInput], view: OperationView, route: RouteDraft, language: Language
) -> list[FormInput]:
    """The inputs, those for nodes with the nodes of the workflow to choose from; left out without one."""
    known = properties(view.params_schema)
    if not any(prop.get("x-workflow") for prop in known.values()):
        return inputs
    graph = _graph(route.params)
    offered = _offered(graph, language) if graph else {}
    shown = []
    for one in inputs:
        prop = known[one.name.rpartition(".")[2]]
        if prop.get("x-node"):
            if graph:
                shown.append(replace(one, kind="choice", choices=offered[prop["x-node"]]))
        elif prop.get("x-places") and graph:
            shown.append(_of_places(one, graph, language))
        elif prop.get("x-workflow") and graph:
            note = language.ngettext("slot.workflow.nodes", len(graph))
            shown.append(replace(one, note=note))
        elif not prop.get("x-places") or one.value:
            shown.append(one)
    return shown


def _of_places(one: FormInput, graph: Graph, language: Language) -> FormInput:
    """An input for each value that nothing else of the form changes."""
    try:
        values = other_values(one.value)
    except ValueError:
        return one
    parts = []
    for node_input in other_inputs(graph)[:MOST_PLACES]:
        usual, value = _written(node_input.value), _written(values.get(node_input.name, ""))
        part = FormInput(f"{one.name}.{node_input.name}", "text", node_input.label, value=value, usual=usual)
        if isinstance(node_input.value, bool):
            as_it_is = language.gettext("slot.workflow.as_it_is", value=usual)
            part = replace(part, kind="choice", choices=(("", as_it_is), ("true",) * 2, ("false",) * 2))
        parts.append(part)
    return replace(one, kind="places", parts=tuple(parts)) if parts else one


def _written(value: Any) -> str:
    """A value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else plain(value)


def _graph(params: Mapping[str, str]) -> Graph | None:
    try:
        return parse_workflow(params.get("workflow", ""))
    except ValueError:
        return None


def _offered(graph: Graph, language: Language) -> dict[str, Choices]:
    """By kind of input what may be chosen, first what is taken where nothing is."""
    photos, outputs = photo_inputs(graph), output_nodes(graph)
    prompt, negative = likely_texts(graph)
    texts = text_inputs(graph)
    return {
        "photo": (_by_itself(photos[0] if len(photos) == 1 else None, language), *_nodes(photos)),
        "template": (("", language.gettext("slot.workflow.none")), *_nodes(photos)),
        "prompt": (_by_itself(prompt, language), *_named(texts)),
        "negative": (_by_itself(negative, language), *_named(texts)),
        "output": (_by_itself(outputs[0] if len(outputs) == 1 else None, language), *_nodes(outputs)),
    }


def _by_itself(node_input: NodeInput | None, language: Language) -> tuple[str, str]:
    if node_input is None:
        return "", language.gettext("slot.workflow.choose")
    return "", language.gettext("slot.workflow.found", node=node_input.label)


def _nodes(found: Sequence[NodeInput]) -> Choices:
    return tuple((node_input.node, node_input.label) for node_input in found)


def _named(found: Sequence[NodeInput]) -> Choices:
    return tuple((node_input.name, node_input.label) for node_input in found)


@router.post("/{slot_id}/machine")
async def machine(slot_id: str, context: MayReadSlots, route: int = 0) -> Response:
    """What the machine says of the workflow on the form: which nodes and model files it has not got."""
    form = await context.form()
    slot, catalogue = (
        await context.service(SlotEditor).get(slot_id),
        await context.service(ProviderCatalogue).all(),
    )
    values = values_of(draft_from(form, catalogue), catalogue, slot)
    routes: list[dict[str, Any]] = [values, *values["fallbacks"]]
    report = MachineReport("wrong")
    if 0 <= route < len(routes):
        names = ("provider", "operation", "model", "params")
        chosen = RouteConfig.model_validate({name: routes[route][name] for name in names})
        report = await context.service(Machines).look(chosen)
    return part(context, "_slot_machine.html", report=report)
