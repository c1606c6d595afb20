"""The ComfyUI driver: a workflow of the operator's own, run on a machine in the venue's network."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.background import BackgroundCalls
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    EncodedImage,
    Operation,
    Params,
    ProviderPermanent,
    ProviderUnreachable,
)
from appliance.providers.comfyui.binding import binding_of
from appliance.providers.comfyui.graph import filled
from appliance.providers.comfyui.inspection import classes_of, missing
from appliance.providers.comfyui.settings import OPERATIONS, ROLES, WorkflowParams
from appliance.providers.comfyui.steps import Steps
from appliance.providers.comfyui.wire import (
    File,
    History,
    NodeFacts,
    Queue,
    RefusedPrompt,
    Run,
    Secrets,
    Stats,
    Submitted,
    Uploaded,
    failure,
)
from appliance.providers.http import MIB, Answer, Wire, call, read_error, read_json
from appliance.providers.pictures import MAX_BYTES, checked_picture
from appliance.providers.pool import LOST_SECONDS
from appliance.providers.problems import role_problems, sendable_templates, unknown_operation

TYPICAL_SECONDS = 20.0  # until it has been measured: from a second to a minute, by workflow and graphics card
POLL_TIMEOUT = httpx.Timeout(10.0)  # seconds; a poll only looks something up
CANCEL_SECONDS = 60.0  # a node that loads a model or decodes a picture hears of it when it has finished
CANCEL_POLL_SECONDS = 1.0  # the longest pause between two looks whether it has
LARGEST_LOOK = 16 * MIB  # each photo that waits stands in the queue with its whole workflow
SLOW_LOOK = 0.1  # seconds; after one that took longer, the queue is left alone
LOOK_EVERY = 10  # times as long
SMALLER = "jpeg;92"  # how a picture that is too large as PNG is asked for
FOLDER = "photochanger"
LOOKS_UNTIL_LOST = 3  # in a row that find a run neither waiting nor ended


class ComfyUIDriver:
    """Runs workflows on ComfyUI. ``poll_seconds`` is the pause between two looks."""

    name: ClassVar[str] = "comfyui"
    needs_key: ClassVar[bool] = False
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(self, client: httpx.AsyncClient, *, base_url: str, poll_seconds: float = 0.4) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._poll_seconds = poll_seconds
        self._background = BackgroundCalls(self.name)

    @property
    def models(self) -> tuple[str, ...]:
        """The models are chosen in the workflow."""
        return ()

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - no models
        """None: there are no models that differ."""
        return {}

    def typical_seconds(self, operation: str, model: str | None) -> float:  # noqa: ARG002 - the workflow decides
        """How long a picture usually takes, until it has been measured."""
        return TYPICAL_SECONDS

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What does not fit together, by field name; what that machine has not got, ``lacks`` tells."""
        if operation not in OPERATIONS or not isinstance(params, WorkflowParams):
            return unknown_operation(self.name, operation)
        binding = binding_of(params)
        found = role_problems(OPERATIONS[operation], roles, 1 + len(ROLES)) | dict(binding.problems)
        if model is not None:
            found["model"] = Message("the model is chosen in the workflow: leave it empty")
        for role in sorted(roles & set(ROLES)):
            if not binding.templates[role]:
                found.setdefault(f"params.{role}_node", Message("choose where the template goes"))
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends; a run that is given up is taken back."""
        templates, params = sendable_templates(self, request), request.params
        assert isinstance(params, WorkflowParams)  # noqa: S101 - it was checked
        binding, secrets = binding_of(params), (params.prompt, params.negative_prompt)
        async with deadline.guard():
            images: dict[str, EncodedImage] = {one.role: one for one in templates}
            images["photo"] = await (await request.photo.encoded(request.input_max_side)).loaded()
            names = {role: await self._upload(image, deadline) for role, image in images.items()}
            graph = filled(binding.graph, binding.filling(params, names))
            return await self._run(graph, binding.output, request, secrets, deadline)

    async def _run(
        self,
        graph: dict[str, Any],
        output: str,
        request: EditRequest,
        secrets: Secrets,
        deadline: Deadline,
    ) -> EditedImage:
        """The picture that ``output`` hands out; nothing of the run stays in the queue or the history."""
        run_id, ended, may_come = str(uuid.uuid4()), False, True
        steps = Steps(self._base_url, uuid.uuid4().hex, run_id, request.on_step)
        listening = self._background.start("steps", steps.listen())
        try:
            try:
                submitted = await self._submit(graph, steps, secrets, deadline)
                may_come = False
            except ProviderPermanent:
                may_come = False
                raise
            run_id = steps.run_id = submitted.prompt_id  # older machines give one of their own
            if error := submitted.why_not(output, secrets):
                raise error
            run = await self._wait(run_id, request, deadline)
            ended = True
            return await self._fetch(run.picture(output, run_id, secrets), run_id, deadline)
        finally:
            listening.cancel()
            leaving = self._leave(run_id, ended=ended, may_come=may_come)
            self._background.start("forget" if ended else "cancel", leaving)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask that machine who it is. There is no key."""
        del api_key, model
        await self._json(Stats, "GET", "/system_stats", deadline)
        return True

    async def lacks(self, params: Params, deadline: Deadline) -> tuple[Message, ...]:
        """What that machine has not got of what the workflow needs."""
        if not isinstance(params, WorkflowParams):
            return ()
        binding = binding_of(params)
        graph = binding.graph if binding.problems else filled(binding.graph, binding.filling(params, {}))
        kinds = classes_of(graph)
        answers = await asyncio.gather(*(self._facts(kind, deadline) for kind in kinds))
        return missing(graph, binding, dict(zip(kinds, answers, strict=True)))

    async def aclose(self) -> None:
        """Finish what runs in the background, then close the connections."""
        await self._background.aclose()
        await self._client.aclose()

    async def _upload(self, image: EncodedImage, deadline: Deadline) -> str:
        """A picture on that machine, among those that it throws away at its next start; its name there."""
        name = f"{uuid.uuid4().hex}.{image.media_type.rpartition('/')[2]}"
        uploaded = await self._json(
            Uploaded,
            "POST",
            "/upload/image",
            deadline,
            data={"type": "temp", "subfolder": FOLDER, "overwrite": "true"},
            files={"image": (name, image.data, image.media_type)},
        )
        return uploaded.as_input

    async def _submit(
        self, graph: dict[str, Any], steps: Steps, secrets: Secrets, deadline: Deadline
    ) -> Submitted:
        body = {"prompt": graph, "client_id": steps.client_id, "prompt_id": steps.run_id}
        content = await asyncio.to_thread(lambda: json.dumps(body).encode())
        headers = {"Content-Type": "application/json"}
        answer = await self._call("POST", "/prompt", deadline, content=content, headers=headers)
        if answer.status == 400:
            refused = await read_error(answer, RefusedPrompt)
            raise refused.as_error(400, secrets) if refused else failure(answer)
        if answer.status != 200:
            raise failure(answer)
        return await read_json(answer, Submitted)

    async def _wait(self, run_id: str, request: EditRequest, deadline: Deadline) -> Run:
        """Look until the run has ended; broken looks do not give it up, a restart of ComfyUI does."""
        lost, next_look = 0, 0.0
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                if (run := await self._ended(run_id, deadline)) is not None:
                    return run
                if time.monotonic() < next_look:
                    continue
                queue, next_look = await self._queue(deadline)
            except ProviderUnreachable as error:
                # Nobody listens there any more: the queue, which is in its memory, is gone.
                lost += error.reason == "connection_refused"
                if lost >= LOOKS_UNTIL_LOST or deadline.remaining() <= self._poll_seconds:
                    error.response_id = run_id
                    raise
                continue
            if queue is None:
                continue
            if (position := queue.position(run_id)) is None:
                lost += 1
            else:
                lost = 0
                request.on_position(position)
            if lost >= LOOKS_UNTIL_LOST:  # once or twice: it ended between the two questions
                raise ProviderUnreachable("run_lost", "ComfyUI was restarted", response_id=run_id)

    async def _queue(self, deadline: Deadline) -> tuple[Queue | None, float]:
        """The queue, and when it may be asked for again; ``None``: it is too long to be read."""
        since = time.monotonic()
        try:
            queue = await self._json(
                Queue, "GET", "/queue", deadline, timeout=POLL_TIMEOUT, max_bytes=LARGEST_LOOK
            )
        except ProviderPermanent as error:
            if error.reason != "answer_too_large":
                raise
            queue = None
        now = time.monotonic()
        took = now - since
        return queue, now + (LOOK_EVERY * took if took > SLOW_LOOK else 0.0)

    async def _ended(self, run_id: str, deadline: Deadline) -> Run | None:
        path = f"/history/{quote(run_id, safe='')}"
        found = await self._json(History, "GET", path, deadline, timeout=POLL_TIMEOUT, max_bytes=LARGEST_LOOK)
        return found.root.get(run_id)

    async def _fetch(self, file: File, run_id: str, deadline: Deadline) -> EditedImage:
        params = {"filename": file.name, "subfolder": file.subfolder, "type": file.type}
        try:
            answer = await self._view(params, deadline)
        except ProviderPermanent as error:
            if error.reason != "answer_too_large":
                raise
            answer = await self._view({**params, "preview": SMALLER}, deadline)
        if answer.status == 404:
            raise ProviderUnreachable("run_lost", "the picture is gone", http_status=404, response_id=run_id)
        if answer.status != 200:
            raise failure(answer)
        return await checked_picture(answer.body, response_id=run_id)

    async def _view(self, params: dict[str, str], deadline: Deadline) -> Answer:
        """A file, which is made: if the connection breaks, it is asked for again, unless ComfyUI ended."""
        while True:
            try:
                return await self._call("GET", "/view", deadline, params=params, max_bytes=MAX_BYTES)
            except ProviderUnreachable as error:
                if error.reason == "connection_refused" or deadline.remaining() <= self._poll_seconds:
                    raise
            await asyncio.sleep(self._poll_seconds)

    async def _leave(self, run_id: str, *, ended: bool, may_come: bool) -> None:
        """Take a run back, also where that meets the broken connection for which the run was given up.

        ``may_come``: nobody said that it was taken, so that it may yet arrive there, after this.
        """
        deadline = Deadline.after(CANCEL_SECONDS)
        async with deadline.guard():
            while True:
                try:
                    await self._take_back(run_id, deadline, ended=ended)
                except ProviderUnreachable as error:
                    if error.reason == "connection_refused":  # the queue is gone, with all that was in it
                        raise
                else:
                    # What the kernel still sends of a request that was broken off is there by then.
                    if not may_come or deadline.elapsed() > LOST_SECONDS:
                        return
                await asyncio.sleep(CANCEL_POLL_SECONDS)

    async def _take_back(self, run_id: str, deadline: Deadline, *, ended: bool) -> None:
        """Take a run out of the queue, then its entry out of the history, where the prompt stands.

        It is interrupted only while it is the one that runs: older machines stop whatever runs.
        """
        pause = self._poll_seconds
        if not ended:
            await self._tell("/queue", {"delete": [run_id]}, deadline)
            while await self._is_running(run_id, deadline):
                await self._tell("/interrupt", {"prompt_id": run_id}, deadline)
                await asyncio.sleep(pause)
                pause = min(2 * pause, CANCEL_POLL_SECONDS)
        await self._tell("/history", {"delete": [run_id]}, deadline)

    async def _tell(self, path: str, what: dict[str, Any], deadline: Deadline) -> None:
        await self._call("POST", path, deadline, json=what, timeout=POLL_TIMEOUT)

    async def _is_running(self, run_id: str, deadline: Deadline) -> bool:
        queue, _ = await self._queue(deadline)
        return queue is not None and queue.position(run_id) == 0

    async def _facts(self, kind: str, deadline: Deadline) -> dict[str, Any]:
        path = f"/object_info/{quote(kind, safe='')}"
        found = await self._json(NodeFacts, "GET", path, deadline, max_bytes=16 * MIB)
        return found.root.get(kind) or {}

    async def _json(
        self, model: type[Wire], method: str, path: str, deadline: Deadline, **content: Any
    ) -> Wire:
        answer = await self._call(method, path, deadline, **content)
        if answer.status != 200:
            raise failure(answer)
        return await read_json(answer, model)

    async def _call(
        self, method: str, path: str, deadline: Deadline, *, max_bytes: int = 4 * MIB, **content: Any
    ) -> Answer:
        url = f"{self._base_url}{path}"
        return await call(self._client, method, url, deadline, max_bytes=max_bytes, **content)
