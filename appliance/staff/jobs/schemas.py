"""The JSON forms of jobs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.core.frozen import FrozenModel
from appliance.core.images import JPEG
from appliance.core.language import DEFAULT
from appliance.core.openapi import NEXT_CURSOR
from appliance.jobs.models import JobStatus
from appliance.providers.attempts import Outcome
from appliance.providers.base import FailureKind
from appliance.staff.jobs.advice import SettingsPage
from appliance.staff.jobs.search import ResultState

_ID = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"


class ResultView(FrozenModel):
    """A job's picture."""

    state: ResultState = Field(description="`hidden` and `deleted` results have no public link")
    type: str = Field(examples=[JPEG.media_type])
    size: int = Field(description="in bytes", examples=[812345])
    expires_at: datetime
    deleted_at: datetime | None = Field(description="after this, it can be restored for ten minutes")
    public_url: str = Field(examples=[f"/public/results/{_ID}"])
    preview_url: str = Field(examples=[f"/api/jobs/{_ID}/preview"])
    download_url: str = Field(examples=[f"/api/jobs/{_ID}/result"])


class AdviceText(FrozenModel):
    """What happened and what to do, in one language."""

    what: str = Field(examples=["The picture was not ready in time."])
    do: str = Field(examples=["Send the photo again."])


class AdviceView(FrozenModel):
    """The same in every language of the admin pages, by its code."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, AdviceText]

    place: SettingsPage | None = Field(default=None, description="settings page on which to do it")

    def in_language(self, code: str) -> AdviceText:
        """The advice in the language of ``code``, or else in English."""
        return self.__pydantic_extra__.get(code) or self.__pydantic_extra__[DEFAULT]


class MoneyView(FrozenModel):
    """An amount in a provider's currency."""

    amount: Decimal = Field(examples=["0.0336"])
    currency: str = Field(examples=["USD"])


class CostView(FrozenModel):
    """What attempts cost: known amounts by currency, and how many attempts cost what nobody knows."""

    known: list[MoneyView]
    unknown: int = Field(description="attempts that are or may be billed at an unknown price")

    @classmethod
    def of(cls, amounts: Iterable[tuple[str, Decimal]], unknown: int) -> CostView:
        """Amounts, each with its currency, added up."""
        known: dict[str, Decimal] = {}
        for currency, amount in amounts:
            known[currency] = known.get(currency, Decimal(0)) + amount
        money = [MoneyView(amount=amount, currency=currency) for currency, amount in sorted(known.items())]
        return cls(known=money, unknown=unknown)


class JobSummary(FrozenModel):
    """A job in a list."""

    job_id: uuid.UUID = Field(examples=[_ID])
    slot_id: str = Field(examples=["slot-005"])
    source: Literal["ingest", "test"] = Field(
        description="`test`: an operator's test run, not counted in statistics"
    )
    status: JobStatus
    failure_reason: str | None = Field(examples=["T_sync_response_exceeded"])
    provider_reason: str | None = Field(
        description="the provider's own reason, if the provider failed", examples=["IMAGE_SAFETY"]
    )
    advice: AdviceView | None = Field(description="what happened, in plain words, and what to do")
    provider: str = Field(
        description="provider of the route that delivered, otherwise of the first route", examples=["gemini"]
    )
    operation: str = Field(examples=["image_edit"])
    model: str | None = Field(examples=["gemini-nano-banana-2.1"])
    created_at: datetime
    finished_at: datetime | None
    elapsed_ms: int = Field(description="milliseconds since the request's first byte", examples=[9120])
    deadline_seconds: float = Field(examples=[48])
    result: ResultView | None
    cost: CostView = Field(description="cost of all attempts, including failed ones")
    source_kept: bool = Field(
        description="whether the guest's own photo is kept, so that the job can be run again"
    )


class JobList(FrozenModel):
    """A page of jobs, the newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None = Field(description=NEXT_CURSOR)


class ProgressView(FrozenModel):
    """How far an attempt has got that is under way."""

    provider: str = Field(examples=["comfyui"])
    queue_position: int | None = Field(description="jobs ahead of it; 0: it is being processed", examples=[0])
    step: int | None = Field(description="`null`: the provider does not report steps", examples=[7])
    steps: int | None = Field(examples=[20])


class AttemptView(FrozenModel):
    """One try of one route with one key."""

    provider: str = Field(examples=["gemini"])
    operation: str | None = Field(default=None, examples=["image_edit"])
    model: str | None = None
    key: str | None = Field(default=None, examples=["…f3a9"])
    started_ms: int = Field(description="milliseconds after the request's first byte", examples=[310])
    ms: int = Field(default=0, examples=[8200])
    outcome: Outcome = Field(
        description="`picture`: made, but not delivered; `cancelled`: another route was faster; `skipped`: "
        "not asked",
        examples=["delivered"],
    )
    kind: FailureKind | None = Field(
        default=None, description="kind of failure, the same for all providers", examples=["no_image"]
    )
    reason: str | None = Field(
        default=None, description="reason in the provider's words", examples=["NO_IMAGE"]
    )
    detail: str | None = None
    http_status: int | None = Field(default=None, examples=[200])
    response_id: str | None = None
    queue_position: int | None = Field(
        default=None,
        description="jobs ahead of it in the provider's queue when last asked; 0: it is being processed",
    )
    step: int | None = Field(default=None, description="last step that the provider reported")
    steps: int | None = Field(default=None, description="number of steps")
    billed: bool | None = Field(
        default=None, description="whether the provider charges for it; `null`: unknown"
    )
    tokens: dict[str, int] | None = Field(
        default=None, description="tokens that the provider counted, by kind", examples=[{"image_out": 1120}]
    )
    price: Decimal | None = Field(
        default=None,
        description="according to the catalogue or the provider; `null`: unknown",
        examples=["0.0336"],
    )
    currency: str | None = Field(default=None, examples=["USD"])

    @property
    def cost(self) -> MoneyView | None:
        """The price with its currency; ``None`` where it is not known."""
        if self.price is None or self.currency is None:
            return None
        return MoneyView(amount=self.price, currency=self.currency)


class UploadView(FrozenModel):
    """The photo as it was sent."""

    name: str | None = Field(description="`null` without `results:read`", examples=["IMG_0003.JPG"])
    type: str = Field(examples=[JPEG.media_type])
    size: int = Field(description="in bytes")
    source_url: str | None = Field(description="where to see the photo, if it is kept")


class JobView(JobSummary):
    """One job with all that is known of it."""

    upload: UploadView
    booth: str | None = Field(
        description="network address that posted the photo; `null`: a test run, or unknown",
        examples=["192.168.10.21"],
    )
    timings: dict[str, int] = Field(
        description="milliseconds spent in each step",
        examples=[{"receive": 120, "provider": 8200, "total": 9120}],
    )
    attempts: list[AttemptView]
    progress: list[ProgressView] = Field(
        description="attempts in progress whose provider reports how far they are"
    )
    error: dict[str, Any] | None = Field(description="error that was sent to the booth")
    request_fields: dict[str, Any] | None = Field(
        description="fields that the camera sent with the photo; `null` without `results:read`"
    )
    query_fields: dict[str, Any] | None = Field(
        description="query parameters of the request; `null` without `results:read`"
    )
