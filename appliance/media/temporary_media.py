"""Pictures for a provider that fetches them by address, for one job only."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from appliance.core.errors import ResultExpired, ResultNotFound
from appliance.core.images import EncodedImage
from appliance.core.language import Message
from appliance.core.newest import Newest
from appliance.core.siblings import ALONE, Siblings

PATH = "/public/provider-media/"
_ENDED_REMEMBERED = 10_000
_ENDED = Message("This picture was only available for one job, which has ended.")
_TOKEN = re.compile(r"[\w-]{32}")
_QUESTION = "lent_picture"


@dataclass(slots=True)
class TemporaryMedia:
    """All pictures that providers may fetch. A token has 192 random bits and dies with its job.

    Of several processes a provider may come to any: one that does not know a token asks the others.
    """

    siblings: Siblings = ALONE
    _images: dict[str, EncodedImage] = field(default_factory=dict)
    _ended: Newest[str, None] = field(default_factory=lambda: Newest(_ENDED_REMEMBERED))

    def __post_init__(self) -> None:
        self.siblings.on(_QUESTION, self._told)

    async def find(self, token: str) -> EncodedImage:
        """The picture behind ``token``. Raises ``ResultExpired`` (its job ended) or ``ResultNotFound``."""
        if image := self._images.get(token):
            return image
        if token in self._ended:
            raise ResultExpired(_ENDED)
        for said in await self.siblings.ask(_QUESTION, token=token) if _TOKEN.fullmatch(token) else ():
            if said == _ENDED:
                raise ResultExpired(_ENDED)
            if said is not None:
                return EncodedImage(base64.b64decode(said["data"]), said["media_type"])
        raise ResultNotFound

    async def _told(self, facts: dict[str, Any]) -> Any:
        token = str(facts["token"])
        if token in self._ended:
            return _ENDED
        if (image := self._images.get(token)) is None:
            return None
        data = await asyncio.to_thread(lambda: base64.b64encode(image.data).decode())
        return {"data": data, "media_type": image.media_type}

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
