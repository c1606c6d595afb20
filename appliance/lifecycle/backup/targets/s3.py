"""A bucket that speaks S3. An object is there when all of it is: no partial name is needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import PurePosixPath

import obstore
from obstore import exceptions
from obstore.store import S3Store

from appliance.backups.target import S3Target
from appliance.lifecycle.backup.targets.base import STALLED, TargetFile, TargetProblem, Upload

_PART = 8 * 1024 * 1024
_MOST_PARTS = 9_000  # S3 takes 10,000
_DENIED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "403 Forbidden")


class Bucket:
    """The folder ``prefix`` of a bucket."""

    def __init__(self, address: S3Target, secrets: dict[str, str]) -> None:
        self._store = S3Store(
            address.bucket,
            prefix=address.prefix or None,
            endpoint=address.endpoint,
            region=address.region,
            access_key_id=secrets["access_key"],
            secret_access_key=secrets["secret_key"],
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": address.endpoint.startswith("http://"),
                "connect_timeout": "10s",
                "timeout": "10 minutes",  # of one request: a part of a slow line
            },
            retry_config={
                "max_retries": 2,
                "retry_timeout": timedelta(seconds=30),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )

    async def files(self) -> list[TargetFile]:
        with _told():
            found = await obstore.list_with_delimiter_async(self._store)
        return [TargetFile(PurePosixPath(one["path"]).name, one["size"]) for one in found["objects"]]

    async def put(self, name: str, upload: Upload) -> None:
        part = max(_PART, upload.size // _MOST_PARTS)
        with _told():
            try:
                await obstore.put_async(
                    self._store, name, upload.blocks(), chunk_size=part, max_concurrency=2
                )
                await upload.compare(self.read(name))
            except TargetProblem as problem:
                if problem.reason == "damaged":
                    await self.remove(name)
                raise

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        with _told():
            async with asyncio.timeout(STALLED):
                found = await obstore.get_async(self._store, name)
            stream = aiter(found.stream(min_chunk_size=_PART // 8))
            while True:
                try:
                    async with asyncio.timeout(STALLED):
                        block = await anext(stream)
                except StopAsyncIteration:
                    return
                yield bytes(block)

    async def remove(self, name: str) -> None:
        with _told(), contextlib.suppress(exceptions.NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, name)


@contextmanager
def _told() -> Iterator[None]:
    """What the service says, as a ``TargetProblem``."""
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise TargetProblem("missing", _short(error)) from None
        raise FileNotFoundError from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as error:
        raise TargetProblem("refused", _short(error)) from None
    except TimeoutError:
        raise TargetProblem("unreachable", "no answer in time") from None
    except exceptions.BaseError as error:
        said = str(error)
        if "NoSuchBucket" in said:
            raise TargetProblem("missing", _short(error)) from None
        if any(word in said for word in _DENIED):
            raise TargetProblem("refused", _short(error)) from None
        if "507" in said or "InsufficientStorage" in said or "QuotaExceeded" in said:
            raise TargetProblem("full", _short(error)) from None
        away = any(word in said.lower() for word in ("error sending request", "connect", "timed out", "dns"))
        raise TargetProblem("unreachable" if away else "failed", _short(error)) from None


def _short(error: Exception) -> str:
    """The first line: what follows is of interest to programmers."""
    return str(error).strip().partition("\n")[0]
