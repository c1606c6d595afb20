"""What a provider driver is given, what it returns, and how it fails.

A driver is a client and keys in the constructor and one method, ``edit``. It knows no
environment, no database and no web framework. Retry, key rotation and failover are written
once, above the drivers; a driver tells them what happened through the exception it raises:

    ProviderError
    ├── ProviderTransient     the same request may succeed a moment later
    │   ├── ProviderNoImage       it answered, but without a picture
    │   │   └── ProviderBadPicture    what came cannot be used as one, and is billed
    │   ├── ProviderQuota         out of quota or rate limited; another key may work
    │   │   └── ProviderSpent         the account's money or quota is used up until somebody adds to it
    │   └── ProviderUnreachable   no connection, or its server failed
    ├── ProviderPermanent     the same request will always fail (bad parameters)
    │   ├── ProviderBadKey        this key is not accepted; another key may work
    │   ├── ProviderNoModel       the model is unknown, has ended, or is closed to this account
    │   └── ProviderNotServed     the key is not the matter: the account, its project or the place is
    │       ├── ProviderWrongPlace    nobody is served from this country or address
    │       ├── ProviderServiceOff    the project's service or billing is off, or the account suspended
    │       └── ProviderUnverified    the organisation must be verified, or may not use this model
    └── ProviderRefused       the provider's rules forbid this photo or prompt
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from appliance.core.clock import Deadline
from appliance.core.images import EncodedImage as EncodedImage  # noqa: PLC0414 - drivers take it from here
from appliance.core.stack_frames import ExpectedFailure
from appliance.providers.model_facts import ModelFacts
from appliance.providers.params import Params as Params  # noqa: PLC0414 - likewise
from appliance.providers.usage import Usage


class FailureKind(StrEnum):
    """What a failure means, whatever word the provider has for it."""

    NO_IMAGE = "no_image"
    QUOTA = "quota"
    SPENT = "spent"
    UNREACHABLE = "unreachable"
    BAD_KEY = "bad_key"
    NO_MODEL = "no_model"
    NOT_SERVED = "not_served"
    WRONG_PLACE = "wrong_place"
    REFUSED = "refused"
    BUSY = "busy"
    IMPOSSIBLE = "impossible"


class ProviderError(ExpectedFailure):
    """A provider did not deliver.

    ``reason`` is a short, stable word for logs and the operator (``NO_IMAGE``, ``http_503``);
    ``detail`` is the provider's own message, cleaned, without guest data or keys;
    ``retry_after`` is the provider's wish in seconds, if it named one. ``again`` is false where
    the driver has made all the tries there may be, because the provider bills each. ``lasting``:
    it will not go away by itself, so that every photo fails alike until somebody has done something.
    """

    kind: ClassVar[FailureKind]
    lasting: ClassVar[bool] = False
    again = True

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        http_status: int | None = None,
        response_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.http_status = http_status
        self.response_id = response_id
        self.retry_after = retry_after


class ProviderTransient(ProviderError):
    """The same request may succeed a moment later."""

    kind = FailureKind.BUSY


class ProviderNoImage(ProviderTransient):
    """The provider answered without a picture; trying again at once is worth it."""

    kind = FailureKind.NO_IMAGE


class ProviderBadPicture(ProviderNoImage):
    """What came cannot be used as a picture, and is billed: the next one is usually alike."""


class ProviderQuota(ProviderTransient):
    """Out of quota or rate limited; another key, or waiting ``retry_after`` seconds, may help."""

    kind = FailureKind.QUOTA


class ProviderSpent(ProviderQuota):
    """The money or quota behind this key is used up, and waiting brings none."""

    kind = FailureKind.SPENT
    lasting = True


class ProviderUnreachable(ProviderTransient):
    """No connection, a broken one, or the provider's server failed."""

    kind = FailureKind.UNREACHABLE


class ProviderPermanent(ProviderError):
    """The same request will always fail on this route."""

    kind = FailureKind.IMPOSSIBLE
    lasting = True


class ProviderBadKey(ProviderPermanent):
    """The provider does not accept this key; another key may work."""

    kind = FailureKind.BAD_KEY


class ProviderNoModel(ProviderPermanent):
    """The model is unknown, has ended, or is closed to this account."""

    kind = FailureKind.NO_MODEL


