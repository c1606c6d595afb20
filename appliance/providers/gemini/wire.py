"""Gemini's JSON: what an answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, model_validator

from appliance.providers.base import (
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderNotServed,
    ProviderRefused,
    ProviderServiceOff,
    ProviderSpent,
    ProviderUnverified,
    ProviderWrongPlace,
)
from appliance.providers.dates import day_of
from appliance.providers.error_parts import Text, objects
from appliance.providers.http import Answer, status_error
from appliance.providers.model_facts import ModelFacts
from appliance.providers.scrub import scrub, word
from appliance.providers.usage import Usage, count

# Finish reasons that judge the photo or the prompt; all others say only that no picture came.
REFUSALS = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "RECITATION",
        "IMAGE_RECITATION",
        "BLOCKLIST",
        "SPII",
        "ESCALATION",
        "MODEL_ARMOR",
    }
)
DAILY_QUOTA_SECONDS = 900.0  # it comes back at midnight in California
_NO_FREE_TIER = re.compile(r"free_tier\w*, limit: 0\b")  # the project has no billing, and the model needs it
ACCOUNT_LIMITED = "PUP_LIMITED_DISABLED"  # for violations of Google's policies
# Refusals that are of the project, the model or the place: what says so, in reasons or message.
_NOT_OF_THE_KEY: tuple[tuple[type[ProviderNotServed], str, tuple[str, ...]], ...] = (
    (ProviderServiceOff, "billing_disabled", ("billing_disabled", "enable billing", "billing account")),
    (ProviderWrongPlace, "location_unsupported", ("location is not supported", "available in your country")),
    (
        ProviderServiceOff,
        "account_suspended",
        ("consumer_suspended", "consumer_invalid", "has been suspended", "project_invalid"),
    ),
    (
        ProviderServiceOff,
        "service_disabled",
        ("service_disabled", "has not been used in project", "is disabled", "service_not_"),
    ),
    (ProviderUnverified, "model_restricted", ("restricted model", "access to the model", "access to model")),
)


class OneModel(BaseModel):
    """What is told of a model: a web page that answers in the provider's place has none of it."""

    name: str


class ModelList(BaseModel):
    """The models that a key may use."""

    models: list[OneModel]


class _Blob(BaseModel):
    data: str = Field(default="", repr=False)


class _Part(BaseModel):
    inline: _Blob | None = Field(default=None, validation_alias=AliasChoices("inlineData", "inline_data"))
    thought: bool | None = None


class _Content(BaseModel):
    parts: list[_Part] | None = None


class _Candidate(BaseModel):
    content: _Content | None = None
    finish_reason: str | None = Field(
        default=None, validation_alias=AliasChoices("finishReason", "finish_reason")
    )
    finish_message: str | None = Field(
        default=None, validation_alias=AliasChoices("finishMessage", "finish_message")
    )


class _Feedback(BaseModel):
    block_reason: str | None = Field(
        default=None, validation_alias=AliasChoices("blockReason", "block_reason")
    )


class _ModelStatus(BaseModel):
    stage: str | None = Field(default=None, validation_alias=AliasChoices("modelStage", "model_stage"))
    retires: str | None = Field(
        default=None, validation_alias=AliasChoices("retirementTime", "retirement_time")
    )


class GenerateAnswer(BaseModel):
    """The parts of an answer that matter here."""

    candidates: list[_Candidate] | None = None
    feedback: _Feedback | None = Field(
        default=None, validation_alias=AliasChoices("promptFeedback", "prompt_feedback")
    )
    response_id: str | None = Field(default=None, validation_alias=AliasChoices("responseId", "response_id"))
    counted: Any = Field(default=None, validation_alias=AliasChoices("usageMetadata", "usage_metadata"))

    def usage(self, size: str | None) -> Usage:
        """What is billed; a picture of ``size``. Thoughts are billed as text, input alike for all kinds."""
        details = self.counted.get("candidatesTokensDetails") if isinstance(self.counted, dict) else None
        parts = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
        image = sum(count(one, "tokenCount") for one in parts if one.get("modality") == "IMAGE")
        out = count(self.counted, "candidatesTokenCount")
        return Usage(
            {
                "input": count(self.counted, "promptTokenCount"),
                "image_out": image,
                "text_out": max(0, out - image) + count(self.counted, "thoughtsTokenCount"),
            },
            size,
        )

    status: _ModelStatus | None = Field(
        default=None, validation_alias=AliasChoices("modelStatus", "model_status")
    )

    def facts(self) -> ModelFacts | None:
        """What the answer says of the model; ``None``: nothing."""
        return None if self.status is None else ModelFacts(ends_on=day_of(self.status.retires))

    def picture(self, secrets: Sequence[str | None]) -> str:
        """The finished picture as base64, which is the last one: those before it are drafts.

        Raises what its absence means. Drafts of a picture that was refused in the end are none.
        """
        for candidate in self.candidates or ():
            pictures = [
                part.inline.data
                for part in (candidate.content and candidate.content.parts) or ()
                if part.inline and part.inline.data and not part.thought
            ]
            if pictures and word(candidate.finish_reason) not in REFUSALS:
                return pictures[-1]
        raise self._absence(secrets)

    def _absence(self, secrets: Sequence[str | None]) -> ProviderError:
        if not self.candidates:
            blocked = word(self.feedback and self.feedback.block_reason)
            if blocked:
                return ProviderRefused(
                    blocked,
                    "the photo or the prompt was blocked",
                    http_status=200,
                    response_id=self.response_id,
                )
            return ProviderNoImage("no_candidates", http_status=200, response_id=self.response_id)
        first = self.candidates[0]
        reason = word(first.finish_reason, "no_finish_reason")
        kind: type[ProviderError] = ProviderRefused if reason in REFUSALS else ProviderNoImage
        if reason == ACCOUNT_LIMITED:
            kind = ProviderBadKey
        return kind(
            reason, scrub(first.finish_message or "", secrets), http_status=200, response_id=self.response_id
        )


