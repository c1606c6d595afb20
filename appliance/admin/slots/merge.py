"""When two people saved the same slot: what each of them changed, side by side, and both put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from appliance.admin.slots.draft import Draft, draft_of, values_of
from appliance.admin.slots.history import label_of, shown
from appliance.core.language import Language
from appliance.slots.schemas import SlotConfig
from appliance.staff.providers.catalog import ProviderList
from appliance.staff.slots.changes import flat, nested
from appliance.staff.slots.views import SlotView

_Value = TypeVar("_Value")
LOOK = "look"  # provider, operation and their parameters belong together
_OF_LOOK = ("provider", "operation", "model", "params")


@dataclass(frozen=True, slots=True)
class Choice:
    """One field that the other person changed, with both values. ``theirs_first``: I left it alone."""

    key: str
    label: str
    mine: str
    theirs: str
    theirs_first: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else's version, and what to choose between."""

    who: str
    version: int
    choices: list[Choice]


def conflict_of(
    current: Mapping[str, Any], draft: Draft, slot: SlotView, catalog: ProviderList, language: Language
) -> Conflict:
    """``current`` is what ``VersionConflict`` says of the version in force; ``slot`` is that version."""
    changed: Mapping[str, list[Any]] = current["changes"]
    before = flat(current["config"]) | {name: values[0] for name, values in changed.items()}
    mine = flat(values_of(draft, catalog, _config(before) or slot))
    whole = bool({"provider", "operation"} & changed.keys())
    rows: dict[str, list[tuple[str, Any, Any, Any]]] = {}
    for name, (old, theirs) in changed.items():
        key = LOOK if whole and name.partition(".")[0] in _OF_LOOK else name
        rows.setdefault(key, []).append((name, old, theirs, mine.get(name)))
    choices = []
    for key, fields in rows.items():
        if all(own == theirs for _, _, theirs, own in fields):
            continue
        names = [name for name, *_ in fields]
        choices.append(
            Choice(
                key=key,
                label=language.gettext("slot.section.look.title")
                if key == LOOK
                else label_of(language, key, catalog, slot),
                mine=_text(language, names, {name: own for name, _, _, own in fields}, catalog, slot),
                theirs=_text(language, names, {name: theirs for name, _, theirs, _ in fields}, catalog, slot),
                theirs_first=all(own == old for _, old, _, own in fields),
            )
        )
    return Conflict(current["updated_by"], current["version"], choices)


def _config(values: Mapping[str, Any]) -> SlotConfig | None:
    """The configuration that both began with; ``None`` if it no longer fits."""
    try:
        return SlotConfig.model_validate(
            nested({name: one for name, one in values.items() if one is not None})
        )
    except ValidationError:
        return None


def _text(
    language: Language, names: list[str], values: Mapping[str, Any], catalog: ProviderList, slot: SlotView
) -> str:
    if len(names) == 1:
        return shown(language, names[0], values[names[0]])
    given = [name for name in names if values[name] not in (None, "")]
    return "; ".join(
        f"{label_of(language, name, catalog, slot)}: {shown(language, name, values[name])}" for name in given
    )


def merged(mine: Draft, slot: SlotView, take: Collection[str]) -> Draft:
    """My draft on top of the version in force, with the other's values where ``take`` names them."""
    theirs = draft_of(slot, slot.version)
    routes = list(mine.routes)
    if LOOK in take or "model" in take:
        routes[0] = theirs.routes[0]
    params = {name.removeprefix("params.") for name in take if name.startswith("params.")}
    routes[0] = replace(
        routes[0],
        params={name: value for name, value in routes[0].params.items() if name not in params}
        | {name: value for name, value in theirs.routes[0].params.items() if name in params},
    )
    if "fallbacks" in take:
        routes[1:] = theirs.routes[1:]
    return replace(
        mine,
        version=slot.version,
        fields=_taken(mine.fields, theirs.fields, take, ""),
        ticks=_taken(mine.ticks, theirs.ticks, take, ""),
        routes=tuple(routes),
        output=_taken(mine.output, theirs.output, take, "output."),
        prompt=_taken(mine.prompt, theirs.prompt, take, "prompt."),
        variants=theirs.variants if "prompt.variants" in take else mine.variants,
        media=_taken(mine.media, theirs.media, take, "template_media."),
    )


def _taken(
    mine: Mapping[str, _Value], theirs: Mapping[str, _Value], take: Collection[str], prefix: str
) -> dict[str, _Value]:
    names = dict.fromkeys((*mine, *theirs))
    source = {name: theirs if f"{prefix}{name}" in take else mine for name in names}
    return {name: source[name][name] for name in names if name in source[name]}
