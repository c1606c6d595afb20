"""The Turbotext driver: a queue in two calls, then the download of the picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urljoin

import httpx

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    EncodedImage,
    MediaPublisher,
    Operation,
    Params,
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderPermanent,
    ProviderQuota,
    ProviderTransient,
    ProviderUnreachable,
)
from appliance.providers.download import Downloader
from appliance.providers.http import MIB, NEVER_SENT, post, read_json, status_error, usable_key
from appliance.providers.pictures import as_jpeg_or_png
from appliance.providers.problems import no_models, role_problems, sendable_templates, unknown_operation
from appliance.providers.turbotext.settings import MOST_NEGATIVE_WORDS, OPERATIONS, ImageEditParams
from appliance.providers.turbotext.wire import METHODS, PHOTO, Method, Reply, fields_of
from appliance.providers.usage import Usage

Transport = Literal["url", "upload"]

LEAST_FOR_ANOTHER = 10.0  # seconds that must be left where the queue is joined once more
TYPICAL_SECONDS = 20.0
UPLOAD_NOT_ACCEPTED = "upload_not_accepted"
POLL_TIMEOUT = 10.0  # seconds; a poll only looks something up


class TurbotextDriver:
    """Edits pictures with Turbotext.

    ``transport`` is how pictures get there: ``url`` lends them by address, ``upload`` sends the
    file, which the account must be enabled for. ``can_publish`` tells whether an address that the
    internet can reach is configured. ``poll_seconds`` is the pause between two polls, ``create_waits`` are
    those before the queue is asked again for a place.
    """

    name: ClassVar[str] = "turbotext"
    needs_key: ClassVar[bool] = True
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        transport: Transport = "url",
        can_publish: bool = False,
        poll_seconds: float = 2.5,
        create_waits: tuple[float, ...] = (2.0, 5.0),
        downloader: Downloader | None = None,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._can_publish = can_publish
        self._poll_seconds = poll_seconds
        self._create_waits = create_waits
        self._uploads_work = False  # not known yet
        self._downloader = downloader or Downloader(client, self._base_url)

    @property
    def models(self) -> tuple[str, ...]:
        """Turbotext has no models to choose from."""
        return ()

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - no models
        """None: there are no models that differ."""
        return {}

    def typical_seconds(self, operation: str, model: str | None) -> float:  # noqa: ARG002 - not published
        """How long a picture usually takes, until it has been measured."""
        return TYPICAL_SECONDS

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What Turbotext would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, OPERATIONS[operation].params):
            return unknown_operation(self.name, operation)
        found = role_problems(OPERATIONS[operation], roles, max_images=2)
        if model is not None:
            found["model"] = no_models(self.name)
        if self._needs_address(METHODS[operation]) and not self._can_publish:
            found["operation"] = Message(
                "turbotext fetches pictures by address: set provider_media_base_url to an address "
                "that the internet can reach"
            )
        if isinstance(params, ImageEditParams):
            words = len(params.negative_prompt.split())
            if words > MOST_NEGATIVE_WORDS:
                found["params.negative_prompt"] = Message(
                    "%(n)s words; %(most)s at most", n=words, most=MOST_NEGATIVE_WORDS
                )
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key = {"Authorization": f"Bearer {usable_key(request.api_key)}"}
        templates = sendable_templates(self, request)
        method = METHODS[request.operation]
        async with deadline.guard():
            images: dict[str, EncodedImage] = {one.role: one for one in reversed(templates)}
            images[PHOTO] = await (await request.photo.encoded(request.input_max_side)).loaded()
            images = {role: await as_jpeg_or_png(image) for role, image in images.items()}
            content = self._content(method, request, images)
            queue_id = await self._ordered(method, content, key, deadline, request)
            reply = await self._wait(method, queue_id, key, deadline)
            try:
                address = self._absolute(reply.address())
            except ProviderError as error:
                error.response_id = queue_id
                raise
            return await self._downloader.fetch_picture(
                address, deadline, key_headers=key, response_id=queue_id
            )

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for the result of a queue that does not exist.

        Turbotext documents no free call. This one creates nothing, so nothing is billed: a
        refused key shows itself. Any other complaint proves nothing: whether keys are looked at
        before queues is not documented.
        """
        del model  # there are none
        key = {"Authorization": f"Bearer {usable_key(api_key)}"}
        try:
            await self._call(
                METHODS["image_edit"], {"data": {"do": "get_result", "queueid": "0"}}, key, deadline
            )
        except (ProviderPermanent, ProviderNoImage) as error:
            if isinstance(error, ProviderBadKey) or error.http_status not in {200, 400, 422}:
                raise
        return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _absolute(self, address: str) -> str:
        """``address`` as the provider gave it; a relative one starts at the configured base."""
        if address.startswith("//") or "://" in address:
            return urljoin(self._base_url, address)
        return f"{self._base_url}/{address.lstrip('/')}"

    def _needs_address(self, method: Method) -> bool:
        """Whether a picture has to be lent: ``file`` stands for the ``url`` parameter only."""
        return self._transport == "url" or method.target is not None

    def _content(
        self, method: Method, request: EditRequest, images: Mapping[str, EncodedImage]
    ) -> dict[str, Any]:
        """The body of ``create_queue``, as httpx takes it."""
        data = {"do": "create_queue", **fields_of(request.params)}
        content: dict[str, Any] = {"data": data}
        if self._transport == "upload":
            image = images[method.url]
            name = f"image.{image.media_type.rpartition('/')[2]}"
            content["files"] = {"file": (name, image.data, image.media_type)}
        else:
            data["url"] = _publisher(request).publish(images[method.url])
        if method.target is not None:
            data["url_image_target"] = _publisher(request).publish(images[method.target])
        return content

    async def _ordered(
        self,
        method: Method,
        content: Mapping[str, Any],
        key: Mapping[str, str],
        deadline: Deadline,
        request: EditRequest,
    ) -> str:
        """A place in the queue; tells where an account seems to take addresses only.

        Uploads are documented nowhere public, and accounts without them answer ``params_error``.
        """
        try:
            queue_id = await self._create(method, content, key, deadline, request)
        except ProviderPermanent as error:
            if error.reason != "params_error" or "files" not in content or self._uploads_work:
                raise
            raise ProviderPermanent(
                UPLOAD_NOT_ACCEPTED, "params_error", http_status=error.http_status
            ) from None
        self._uploads_work = self._uploads_work or "files" in content
        return queue_id

    async def _create(
        self,
        method: Method,
        content: Mapping[str, Any],
        key: Mapping[str, str],
        deadline: Deadline,
        request: EditRequest,
    ) -> str:
        """A place in the queue. Every call that arrives is billed, so there are only a few."""
        waits = iter(self._create_waits)
        billed = False
        while True:
            try:
                queue_id = await self._join(method, content, key, deadline)
            except ProviderError as error:
                if error.http_status is not None:
                    request.on_usage(Usage())
                if isinstance(error, ProviderQuota) or not isinstance(error, ProviderTransient):
                    raise
                billed = billed or error.reason not in NEVER_SENT
                if not billed:
                    raise
                wait = next(waits, None)
                if wait is None or deadline.remaining() - wait < LEAST_FOR_ANOTHER:
                    error.again = False
                    raise
            else:
                request.on_usage(Usage())  # at a price that is not published
                return queue_id
            await asyncio.sleep(wait)

    async def _join(
        self, method: Method, content: Mapping[str, Any], key: Mapping[str, str], deadline: Deadline
    ) -> str:
        reply = await self._call(method, content, key, deadline)
        if not reply.queueid:
            raise ProviderUnreachable("no_queueid", http_status=200)
        return str(reply.queueid)

    async def _wait(self, method: Method, queue_id: str, key: Mapping[str, str], deadline: Deadline) -> Reply:
        """Poll until the picture is ready; it is paid for, so broken polls do not give it up."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            content = {
                "data": {"do": "get_result", "queueid": queue_id},
                "timeout": httpx.Timeout(POLL_TIMEOUT),
            }
            try:
                reply = await self._call(method, content, key, deadline, queue_id)
            except (ProviderUnreachable, ProviderQuota) as error:
                if deadline.remaining() <= self._poll_seconds:
                    error.response_id, error.again = queue_id, False
                    raise
                continue
            if not reply.pending:
                return reply

    async def _call(
        self,
        method: Method,
        content: Mapping[str, Any],
        key: Mapping[str, str],
        deadline: Deadline,
        queue_id: str | None = None,
    ) -> Reply:
        """One call; its complaints are raised."""
        answer = await post(
            self._client,
            f"{self._base_url}/api_ai/{method.name}",
            deadline,
            max_bytes=MIB,
            headers=dict(key),
            **content,
        )
        try:
            # Scripts of this kind often send their JSON as text/html.
            reply = await read_json(answer, Reply, any_type=True)
        except ProviderTransient:
            if answer.status >= 400:
                raise status_error(answer, response_id=queue_id) from None
            raise
        failed = reply.failure(answer, queue_id)
        if failed is not None:
            raise failed
        return reply


def _publisher(request: EditRequest) -> MediaPublisher:
    if request.publisher is None:
        raise ProviderPermanent("no_publisher", "no address that the internet can reach is configured")
    return request.publisher
