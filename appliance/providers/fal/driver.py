"""The fal.ai driver: a place in the queue of an app, then the download of the picture."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from appliance.core.clock import Deadline
from appliance.core.json_text import object_from_json
from appliance.core.language import Message
from appliance.providers.background import BackgroundCalls
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    EncodedImage,
    Operation,
    Params,
    ProviderPermanent,
    ProviderQuota,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.catalogue import Capabilities, ProviderModels
from appliance.providers.catalogue_driver import CatalogueDriver
from appliance.providers.download import Downloader, is_of, safe_address
from appliance.providers.fal.settings import OPERATIONS, AnyAppParams, ImageEditParams
from appliance.providers.fal.wire import (
    KEPT_SECONDS,
    REQUEST_ID,
    ErrorAnswer,
    Result,
    Status,
    Submitted,
    data_uri,
    edit_input,
    failure,
    may_be_billed,
    pictures,
)
from appliance.providers.http import MIB, Answer, call, read_error, read_json, usable_key
from appliance.providers.json_body import json_body
from appliance.providers.problems import role_problems, sendable_templates, unknown_model, unknown_operation
from appliance.providers.shapes import nearest_ratio
from appliance.providers.usage import Usage

TYPICAL_SECONDS = 15.0  # of an app that is not in the catalogue
POLL_TIMEOUT = httpx.Timeout(10.0)  # seconds; a poll only looks something up
CANCEL_SECONDS = 5.0
USUAL_SIZE = "1K"  # what a model makes that has several, where none is asked for
MOST_IMAGES = 14  # that any app of fal we know takes
_NOBODY = "00000000-0000-0000-0000-000000000000"  # a request that does not exist


class FalDriver(CatalogueDriver):
    """Edits pictures with the models that fal.ai hosts. ``poll_seconds`` is the pause between polls."""

    name: ClassVar[str] = "fal"
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        models: ProviderModels | None = None,
        poll_seconds: float = 0.5,
        downloader: Downloader | None = None,
    ) -> None:
        super().__init__(client, base_url=base_url, models=models)
        self._poll_seconds = poll_seconds
        self._downloader = downloader or Downloader(client, self._base_url)
        self._background = BackgroundCalls(self.name)

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:
        """The values of a model that are not every model's."""
        found = self._models.get(model) if operation == "image_edit" else None
        if found is None:
            return {}
        has = found.capabilities
        return {
            "aspect_ratio": ("photo", "auto", *has.ratios) if has.ratios else (),
            "resolution": ("auto", *has.sizes) if has.sizes else (),
            "output_format": tuple(has.file_types),
        }

    def typical_seconds(self, operation: str, model: str | None) -> float:
        """How long a picture usually takes, until it has been measured."""
        known = self._models.get(model) if operation == "image_edit" else None
        return known.time.seconds if known else TYPICAL_SECONDS

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What the app would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, OPERATIONS[operation].params):
            return unknown_operation(self.name, operation)
        spec = OPERATIONS[operation]
        if isinstance(params, AnyAppParams):
            most = MOST_IMAGES if params.image_field == "image_urls" else 1
            found = role_problems(spec, roles, most)
            if model is not None:
                found["model"] = Message("the app is named below: leave the model empty")
            return found
        known = self._models.get(model)
        if known is None:
            return {"model": unknown_model(self.name, model, self.models)}
        found = role_problems(spec, roles, known.capabilities.pictures_in)
        if isinstance(params, ImageEditParams):
            found |= _input_problems(params, known.capabilities, known.id)
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends; a request given up is cancelled at fal."""
        key = usable_key(request.api_key)
        templates = sendable_templates(self, request)
        async with deadline.guard():
            images = [await request.photo.encoded(request.input_max_side), *templates]
            app, body = self._input(request, images)
            secrets = (key, body["prompt"])
            submitted = await self._submit(app, body, key, deadline)
            finished = False
            try:
                await self._wait(submitted, request, key, deadline)
                finished = True
                result = await self._result(submitted, request, secrets, deadline)
            finally:
                if not finished:
                    self._background.start("cancel", self._cancel(submitted, key))
            request.on_usage(_usage(request.params))
            address = safe_address(result.address(submitted.request_id), self._base_url)
            return await self._downloader.fetch_picture(address, deadline, response_id=submitted.request_id)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for the state of a request that does not exist: it costs nothing.

        A refused key shows itself. Whether keys are looked at before requests is not documented,
        so any other complaint proves nothing.
        """
        key = usable_key(api_key)
        owner_and_name = "/".join((model or self._models.default_id).split("/")[:2])
        url = f"{self._base_url}/{owner_and_name}/requests/{_NOBODY}/status"
        answer = await self._call("GET", url, key, deadline)
        if answer.status < 400:
            await read_json(answer, Status)
            return False
        said = await read_error(answer, ErrorAnswer)
        if said is None or answer.status not in {400, 404, 422}:
            raise failure(answer, said, (key,))
        return False

    async def aclose(self) -> None:
        """Finish what runs in the background, then close the connections."""
        await self._background.aclose()
        await self._client.aclose()

    def _input(self, request: EditRequest, images: list[EncodedImage]) -> tuple[str, dict[str, Any]]:
        """The app that is asked, and its input."""
        params, uris = request.params, [data_uri(image) for image in images]
        if isinstance(params, AnyAppParams):
            body = {"prompt": params.prompt, **pictures(params.image_field, uris)}
            return params.app, {**object_from_json(params.more), **body}
        model = self._models.get(request.model)
        if model is None or not isinstance(params, ImageEditParams):
            raise ProviderPermanent("refused_parameters")
        has, ratio = model.capabilities, params.aspect_ratio
        if ratio == "photo":
            ratio = nearest_ratio(request.photo.width, request.photo.height, has.ratios) or ratio
        return model.id, edit_input(params, has, uris, ratio)

    async def _submit(self, app: str, body: Mapping[str, Any], key: str, deadline: Deadline) -> Submitted:
        content = await json_body(body)
        headers = {
            **content.headers,
            "X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": KEPT_SECONDS}),
        }
        if deadline.remaining() > 1.0:  # fal takes no less
            headers["X-Fal-Request-Timeout"] = f"{deadline.remaining():.1f}"
        url = f"{self._base_url}/{app}"
        answer = await self._call("POST", url, key, deadline, headers=headers, content=content.stream())
        if answer.status >= 400:
            said = await read_error(answer, ErrorAnswer)
            raise failure(answer, said, (key, str(body.get("prompt", ""))))
        return await read_json(answer, Submitted)

    async def _wait(self, submitted: Submitted, request: EditRequest, key: str, deadline: Deadline) -> None:
        """Poll until the request is done; broken polls do not give it up."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                answer = await self._call("GET", submitted.status_url, key, deadline, timeout=POLL_TIMEOUT)
                if answer.status >= 400:
                    said = await read_error(answer, ErrorAnswer)
                    raise failure(answer, said, (key,), submitted.request_id)
                status = await read_json(answer, Status)
            except (ProviderUnreachable, ProviderQuota) as error:
                if deadline.remaining() <= self._poll_seconds:
                    error.response_id, error.again = submitted.request_id, False
                    raise
                continue
            if status.status == "COMPLETED":
                return
            position = status.queue_position if status.status == "IN_QUEUE" else 0
            if position is not None:
                request.on_position(position)

    async def _result(
        self, submitted: Submitted, request: EditRequest, secrets: tuple[str, str], deadline: Deadline
    ) -> Result:
        """What came of the request. It is paid for: an answer that got lost on the way is asked for again."""
        key = secrets[0]
        while True:
            is_from_app = False
            try:
                answer = await self._call("GET", submitted.response_url, key, deadline, timeout=POLL_TIMEOUT)
                # What comes from the app names the request; without that name the answer got lost before it.
                is_from_app = REQUEST_ID in answer.headers
                if answer.status < 400:
                    return await read_json(answer, Result)
                if may_be_billed(answer):
                    request.on_usage(Usage())
                said = await read_error(answer, ErrorAnswer)
                raise failure(answer, said, secrets, submitted.request_id)
            except (ProviderUnreachable, ProviderQuota) as error:
                # Sound JSON of another form is the app's own too, and no money is no matter of this request.
                is_told = is_from_app or error.reason == "unexpected_json"
                if is_told or isinstance(error, ProviderSpent):
                    # The next one's answer would have the same form, and be paid for, too.
                    error.again = error.again and error.reason != "unexpected_json"
                    raise
                if deadline.remaining() <= self._poll_seconds:
                    error.response_id, error.again = submitted.request_id, False
                    raise
            await asyncio.sleep(self._poll_seconds)

    async def _cancel(self, submitted: Submitted, key: str) -> None:
        """Tried for a while: what is not cancelled is made, and paid for."""
        deadline = Deadline.after(CANCEL_SECONDS)
        while True:
            try:
                answer = await self._call("PUT", submitted.cancel_url, key, deadline)
                if answer.status < 500:
                    return
                raise failure(answer, await read_error(answer, ErrorAnswer), (key,), submitted.request_id)
            except ProviderUnreachable:
                if deadline.remaining() <= self._poll_seconds:
                    raise
            await asyncio.sleep(self._poll_seconds)

    async def _call(self, method: str, url: str, key: str, deadline: Deadline, **content: Any) -> Answer:
        """One call to fal; an address on another host is asked for at ours, for the key goes nowhere else."""
        headers = {"Authorization": f"Key {key}", **content.pop("headers", {})}
        if not is_of(url, self._base_url):
            url = f"{self._base_url}{_path(url)}"
        return await call(self._client, method, url, deadline, max_bytes=MIB, headers=headers, **content)


def _usage(params: Params) -> Usage:
    """By what a picture is priced, where the model is one that we know."""
    if not isinstance(params, ImageEditParams):
        return Usage()
    return Usage(size=USUAL_SIZE if params.resolution == "auto" else params.resolution)


def _path(url: str) -> str:
    try:
        path = httpx.URL(url).raw_path.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        path = ""
    if not path.startswith("/"):
        raise ProviderPermanent("bad_address")
    return path


def _input_problems(params: ImageEditParams, has: Capabilities, model: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value, offered, always in (
        ("aspect_ratio", params.aspect_ratio, has.ratios, ("photo", "auto")),
        ("resolution", params.resolution, has.sizes, ("auto",)),
        ("output_format", params.output_format, has.file_types, ()),
    ):
        if value not in (*offered, *always):
            found[f"params.{name}"] = Message(
                "%(model)s takes %(values)s", model=model, values=", ".join((*always, *offered))
            )
    if (params.safety_tolerance or 0) > has.safety_levels:
        found["params.safety_tolerance"] = Message(
            "%(model)s takes levels up to %(n)s", model=model, n=has.safety_levels
        )
    return found
