"""Pictures lent to a provider that fetches them by address, for one job only."""

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
class Lending:
    """All pictures on loan. A token has 192 random bits; a job's tokens die together with it."""

    _lent: dict[str, EncodedImage] = field(default_factory=dict)
    _ended: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def find(self, token: str) -> EncodedImage | None:
        """The picture lent under ``token``, if its job still runs."""
        return self._lent.get(token)

    def was_lent(self, token: str) -> bool:
        """Whether ``token`` belonged to a job that has ended."""
        return token in self._ended

    def lend(self, image: EncodedImage) -> str:
        """A new token for ``image``."""
        token = secrets.token_urlsafe(24)
        self._lent[token] = image
        return token

    @contextmanager
    def for_job(self, base_url: str | None) -> Iterator[JobLending | None]:
        """What one job may lend; ``None`` where no address that the internet can reach is known."""
        if base_url is None:
            yield None
            return
        job = JobLending(self, base_url)
        try:
            yield job
        finally:
            job.close()

    def take_back(self, token: str) -> None:
        """End a loan."""
        if self._lent.pop(token, None) is not None:
            self._ended[token] = None
            while len(self._ended) > _ENDED_REMEMBERED:
                self._ended.popitem(last=False)


class JobLending:
    """What one job lends (``providers.base.MediaPublisher``); ended by ``close``."""

    def __init__(self, lending: Lending, base_url: str) -> None:
        self._lending = lending
        self._base_url = base_url
        self._tokens: list[str] = []

    def publish(self, image: EncodedImage) -> str:
        """The address under which the provider can fetch ``image`` while the job runs."""
        token = self._lending.lend(image)
        self._tokens.append(token)
        return f"{self._base_url}{PATH}{token}"

    def close(self) -> None:
        """Every address of this job is dead from now on."""
        for token in self._tokens:
            self._lending.take_back(token)
