"""The catalogue: the shipped facts, and layers above them that add, replace or hide models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from appliance.core.language import Message
from appliance.core.validation import field_messages
from appliance.providers.catalogue.model import Model

_GROUPS = ("life", "capabilities", "price", "time")
_PROVIDER_KEYS = ("default", "hidden", "models")
_SECONDS = 20.0  # where nobody said how long a model takes: between the fast and the slow ones we know
_LONGEST_CHAIN = 20  # successors of successors

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogueProblem:
    """One thing that is wrong in a layer, named so that it is found; the entry was left out."""

    layer: str
    provider: str
    model: str | None
    field: str
    message: str

    @property
    def place(self) -> str:
        """What is wrong, as it is written in TOML; empty where it is the whole text."""
        return ".".join(filter(None, (self.provider, self.model and f'"{self.model}"', self.field)))

    @property
    def path(self) -> list[str]:
        """The same, name by name."""
        model = ["models", self.model] if self.model else []
        return [self.provider, *model, *self.field.split(".")]

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.layer, self.place, self.message)))


@dataclass(frozen=True, slots=True)
class Layer:
    """Changes to the catalogue: by provider ``default``, ``hidden`` and ``models``.

    ``name`` says where they come from and is the source of facts that name none. A layer may
    speak of providers that the catalogue knows already; the lowest one brings them.
    """

    name: str
    changes: Mapping[str, Any]
    brings_providers: bool = False


@dataclass(frozen=True, slots=True)
class ProviderModels:
    """The models of one provider, in the order in which they are offered."""

    provider: str
    default_id: str = ""
    by_id: Mapping[str, Model] = field(default_factory=dict)
    raw: Mapping[str, Raw] = field(default_factory=dict, repr=False, compare=False)

    @property
    def offered(self) -> tuple[Model, ...]:
        """Those that may be chosen, the default first."""
        shown = [model for model in self.by_id.values() if not model.hidden]
        return tuple(sorted(shown, key=lambda model: model.id != self.default_id))

    def names_on(self, day: date) -> tuple[str, ...]:
        """The ids of those that may be chosen and are there on ``day``, the default first."""
        return tuple(model.id for model in self.offered if model.state_on(day) != "ended")

    @property
    def default(self) -> Model | None:
        """The model of routes that name none."""
        return self.by_id.get(self.default_id)

    def get(self, model_id: str | None) -> Model | None:
        """One model (``None``: the default), hidden ones too; ``None`` if it is not known."""
        return self.by_id.get(model_id or self.default_id)

    def successor(self, model_id: str, day: date) -> Model | None:
        """What to use instead: down the line of successors to one that stays, else the default."""
        model = self.by_id.get(model_id)
        for _ in range(_LONGEST_CHAIN):
            if model is None or model.life.successor is None:
                break
            model = self.by_id.get(model.life.successor)
            if model is not None and model.state_on(day) in ("recommended", "current"):
                return model if model.id != model_id else None
        return self.default if self.default_id != model_id else None


class Catalogue:
    """The models of all providers. It never changes: a layer makes another one."""

    def __init__(
        self, providers: Mapping[str, ProviderModels], problems: tuple[CatalogueProblem, ...] = ()
    ) -> None:
        self._providers = dict(providers)
        self.problems = problems
        """What was left out of the layers, and why."""

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that have models, by name."""
        return tuple(sorted(self._providers))

    def of(self, provider: str) -> ProviderModels:
        """A provider's models; none for a provider that has no choice of models."""
        return self._providers.get(provider) or ProviderModels(provider)

    def get(self, provider: str, model_id: str | None) -> Model | None:
        """One model (``None``: the default), hidden ones too; ``None`` if it is not known."""
        return self.of(provider).get(model_id)

    def with_problem(self, problem: CatalogueProblem) -> Catalogue:
        """The same catalogue, with one more thing to tell."""
        return Catalogue(self._providers, (*self.problems, problem))

    def with_layer(self, layer: Layer) -> Catalogue:
        """The catalogue with a layer's changes; what is wrong in it is left out and told."""
        problems: list[CatalogueProblem] = []
        providers = dict(self._providers)
        for name, changes in layer.changes.items():
            if name not in providers and not layer.brings_providers:
                known = ", ".join(self.providers)
                said = Message("is none of the providers %(known)s", known=known)
                problems.append(CatalogueProblem(layer.name, name, None, "", said))
            elif not isinstance(changes, Mapping):
                problems.append(CatalogueProblem(layer.name, name, None, "", Message("must be a table")))
            else:
                providers[name] = _changed(self.of(name), changes, layer, problems)
        return Catalogue(providers, (*self.problems, *problems))


