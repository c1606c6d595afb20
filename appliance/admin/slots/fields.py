"""Inputs made from a JSON Schema: what a provider's parameters look like in a form."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from appliance.core.language import Language

Kind = Literal["slider", "number", "text", "prompt", "json", "workflow", "places", "choice", "tick", "colour"]
OWN = "own"  # the choice that stands for what is typed beside it
_WIDEST_SLIDER = 100  # steps; a wider range is typed
_NUMBERS = ("integer", "number")


@dataclass(frozen=True, slots=True)
class FormInput:
    """One input of the form. ``name`` is its name there: ``route.0.params.grain``."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    value: str = ""
    error: str | None = None
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    longest: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    may_type: bool = False
    """Whether a choice has a field beside it for a value that is not among the choices."""
    required: bool = False
    usual: str = ""
    """What holds where nothing is typed."""
    note: str = ""
    """What is said of the value."""
    parts: tuple[FormInput, ...] = ()
    """The inputs that it is made of; each begins with its name and a dot."""

    @property
    def id(self) -> str:
        """The same as an element's id: without dots, which selectors read otherwise."""
        return element_id(self.name)

    @property
    def on(self) -> bool:
        """Whether a box is ticked."""
        return self.value == "on"


def element_id(name: str) -> str:
    """The id of the element with this name."""
    return name.replace(".", "-")


def choice(language: Language, value: str) -> str:
    """One value of a choice, for people."""
    key = f"choice.{value}"
    return language.gettext(key) if language.has(key) else value


def properties(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A schema's properties, each with what its alternatives and references say."""
    definitions = schema.get("$defs", {})
    return {name: _whole(prop, definitions) for name, prop in schema.get("properties", {}).items()}


def _whole(prop: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(prop)
    for part in (*prop.get("anyOf", ()), *prop.get("allOf", ()), prop):
        if "$ref" in part:
            found = {**definitions.get(part["$ref"].rpartition("/")[2], {}), **found}
        elif part is not prop and part.get("type") != "null":
            found = {**part, **found}
    found["optional"] = any(part.get("type") == "null" for part in prop.get("anyOf", ()))
    if "const" in found:
        found["enum"] = [found["const"]]
    return found


def kind_of(prop: Mapping[str, Any]) -> Kind:
    """Which input suits a property."""
    if "enum" in prop:
        return "choice"
    if prop.get("type") == "boolean":
        return "tick"
    if prop.get("type") in _NUMBERS:
        bounded = "minimum" in prop and "maximum" in prop and not prop.get("optional")
        whole = prop["type"] == "integer"
        narrow = bounded and prop["maximum"] - prop["minimum"] <= _WIDEST_SLIDER
        return "slider" if whole and narrow else "number"
    return _text_kind(prop)


def _text_kind(prop: Mapping[str, Any]) -> Kind:
    if prop.get("format") == "color":
        return "colour"
    marked: dict[str, Kind] = {"x-workflow": "workflow", "x-json": "json", "x-multiline": "prompt"}
    return next((kind for mark, kind in marked.items() if prop.get(mark)), "text")


def inputs_of(
    schema: Mapping[str, Any],
    prefix: str,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    language: Language,
    *,
    without: Iterable[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
    typed_too: Collection[str] = (),
) -> list[FormInput]:
    """The inputs of a schema in its order, filled with ``values`` or with what the schema says.

    ``choices`` are values to choose from where the schema itself leaves it open; one without values is
    left out. ``typed_too`` are those of them that may be typed as well.
    """
    offered = choices or {}
    left_out = {*without, *(name for name, some in offered.items() if not some)}
    found = []
    for name, prop in properties(schema).items():
        if name in left_out:
            continue
        whole = {**prop, "enum": list(offered[name])} if name in offered else prop
        one = _input(f"{prefix}.{name}", whole, values.get(name), errors.get(f"{prefix}.{name}"), language)
        found.append(replace(one, may_type=name in typed_too))
    return found


def _input(
    name: str, prop: Mapping[str, Any], value: str | None, error: str | None, language: Language
) -> FormInput:
    kind = kind_of(prop)
    choices = tuple((str(one), choice(language, str(one))) for one in prop.get("enum", ()))
    if choices and prop.get("optional"):
        choices = (("", choice(language, "")), *choices)
    return FormInput(
        name=name,
        kind=kind,
        label=language.text(str(prop.get("title", name))),
        help=language.text(str(prop.get("description", ""))),
        value=plain(prop.get("default")) if value is None else value,
        error=error,
        minimum=plain(prop.get("minimum")),
        maximum=plain(prop.get("maximum")),
        step="1" if prop.get("type") == "integer" else "any",
        longest=plain(prop.get("maxLength")),
        choices=choices,
        required=bool(prop.get("minLength")),
    )


def plain(value: Any) -> str:
    """A value as a form holds it."""
    if value is None or value is False:
        return ""
    if value is True:
        return "on"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def typed(prop: Mapping[str, Any], text: str) -> Any:
    """What was typed, as JSON has it; a text that is no number stays one, and is refused later."""
    if prop.get("type") == "boolean":
        return text == "on"
    if not text and prop.get("optional"):
        return None
    if prop.get("type") in _NUMBERS:
        return number(text)
    return text.replace("\r\n", "\n")


def number(text: str) -> Any:
    """A number however it was typed; the text itself if it is none."""
    cleaned = text.strip().replace(",", ".")
    try:
        return int(cleaned)
    except ValueError:
        pass
    try:
        return float(cleaned)
    except ValueError:
        return cleaned


def as_json(text: str) -> Any:
    """What was typed as the JSON value that it reads like: a number, true or false, else the text."""
    if text in ("true", "false"):
        return text == "true"
    found = number(text)
    return found if plain(found) == text else text
