"""The models that the settings page offers: to be a provider's usual one, and to be hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.core.language import Language
from appliance.providers.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model as it is chosen there; ``value`` also names its provider."""

    id: str
    value: str
    label: str
    ended: bool


def known_models(
    catalogue: Catalogue, hidden_here: Mapping[str, Collection[str]], language: Language
) -> dict[str, list[KnownModel]]:
    """By provider those that are offered, and those that were hidden on this page."""
    today = datetime.now(UTC).date()
    found: dict[str, list[KnownModel]] = {}
    for provider in catalogue.providers:
        for model in catalogue.of(provider).by_id.values():
            if model.hidden and model.id not in hidden_here.get(provider, ()):
                continue
            state = model.state_on(today)
            label = (
                f"{model.label.in_language(language.code)}, {language.gettext(f'slot.model_state.{state}')}"
            )
            known = KnownModel(model.id, f"{provider}.{model.id}", label, state == "ended")
            found.setdefault(provider, []).append(known)
    return found
