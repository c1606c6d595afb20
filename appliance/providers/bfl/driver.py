"""The driver of Black Forest Labs: a task, its state until it is ready, then the download."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

import httpx

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    Operation,
    Params,
    ProviderPermanent,
    ProviderQuota,
    ProviderRefused,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.bfl.settings import OPERATIONS, ImageEditParams
from appliance.providers.bfl.wire import (
    NO_CREDITS,
    Credits,
    Task,
    TaskState,
    failure,
    request_body,
)
from appliance.providers.catalogue import Capabilities, ProviderModels
from appliance.providers.catalogue_driver import CatalogueDriver
from appliance.providers.download import Downloader, is_of, safe_address
from appliance.providers.error_parts import InputErrors
from appliance.providers.http import MIB, get, post, read_error, read_json, usable_key
from appliance.providers.json_body import JsonBody, json_body
from appliance.providers.problems import (
    must_take,
    role_problems,
    sendable_templates,
    unknown_model,
    unknown_operation,
)
from appliance.providers.usage import NOTHING, Usage

POLL_TIMEOUT = httpx.Timeout(10.0)  # seconds; a poll only looks something up
OWN_DOMAIN = ".bfl.ai"
NOT_FOUND_SECONDS = 5.0  # for which a task that was taken, or known, a moment ago may be unknown elsewhere


class BflDriver(CatalogueDriver):
    """Edits pictures with the models of Black Forest Labs. ``poll_seconds`` is the pause between polls."""

    name: ClassVar[str] = "bfl"
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

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - alike for all
        """The values of a model that are not every model's."""
        found = self._models.get(model)
        if found is None:
            return {}
        has = found.capabilities
        ratios = () if has.free_size else ("photo", "auto", *has.ratios)
        return {"aspect_ratio": ratios} if ratios else {}

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What the model would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, ImageEditParams):
            return unknown_operation(self.name, operation)
        known = self._models.get(model)
        if known is None:
            return {"model": unknown_model(self.name, model, self.models)}
        found = role_problems(OPERATIONS[operation], roles, known.capabilities.pictures_in)
        return found | _shape_problems(params, known.capabilities, known.id)

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key = usable_key(request.api_key)
        templates = sendable_templates(self, request)
        model, params = self._models.get(request.model), request.params
        assert model is not None and isinstance(params, ImageEditParams)  # noqa: S101, PT018 - it was checked
        must_take(model, templates)
        async with deadline.guard():
            images = [await request.photo.encoded(request.input_max_side), *templates]
            size = request.photo.width, request.photo.height
            content = await json_body(request_body(params, model.capabilities, images, *size))
            secrets = key, params.prompt
            task = await self._submit(model.id, content, secrets, deadline)
            address = await self._finished(task, request, secrets, deadline)
            return await self._downloader.fetch_picture(address, deadline, response_id=task.id)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask what is left on the account: free, and it proves the key. No credits fail as ``edit`` would."""
        del model  # there is no free call that knows of models
        key = usable_key(api_key)
        url, headers = f"{self._base_url}/v1/credits", {"x-key": key}
        answer = await get(self._client, url, deadline, max_bytes=MIB, headers=headers)
        if answer.status != 200:
            raise failure(answer, await read_error(answer, InputErrors), (key,))
        if (await read_json(answer, Credits)).credits <= 0:
            raise ProviderSpent(NO_CREDITS, "no credits are left", http_status=200)
        return True

    async def _submit(
        self, model: str, content: JsonBody, secrets: tuple[str, str], deadline: Deadline
    ) -> Task:
        answer = await post(
            self._client,
            f"{self._base_url}/v1/{model}",
            deadline,
            max_bytes=MIB,
            headers={"x-key": secrets[0], **content.headers},
            content=content.stream(),
        )
        if answer.status != 200:
            raise failure(answer, await read_error(answer, InputErrors), secrets)
        return await read_json(answer, Task)

    async def _finished(
        self, task: Task, request: EditRequest, secrets: tuple[str, str], deadline: Deadline
    ) -> str:
        """Where the picture is, and what the task costs, however that ends."""
        try:
            sample = await self._wait(task, secrets, deadline)
        except ProviderRefused:
            request.on_usage(Usage(cost=NOTHING))  # what was moderated is free (help.bfl.ai, 2026-06-12)
            raise
        except asyncio.CancelledError:
            request.on_usage(task.usage())  # it cannot be called off, and its picture is billed
            raise
        request.on_usage(task.usage())
        return safe_address(sample, self._base_url)

    async def _wait(self, task: Task, secrets: tuple[str, str], deadline: Deadline) -> str:
        """Poll until the picture is ready; it is paid for, so broken polls do not give it up."""
        if not self._may_have_key(task.polling_url):
            raise ProviderPermanent("foreign_address", "the task is to be asked for elsewhere")
        unknown_until = deadline.elapsed() + NOT_FOUND_SECONDS
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                state = await self._state(task, secrets[0], deadline)
            except (ProviderUnreachable, ProviderQuota) as error:
                if deadline.remaining() <= self._poll_seconds:
                    error.response_id, error.again = task.id, False
                    raise
                continue
            if not state.not_found:  # another server may know of it later than the one that was asked
                unknown_until = deadline.elapsed() + NOT_FOUND_SECONDS
            elif deadline.elapsed() > unknown_until:
                raise ProviderUnreachable("Task_not_found", http_status=200, response_id=task.id)
            if (address := state.address(task.id, secrets)) is not None:
                return address

    async def _state(self, task: Task, key: str, deadline: Deadline) -> TaskState:
        url, headers = task.polling_url, {"x-key": key}
        answer = await get(self._client, url, deadline, max_bytes=MIB, headers=headers, timeout=POLL_TIMEOUT)
        if answer.status in {200, 404}:
            return await read_json(answer, TaskState)
        # A task that failed may come as 422 or 503, and its state says so.
        if (state := await read_error(answer, TaskState)) is not None:
            return state
        raise failure(answer, await read_error(answer, InputErrors), (key,), task.id)

    def _may_have_key(self, address: str) -> bool:
        """Whether the key may go there: to the configured address, and encrypted to the maker's own hosts."""
        if is_of(address, self._base_url):
            return True
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            return False
        own = url.host.endswith(OWN_DOMAIN) and not url.userinfo
        return own and url.scheme == "https" and url.port is None


def _shape_problems(params: ImageEditParams, has: Capabilities, model: str) -> dict[str, str]:
    ratio = params.aspect_ratio
    if ratio in {"photo", "auto"}:
        return {}
    if has.free_size is None:
        if ratio in has.ratios:
            return {}
        values = ", ".join(("photo", "auto", *has.ratios))
        return {"params.aspect_ratio": Message("%(model)s takes %(values)s", model=model, values=values)}
    across, down = map(int, ratio.split(":"))
    most = has.free_size.longest_ratio
    if max(across, down) / min(across, down) > most:
        text = Message("%(model)s makes pictures of up to %(n)s:1", model=model, n=f"{most:g}")
        return {"params.aspect_ratio": text}
    return {}