class ProviderNotServed(ProviderPermanent):
    """The provider does not serve this account, project or place. The key is not refused by that,
    and must not rest for it; a key of another account may work.
    """

    kind = FailureKind.NOT_SERVED


class ProviderWrongPlace(ProviderNotServed):
    """Nobody is served from this country or address: no other key helps, a proxy does."""

    kind = FailureKind.WRONG_PLACE


class ProviderServiceOff(ProviderNotServed):
    """The project's service or billing is switched off, or the account is suspended."""


class ProviderUnverified(ProviderNotServed):
    """The organisation must be verified first, or may not use this model."""


class ProviderRefused(ProviderError):
    """The provider's rules forbid this photo or prompt; it must not be repeated."""

    kind = FailureKind.REFUSED


@dataclass(frozen=True, slots=True)
class EditedImage(EncodedImage):
    """A picture that a provider made, and its size in pixels."""

    width: int
    height: int
    response_id: str | None = None
    facts: ModelFacts | None = None
    """What the answer said of the model."""


class GuestPhoto(Protocol):
    """The guest's photo as a driver sees it.

    ``path`` is the uploaded file, checked and decodable; ``width`` and ``height`` are pixels
    after its orientation was applied.
    """

    @property
    def path(self) -> Path: ...
    @property
    def media_type(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        """The photo upright, colour-managed to sRGB, without metadata, no side over ``max_side``
        pixels (``None``: the original bytes), made in a thread and remembered per size.
        """
        ...


@dataclass(frozen=True, slots=True)
class TemplateImage(EncodedImage):
    """One template media bound to a slot, with its role (``style``, ``background``, …)."""

    role: str
    media_id: str


class MediaPublisher(Protocol):
    """Lends a picture to a provider that fetches by address, for as long as the job runs."""

    def publish(self, image: EncodedImage) -> str:
        """The absolute, unguessable address under which the provider can fetch ``image``."""
        ...


def _nobody_asked(*_: object) -> None:
    """What is told to nobody."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """One picture to be made: the photo, the operation and its typed parameters.

    ``api_key`` is this attempt's key: rotation happens above the drivers. ``publisher`` is
    ``None`` where no address that the internet can reach is configured. ``on_position`` is told how many
    wait before this picture in the provider's queue (0: it is being made), ``on_step`` the step it is at and
    of how many, ``on_usage`` what this attempt is billed for, whether or not it ends with a picture.
    """

    job_id: str
    photo: GuestPhoto
    operation: str
    params: Params
    model: str | None = None
    templates: tuple[TemplateImage, ...] = ()
    input_max_side: int | None = 2048
    api_key: str | None = field(default=None, repr=False)
    publisher: MediaPublisher | None = None
    on_position: Callable[[int], None] = field(default=_nobody_asked, repr=False)
    on_step: Callable[[int, int], None] = field(default=_nobody_asked, repr=False)
    on_usage: Callable[[Usage], None] = field(default=_nobody_asked, repr=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a provider can do: its parameter model and the template roles it takes.

    ``template_roles`` maps a role to whether it is required. ``of_models``: one of the provider's models
    makes the picture, where it has any.
    """

    params: type[Params]
    title: str
    template_roles: dict[str, bool] = field(default_factory=dict)
    of_models: bool = True


class Driver(Protocol):
    """A provider's client. One object serves all jobs; ``edit`` may run many times at once."""

    name: ClassVar[str]
    needs_key: ClassVar[bool]
    operations: ClassVar[dict[str, Operation]]

    @property
    def models(self) -> tuple[str, ...]:
        """The model names that may be chosen, the default first; empty where there are none."""
        ...

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:
        """The values that ``model`` takes of parameters that not every model takes alike, by name.

        No values: the model does not know the parameter, and no form need ask for it.
        """
        ...

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What the provider would reject, by field name; empty when all is well.

        Called when a slot is saved, with the ``roles`` of the template media bound to it.
        """
        ...

    def typical_seconds(self, operation: str, model: str | None) -> float:
        """How long a picture usually takes, in seconds, until it has been measured."""
        ...

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends.

        Raises one of the ``ProviderError`` classes, or ``TimeoutError`` when time ran out.
        """
        ...

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Contact the provider without paying: for testing a key.

        Says whether the provider showed that it accepts the key; where it did not, it answered and
        did not refuse the key either, and only a picture would tell. Fails as ``edit`` would.
        """
        ...

    async def aclose(self) -> None:
        """Give back threads and connections."""
        ...
