"""One model of a provider: groups of facts, each with its source and the day it was looked up."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from appliance.core.by_language import ByLanguage
from appliance.core.frozen import StrictModel
from appliance.core.language import languages
from appliance.core.validation import at_most_characters

ENDING_DAYS = 30  # so many days before its end a model is 'ending': enough for a venue to notice

Given = Literal["recommended", "current", "deprecated", "ended"]
ModelState = Literal["recommended", "current", "deprecated", "ending", "ended"]
TokenKind = Literal["image_in", "image_out", "text_in", "text_out"]
Ratio = Annotated[str, Field(pattern=r"^[1-9]\d?:[1-9]\d?$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,79}$")]
Amount = Annotated[Decimal, Field(ge=0, le=1000)]

_LONGEST = 300  # characters of a label or a remark


def _in_every_language(value: Any) -> Any:
    return dict.fromkeys(languages("staff"), value) if isinstance(value, str) else value


def _not_too_long(words: ByLanguage) -> ByLanguage:
    if any(len(text) > _LONGEST for text in words.texts.values()):
        raise ValueError(at_most_characters(_LONGEST))
    return words


Text = Annotated[ByLanguage, BeforeValidator(_in_every_language), AfterValidator(_not_too_long)]


class Fact(StrictModel):
    """A group of facts: who says so, and when that was looked up (``None``: never)."""

    source: str = Field(min_length=1, max_length=300)
    checked: date | None = None


class Life(Fact):
    """How long a model is there. ``ends_on`` is the last day, where one is published."""

    state: Given = "current"
    since: date | None = None
    ends_on: date | None = None
    successor: Name | None = None
    note: Text | None = None


class FreeSize(StrictModel):
    """The rules for pictures of any width and height, in pixels."""

    multiple: int = Field(default=16, ge=1, le=256)
    least_pixels: int = Field(ge=1)
    most_pixels: int = Field(ge=1)
    longest_side: int = Field(ge=1)
    """Of the longer side, ``shorter_side`` of the other one."""
    shorter_side: int = Field(ge=1)
    longest_ratio: float = Field(ge=1)
    """Width to height or height to width, at most."""


class Capabilities(Fact):
    """What a request to the model may ask for; what is empty must not be sent."""

    sizes: tuple[str, ...] = ()
    free_size: FreeSize | None = None
    ratios: tuple[Ratio, ...] = ()
    qualities: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    thinking_default: str | None = None
    """What the model does where nothing is asked for."""
    input_fidelity: tuple[str, ...] = ()
    complexity: tuple[str, ...] = ()
    complexity_default: str | None = None
    transparency: bool = False
    pictures_in: int = Field(default=1, ge=1, le=64)
    """Pictures in one request, the guest's photo included."""
    picture_field: Literal["image_url", "image_urls"] | None = None
    """Where a provider's models differ in it: the name of the field that takes the photo."""
    file_types: tuple[str, ...] = ()
    safety_levels: int = Field(default=0, ge=0, le=10)
    """The most permissive level that may be asked for; 0: the model has none."""


class Price(Fact):
    """What a picture costs, as far as it is known; what is not known is not there, and never 0.

    ``picture`` is by what decides: ``1K``, ``high``, ``1024x1536 high``, or ``any``.
    """

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    picture: dict[str, Amount] = Field(default_factory=dict)
    million_tokens: dict[TokenKind, Amount] = Field(default_factory=dict)

    def of_picture(self, size: str | None = None, quality: str | None = None) -> Decimal | None:
        """The price of one picture; ``None`` where it is not known."""
        size, quality = size or "", quality or ""
        for key in (f"{size} {quality}", size, quality, "any"):
            if key in self.picture:
                return self.picture[key]
        return None

    def of_tokens(self, **tokens: int) -> Decimal | None:
        """The price of so many tokens by kind; ``None`` where one kind's price is not known.

        ``input`` is of pictures and text together.
        """
        total = Decimal(0)
        for kind, count in tokens.items():
            each = self._of_input() if kind == "input" else self.million_tokens.get(kind)  # type: ignore[call-overload]
            if each is None:
                return None
            total += each * count / 1_000_000
        return total

    def _of_input(self) -> Decimal | None:
        """The price of what is sent, where it is the same for pictures and text."""
        image, text = self.million_tokens.get("image_in"), self.million_tokens.get("text_in")
        return image if image == text else None


class Time(Fact):
    """How long a picture usually takes, until it has been measured on this machine."""

    seconds: float = Field(gt=0, le=600)


class Model(StrictModel):
    """One model, as the catalogue knows it."""

    provider: str
    id: Name
    label: Text
    life: Life
    capabilities: Capabilities
    price: Price
    time: Time
    hidden: bool = False
    """Not offered in the editor; slots that name it work on."""
    layer: str
    """Who said the newest of it: ``shipped``, a file's name, or ``settings``."""

    def state_on(self, day: date) -> ModelState:
        """Its state on ``day``: a model whose last day has passed is ended, whatever else is said."""
        life = self.life
        if life.state == "ended" or (life.ends_on is not None and life.ends_on < day):
            return "ended"
        if life.ends_on is not None and life.ends_on - day <= timedelta(days=ENDING_DAYS):
            return "ending"
        return life.state