class _Violation(BaseModel):
    quota_id: Text = Field(default="", validation_alias=AliasChoices("quotaId", "quota_id"))


class _Detail(BaseModel):
    reason: Text = ""
    violations: Annotated[list[_Violation], BeforeValidator(objects)] = []
    retry_delay: Text = Field(default="", validation_alias=AliasChoices("retryDelay", "retry_delay"))


class _Status(BaseModel):
    message: Text = ""
    status: Text = ""
    details: Annotated[list[_Detail], BeforeValidator(objects)] = []


class ErrorAnswer(BaseModel):
    """The form of every error, which also comes as a list of one."""

    error: _Status

    @model_validator(mode="before")
    @classmethod
    def _first(cls, value: Any) -> Any:
        return value[0] if isinstance(value, list) and value else value


def failure(answer: Answer, said: ErrorAnswer | None, secrets: Sequence[str | None]) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for; ``said`` is its body, if it was JSON."""
    if said is None:
        return status_error(answer)
    status = said.error
    detail = scrub(status.message, secrets)
    reasons = [word(item.reason) for item in status.details if item.reason]
    bad_key = next((reason for reason in reasons if reason.startswith("API_KEY_")), None)
    if bad_key is None and status.status == "UNAUTHENTICATED":
        bad_key = next(iter(reasons), status.status)
    if bad_key:  # arrives as 400 INVALID_ARGUMENT too
        return ProviderBadKey(bad_key, detail, http_status=answer.status)
    if answer.status == 403 or status.status == "FAILED_PRECONDITION":
        return _not_of_the_key(answer, status, [*reasons, status.message], detail)
    if answer.status == 404:
        return ProviderNoModel("model_not_found", detail, http_status=answer.status)
    if answer.status in {402, 429} and (spent := _spent(answer.status, status.message.lower())):
        kind, reason = spent
        return kind(reason, detail, http_status=answer.status)
    return status_error(
        answer, word(status.status, f"http_{answer.status}"), detail, wait=_asked_to_wait(status)
    )


def _spent(http_status: int, message: str) -> tuple[type[ProviderError], str] | None:
    """What lies behind a quota that no waiting brings back; ``None`` where it does."""
    if "spending cap" in message:
        return ProviderSpent, "spending_cap"
    if http_status == 402 or "prepayment credits" in message:  # 429 until autumn 2026
        return ProviderSpent, "credits_depleted"
    if _NO_FREE_TIER.search(message):
        return ProviderServiceOff, "billing_disabled"
    return None


def _asked_to_wait(status: _Status) -> float | None:
    """Seconds. Of a quota of the day Google asks to wait only until the next minute."""
    waits = [wait for item in status.details if (wait := _seconds(item.retry_delay)) is not None]
    of_the_day = any("PerDay" in one.quota_id for item in status.details for one in item.violations)
    return max([DAILY_QUOTA_SECONDS, *waits]) if of_the_day else next(iter(waits), None)


def _not_of_the_key(answer: Answer, status: _Status, said: Sequence[str], detail: str) -> ProviderError:
    """What refuses a key that is itself in order."""
    lowered = " ".join(said).lower()
    for kind, reason, marks in _NOT_OF_THE_KEY:
        if any(mark in lowered for mark in marks):
            return kind(reason, detail, http_status=answer.status)
    reason = word(status.status, f"http_{answer.status}")
    if answer.status != 403:
        return status_error(answer, reason, detail)
    return ProviderNotServed(reason, detail, http_status=answer.status)


def _seconds(duration: str) -> float | None:
    """A protobuf duration (``12s``, ``3.5s``) in seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)s", duration)
    return float(found[1]) if found else None
