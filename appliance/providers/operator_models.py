"""What the operator says of models on the settings page, as layers of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.providers.catalogue.catalogue import Catalogue, CatalogueProblem, Layer
from appliance.providers.catalogue.files import with_text
from appliance.providers.catalogue.lines import line_of
from appliance.settings.operator import OperatorSettings

ADDED, CHOSEN, BEFORE = "added_models", "settings", "providers"

# How facts were called in ``providers.NAME.models``, before there was a catalogue.
_OLD_NAMES = {
    "aspect_ratios": "ratios",
    "image_sizes": "sizes",
    "sizes": "sizes",
    "max_images": "pictures_in",
}


def with_settings(catalogue: Catalogue, settings: OperatorSettings) -> Catalogue:
    """``catalogue`` with what the operator changed; what is wrong is left out and told."""
    before = {
        provider: {"models": {name: _converted(facts) for name, facts in connection.models.items()}}
        for provider, connection in settings.providers.items()
        if connection.models
    }
    found = catalogue.with_layer(Layer(BEFORE, before)) if before else catalogue
    if settings.added_models.strip():
        found = with_text(found, settings.added_models, ADDED)
    chosen: dict[str, dict[str, Any]] = {}
    for provider, name in settings.default_models.items():
        chosen.setdefault(provider, {})["default"] = name
    for provider, names in settings.hidden_models.items():
        chosen.setdefault(provider, {})["hidden"] = names
    return found.with_layer(Layer(CHOSEN, chosen))


def refuse_wrong(catalogue: Catalogue, settings: OperatorSettings) -> None:
    """Raise ``ValidationFailed`` for what ``settings`` say wrongly of models, by setting."""
    found: dict[str, list[str]] = {}
    for problem in with_settings(catalogue, settings).problems[len(catalogue.problems) :]:
        found.setdefault(_field(problem), []).append(_said(problem, settings.added_models))
    if found:
        raise ValidationFailed(fields={name: reduce(_both, said) for name, said in found.items()})


def _field(problem: CatalogueProblem) -> str:
    if problem.layer == CHOSEN:
        return f"{problem.field or 'default'}_models.{problem.provider}"
    if problem.layer == BEFORE and problem.provider:
        return ".".join(filter(None, (BEFORE, problem.provider, "models", problem.model, problem.field)))
    return problem.layer


def _said(problem: CatalogueProblem, added: str) -> str:
    if problem.layer != ADDED or not problem.place:
        return problem.message
    line = line_of(added, problem.path)
    return Message("line %(line)s, %(place)s: %(said)s", line=line, place=problem.place, said=problem.message)


def _both(first: str, second: str) -> str:
    return Message("%(first)s; %(second)s", first=first, second=second)


def _converted(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A model's facts as they were once given, in the catalogue's groups."""
    capabilities: dict[str, Any] = {new: facts[old] for old, new in _OLD_NAMES.items() if old in facts}
    if "input_fidelity" in facts:
        capabilities["input_fidelity"] = ["high", "low"] if facts["input_fidelity"] else []
    unknown = facts.keys() - _OLD_NAMES.keys() - {"input_fidelity", "typical_seconds"}
    time = {"seconds": facts["typical_seconds"]} if "typical_seconds" in facts else {}
    return {"capabilities": capabilities, "time": time} | {name: facts[name] for name in unknown}