def _changed(
    before: ProviderModels, changes: Raw, layer: Layer, problems: list[CatalogueProblem]
) -> ProviderModels:
    provider = before.provider

    def wrong(message: str, where: str = "", model: str | None = None) -> None:
        problems.append(CatalogueProblem(layer.name, provider, model, where, message))

    for key in changes.keys() - set(_PROVIDER_KEYS):
        wrong(Message("is not known here; there are %(known)s", known=", ".join(_PROVIDER_KEYS)), key)
    by_id, raw = dict(before.by_id), dict(before.raw)
    for model_id, facts in _table(changes, "models", wrong).items():
        try:
            merged = _merged(model_id, facts, raw, layer)
            by_id[model_id] = Model.model_validate({**merged, "provider": provider, "layer": layer.name})
            raw[model_id] = merged
        except ValidationError as error:
            for where, message in field_messages(error).items():
                wrong(message, where, model_id)
        except ValueError as error:
            where, said = error.args
            wrong(said, where, model_id)
    for model_id, hidden in _hidden(changes, by_id, wrong).items():
        by_id[model_id] = by_id[model_id].model_copy(update={"hidden": hidden})
        raw[model_id] = {**raw[model_id], "hidden": hidden}
    default = changes.get("default", before.default_id)
    if default not in by_id:
        wrong(_no_model(default), "default")
        default = before.default_id
    if default in by_id and by_id[default].hidden:
        wrong(Message("%(model)s is the default model, so it cannot be hidden", model=default), "hidden")
        by_id[default] = by_id[default].model_copy(update={"hidden": False})
    return ProviderModels(provider, default, by_id, raw)


def _table(changes: Raw, key: str, wrong: Any) -> Raw:
    found = changes.get(key, {})
    if not isinstance(found, Mapping):
        wrong(Message("must be a table"), key)
        return {}
    return found


def _hidden(changes: Raw, by_id: Mapping[str, Model], wrong: Any) -> dict[str, bool]:
    found = changes.get("hidden", [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        wrong(Message("must be a list of model names"), "hidden")
        return {}
    for name in found:
        if name not in by_id:
            wrong(_no_model(name), "hidden")
    return {name: True for name in found if name in by_id}


def _no_model(name: object) -> Message:
    return Message("there is no model %(model)s", model=repr(name))


def _merged(model_id: str, facts: Any, known: Mapping[str, Raw], layer: Layer) -> dict[str, Any]:
    """A model's facts with those of ``layer`` in their place, group by group and key by key.

    ``like`` names a model whose facts are taken where nothing else is said.
    """
    if not isinstance(facts, Mapping):
        raise ValueError("", Message("must be a table"))  # noqa: TRY004 - a finding like the others
    like = facts.get("like", model_id)
    if "like" in facts and like not in known:
        raise ValueError("like", _no_model(like))
    start = dict(known.get(like, {}))
    if like != model_id:
        start = {**start, "label": model_id, "life": {"source": layer.name}}
    merged: dict[str, Any] = {"label": model_id, **start, "id": model_id}
    merged |= {name: value for name, value in facts.items() if name not in ("like", *_GROUPS)}
    for group in _GROUPS:
        said = facts.get(group)
        if said is not None and not isinstance(said, Mapping):
            raise ValueError(group, Message("must be a table"))
        merged[group] = {**merged.get(group, {"source": layer.name})}
        if said:
            merged[group] |= {"source": layer.name, "checked": None, **said}
    merged["time"] = {"seconds": _SECONDS, **merged["time"]}
    return merged
