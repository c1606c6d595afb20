"""Pictures for a provider that fetches them by address, for one job only."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from appliance.core.images import EncodedImage

PATH = "/public/provider-media/"
_ENDED_REMEMBERED = 10_000


@dataclass(slots=True)
class TemporaryMedia:
    """All pictures that providers may fetch. A token has 192 random bits and dies with its job."""

    _images: dict[str, EncodedImage] = field(default_factory=dict)
    _ended: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def find(self, token: str) -> EncodedImage | None:
        """The picture behind ``token``, if its job still runs."""
        return self._images.get(token)

    def was_known(self, token: str) -> bool:
        """Whether ``token`` belonged to a job that has ended."""
        return token in self._ended

    def add(self, image: EncodedImage) -> str:
        """A new token for ``image``."""
        token = secrets.token_urlsafe(24)
        self._images[token] = image
        return token

    @contextmanager
    def for_job(self, base_url: str | None) -> Iterator[JobMedia | None]:
        """What one job may publish; ``None`` where no address that the internet can reach is known."""
        if base_url is None:
            yield None
            return
        job = JobMedia(self, base_url)
        try:
            yield job
        finally:
            job.close()

    def remove(self, token: str) -> None:
        """The picture cannot be fetched from now on."""
        if self._images.pop(token, None) is not None:
            self._ended[token] = None
            while len(self._ended) > _ENDED_REMEMBERED:
                self._ended.popitem(last=False)


class JobMedia:
    """What one job publishes (``providers.base.MediaPublisher``); ended by ``close``."""

    def __init__(self, temporary_media: TemporaryMedia, base_url: str) -> None:
        self._temporary_media = temporary_media
        self._base_url = base_url
        self._tokens: list[str] = []

    def publish(self, image: EncodedImage) -> str:
        """The address under which the provider can fetch ``image`` while the job runs."""
        token = self._temporary_media.add(image)
        self._tokens.append(token)
        return f"{self._base_url}{PATH}{token}"

    def close(self) -> None:
        """Every address of this job is dead from now on."""
        for token in self._tokens:
            self._temporary_media.remove(token)
