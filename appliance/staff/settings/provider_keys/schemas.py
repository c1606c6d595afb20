"""The JSON forms of provider keys. No key ever stands in an answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.core.validation import at_least_characters, at_most_characters
from appliance.providers.base import ProviderBadKey
from appliance.providers.http import usable_key
from appliance.providers.key_tests import KeyTest, ModelTest, Outcome
from appliance.providers.model_status import Source, State

KeyState = Literal["in_use", "set_aside", "unreadable", "other_address"]

SHORTEST, LONGEST = 8, 500  # characters

_STAMP = "2026-11-23T18:04:11.203Z"


def _checked(value: SecretStr) -> SecretStr:
    key = value.get_secret_value().strip()
    if len(key) < SHORTEST:
        raise ValueError(at_least_characters(SHORTEST))
    if len(key) > LONGEST:
        raise ValueError(at_most_characters(LONGEST))
    try:
        return SecretStr(usable_key(key))
    except ProviderBadKey:
        raise ValueError(Message("must contain no spaces, line breaks or foreign letters")) from None


class TypedKey(StrictModel):
    """A key as somebody typed or pasted it; spaces and line ends around it are dropped."""

    provider: str = Field(max_length=32, examples=["gemini"])
    key: Annotated[SecretStr, AfterValidator(_checked)] = Field(
        description=f"{SHORTEST} to {LONGEST} characters, never shown again",
        json_schema_extra={"minLength": SHORTEST},
    )


class NewProviderKey(TypedKey):
    """A key that is to be kept."""

    test: bool = Field(
        default=True, description="test the key with the provider first; a refused key is not kept"
    )


class ModelTestView(FrozenModel):
    """What the provider said of one model to this key."""

    model: str = Field(examples=["gemini-nano-banana-2.1"])
    ok: bool = Field(description="whether nothing known prevents making a picture with this model")
    reason: str | None = Field(description="why not, in the provider's words", examples=["model_not_found"])
    detail: str = Field(description="the provider's message", examples=[""])
    ends_on: date | None = Field(description="its last day, if the provider named one in this test")

    @classmethod
    def of(cls, tested: ModelTest) -> ModelTestView:
        """As it is shown."""
        ends_on = tested.facts.ends_on if tested.facts else None
        return cls.from_object(tested, ok=tested.reason is None, ends_on=ends_on)


class KeyTestView(FrozenModel):
    """What came of asking the provider."""

    outcome: Outcome = Field(
        description="`works`: accepted; `refused`; `no_quota`: accepted, but its quota is used up for "
        "now; `not_served`: the provider does not serve this place, project or "
        "organisation, which says nothing about the key; `unreachable`: the provider did "
        "not answer; `unproven`: not refused, but only a paid picture would prove more; "
        "`failed`: any other answer"
    )
    reason: str | None = Field(description="the provider's reason", examples=["API_KEY_INVALID"])
    detail: str = Field(description="the provider's message; shown only to whoever asked", examples=[""])
    at: datetime = Field(examples=[_STAMP])
    models: list[ModelTestView] = Field(
        description="only right after a test: the models that active slots use, if the provider reports "
        "on models"
    )

    @classmethod
    def of(cls, tested: KeyTest) -> KeyTestView:
        """As it is shown."""
        return cls.from_object(tested, models=[ModelTestView.of(one) for one in tested.models])


class ProviderKeyView(FrozenModel):
    """A key, as far as it is shown."""

    id: str = Field(
        description="for a key from a file, valid until the next start",
        examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"],
    )
    provider: str = Field(examples=["gemini"])
    ends_in: str = Field(examples=["…f3a9"])
    source: Literal["entered", "file"] = Field(
        description="`file`: can be removed only on the machine itself"
    )
    added_by: str | None = Field(description="`null` for a key from a file", examples=["serg"])
    added_at: datetime | None = Field(examples=[_STAMP])
    origin: str | None = Field(
        description="the only address to which this key is sent", examples=["https://api.openai.com"]
    )
    state: KeyState = Field(
        description="`unreadable`: the encryption key has changed; `other_address`: it was entered for "
        "`origin`, but the provider's address has changed since; in both cases, enter the "
        "key again"
    )
    reason: str | None = Field(description="why it is set aside, in the provider's words")
    models: list[str] = Field(
        description="models for which it is set aside; empty: all models", examples=[[]]
    )
    back_at: datetime | None = Field(description="when it is used again automatically")
    last_test: KeyTestView | None


class UsedModelView(FrozenModel):
    """A model that active slots use, as the provider, or else the catalogue, said it is."""

    model: str = Field(examples=["gemini-nano-banana-2.1"])
    slots: list[str] = Field(examples=[["slot-009"]])
    state: State
    ends_on: date | None = Field(description="its last day, if one has been announced")
    said_by: Source = Field(
        description="`provider`: the provider said so; `catalogue`: the provider has not said anything yet"
    )
    said_on: date | None = Field(description="day on which this was said")
    asked_at: datetime | None = Field(description="when the provider last reported on it", examples=[_STAMP])
    successor: str | None = Field(description="what to use instead, if it is going away")


class ProviderKeys(FrozenModel):
    """One provider's keys, the oldest first, and who needs them."""

    provider: str = Field(examples=["gemini"])
    usable: int = Field(description="number of keys that can be used for every model")
    slots: list[str] = Field(
        description="active slots that use this provider, first or as a fallback", examples=[["slot-009"]]
    )
    models: list[UsedModelView] = Field(
        description="models that active slots use; empty if the provider has no models"
    )
    keys: list[ProviderKeyView]


class ProviderKeyList(FrozenModel):
    """Every provider that needs a key."""

    providers: list[ProviderKeys]
