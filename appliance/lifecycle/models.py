"""``models``: what is known of the providers' models, and what the providers say of them today."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from appliance.core.clock import Deadline, utcnow
from appliance.core.encryption import EncryptionKeys
from appliance.lifecycle.database import opened_database
from appliance.providers.base import ProviderError
from appliance.providers.catalogue import Model
from appliance.providers.catalogue.files import installed
from appliance.providers.keys import KeyFiles
from appliance.providers.learned import LearnedModels
from appliance.providers.model_facts import ModelFactsDriver
from appliance.providers.model_status import model_status
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.settings.environment import Settings
from appliance.settings.operator import AppSettingsRepository

ASK_SECONDS = 15.0  # for one provider's models
_PICTURES = ("image", "banana")  # what a model that makes pictures has in its name


@dataclass(frozen=True, slots=True)
class Line:
    """One model as it is listed. ``said_by`` and ``said_on``: whose word its state is, of which day."""

    provider: str
    model: str
    state: str
    ends_on: date | None
    successor: str | None
    price: str
    said_by: str
    said_on: date | None


@dataclass(frozen=True, slots=True)
class ProviderModelsAnswer:
    """What came of asking one provider: why it could not be asked, and models that are unknown here."""

    provider: str
    failed: str | None
    unknown_here: tuple[str, ...] = ()


async def models(settings: Settings, arguments: argparse.Namespace) -> int:
    """List the providers' models with state, end, successor and price; --check asks the providers."""
    async with opened_database(settings, 2) as database:
        learned = LearnedModels(database)
        await learned.load()
        async with database.session() as session:
            operator = await AppSettingsRepository(session).operator_settings()
        files = installed(settings.config_file, settings.site_dir)
        registry = ProviderRegistry(operator, settings.provider_base_urls, files)
        try:
            stored = StoredKeys(database, EncryptionKeys(settings.secrets_dir), registry)
            await stored.refresh()
            keys = AllKeys(stored, KeyFiles(settings.secrets_dir), registry)
            asked = await _check(registry, keys, learned) if arguments.check else []
            await learned.written()
        finally:
            await registry.aclose()
        lines = _lines(registry, learned)
    print(_as_json(lines, asked) if arguments.json else _page(lines, asked))
    return 1 if any(one.failed for one in asked) else 0


async def _check(
    registry: ProviderRegistry, keys: AllKeys, learned: LearnedModels
) -> list[ProviderModelsAnswer]:
    """Ask each provider that has a key of each model: free calls."""
    found = []
    for provider in registry.catalogue.providers:
        driver = registry.driver(provider) if provider in registry.names else None
        mine = keys.keys(provider)
        if not isinstance(driver, ModelFactsDriver) or not mine:
            found.append(
                ProviderModelsAnswer(
                    provider, "no_key" if isinstance(driver, ModelFactsDriver) else "does_not_tell"
                )
            )
            continue
        known = registry.catalogue.of(provider).by_id
        deadline = Deadline.after(ASK_SECONDS)
        try:
            async with deadline.guard():
                for name in known:
                    learned.heard(provider, name, await driver.model_facts(mine[0], name, deadline))
                listed = await driver.model_names(mine[0], deadline)
        except ProviderError as error:
            found.append(ProviderModelsAnswer(provider, error.reason))
        except TimeoutError:
            found.append(ProviderModelsAnswer(provider, "too_slow"))
        else:
            new = (name for name in listed if name not in known and any(part in name for part in _PICTURES))
            found.append(ProviderModelsAnswer(provider, None, tuple(sorted(new))))
    return found


def _lines(registry: ProviderRegistry, learned: LearnedModels) -> list[Line]:
    now, catalogue = utcnow(), registry.catalogue
    found = []
    for provider in catalogue.providers:
        for model in catalogue.of(provider).by_id.values():
            seen = model_status(catalogue, learned, provider, model.id, now)
            if seen is not None:
                next_one = seen.successor.id if seen.successor and seen.state not in _WELL else None
                found.append(
                    Line(
                        provider,
                        model.id,
                        seen.state,
                        seen.ends_on,
                        next_one,
                        _price(model),
                        seen.said_by,
                        seen.said_on,
                    )
                )
    return found


_WELL = ("recommended", "current")


def _price(model: Model) -> str:
    """The prices of a picture, by what decides; ``-`` where none is known."""
    price = model.price
    each = ", ".join(f"{name} {amount}" for name, amount in price.picture.items())
    return f"{each} {price.currency}" if each else "-"


def _page(lines: Sequence[Line], asked: Sequence[ProviderModelsAnswer]) -> str:
    rows = [
        f"{line.provider:<10} {line.model:<34} {line.state:<12} {line.ends_on or '-'!s:<11} "
        f"{line.successor or '-':<26} {line.said_by} {line.said_on or '-'}  {line.price}"
        for line in lines
    ]
    head = (
        f"{'PROVIDER':<10} {'MODEL':<34} {'STATE':<12} {'ENDS ON':<11} {'USE INSTEAD':<26} SAID BY, ON  PRICE"
    )
    told = [
        f"{one.provider}: not asked ({one.failed})" if one.failed
        else f"{one.provider}: asked; new there and unknown here: {', '.join(one.unknown_here) or 'none'}"
        for one in asked
    ]  # fmt: skip
    return "\n".join([head, *rows, *(["", *told] if told else [])])


def _as_json(lines: Sequence[Line], asked: Sequence[ProviderModelsAnswer]) -> str:
    return json.dumps(
        {"models": [asdict(one) for one in lines], "asked": [asdict(one) for one in asked]},
        default=str,
        indent=2,
    )
