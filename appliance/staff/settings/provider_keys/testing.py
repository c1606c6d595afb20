"""Asking providers about keys and about the models that slots use, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.providers.key_tests import KeyTest, ask_provider
from appliance.providers.keys import KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.model_status import model_status
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.repository import SlotRepository
from appliance.slots.service import models_in_use
from appliance.staff.settings.provider_keys.schemas import UsedModelView


class KeyRefused(ValidationFailed):
    """The provider does not accept a key that was to be kept."""

    def __init__(self, provider: str, tested: KeyTest) -> None:
        super().__init__(
            Message(
                "%(provider)s does not accept this key, so it was not kept. %(detail)s",
                provider=provider,
                detail=tested.detail,
            )
            if tested.detail
            else Message("%(provider)s does not accept this key, so it was not kept.", provider=provider),
            fields={"key": Message("the provider does not accept it (%(reason)s)", reason=tested.reason)},
        )
        self.tested = tested


@dataclass(frozen=True, slots=True)
class ModelsUsed:
    """By provider: the active slots that ask it, and what is known of the models they use."""

    slots: Mapping[str, list[str]]
    views: Mapping[str, list[UsedModelView]]

    def slots_of(self, provider: str) -> list[str]:
        """The slots that ask this provider first, or as a fallback."""
        return self.slots.get(provider, [])

    def views_of(self, provider: str) -> list[UsedModelView]:
        """The models of this provider that they use."""
        return self.views.get(provider, [])


class KeyTesting:
    """Tests keys, with the models that the slots use."""

    def __init__(
        self, database: Database, registry: ProviderRegistry, ring: KeyRing, learned: LearnedModels
    ) -> None:
        self._database = database
        self._registry = registry
        self._ring = ring
        self._learned = learned

    async def models_used(self) -> ModelsUsed:
        """What active slots ask, as it is configured now."""
        used = await self._used()
        slots: dict[str, set[str]] = {}
        views: dict[str, list[UsedModelView]] = {}
        for (provider, model), of_slots in used.items():
            slots.setdefault(provider, set()).update(of_slots)
            if model and (view := self._view(provider, model, of_slots)):
                views.setdefault(provider, []).append(view)
        return ModelsUsed({provider: sorted(found) for provider, found in slots.items()}, views)

    async def origin(self, provider: str) -> str:
        """To whom a key of this provider is sent, as it is configured now."""
        await self._used()
        return self._registry.origin(provider)

    async def ask(self, provider: str, key: str, origin: str | None) -> KeyTest:
        """Ask a provider about a key, and about the models that slots ask it for.

        Raises ``ValidationFailed`` where the provider is somewhere else now than at the key's ``origin``.
        """
        models = [model for of, model in await self._used() if of == provider and model]
        if origin != self._registry.origin(provider):
            told = Message("was entered for %(origin)s: enter it again", origin=origin or "–")
            raise ValidationFailed(fields={"id": told})
        return await ask_provider(self._registry.driver(provider), key, models)

    def judge(self, provider: str, key: str, tested: KeyTest | None) -> None:
        """What the test of a key that is kept means for the photos that come."""
        if tested is None:
            return
        if tested.outcome == "works":
            self._ring.proved(provider, key, tested.at)
        elif tested.rest:
            self._ring.set_aside(
                provider,
                key,
                tested.rest,
                tested.reason or tested.outcome,
                spent=tested.outcome == "no_quota",
            )
        for one in tested.models:
            if one.facts is not None and (one.facts.there or self._ring.is_only(provider, key)):
                self._learned.heard(provider, one.model, one.facts)

    async def _used(self) -> dict[tuple[str, str | None], list[str]]:
        """The providers and models, defaults by their names, and the slots that use them."""
        async with self._database.session() as session:
            self._registry.configure(await AppSettingsRepository(session).operator_settings())
            slots = await SlotRepository(session).all()
        return models_in_use(slots, self._registry)

    def _view(self, provider: str, model: str, slots: list[str]) -> UsedModelView | None:
        seen = model_status(self._registry.catalogue, self._learned, provider, model, utcnow())
        said = self._learned.of(provider, model)
        if seen is None:
            return None
        lasts = seen.state in ("recommended", "current")
        return UsedModelView.from_object(
            seen,
            model=model,
            slots=slots,
            asked_at=said.said_at if said else None,
            successor=seen.successor.id if seen.successor and not lasts else None,
        )
