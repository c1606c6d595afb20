"""The Gemini driver: one call of ``generateContent`` per picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

import httpx

from appliance.core.clock import Deadline
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    Operation,
    Params,
    ProviderPermanent,
    TemplateImage,
)
from appliance.providers.gemini.models import DEFAULT_MODELS, ModelCapabilities, nearest_ratio
from appliance.providers.gemini.prompts import prompt_for
from appliance.providers.gemini.settings import (
    OPERATIONS,
    BackgroundReplaceParams,
    GeminiParams,
    StyleTransferParams,
)
from appliance.providers.gemini.wire import (
    ErrorAnswer,
    GenerateAnswer,
    ModelList,
    OneModel,
    failure,
    request_body,
)
from appliance.providers.http import MIB, get, post, read_error, read_json, usable_key
from appliance.providers.model_table import ModelTable
from appliance.providers.pictures import checked_base64
from appliance.providers.problems import role_problems, templates_in_order

MAX_REQUEST_BYTES = 20_000_000  # base64 included; Google's limit is a little above
# A picture of 24 MiB in base64, drafts before it, and the signatures of each: 1 to 2 MB a part (2026-11-26).
MAX_ANSWER_BYTES = 64 * MIB
_SMALLER_SIDES = (2048, 1536, 1024, 768)  # pixels; the model cuts its input into tiles of 768


class GeminiDriver:
    """Edits pictures with Google's Gemini image models."""

    name: ClassVar[str] = "gemini"
    needs_key: ClassVar[bool] = True
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        models: Mapping[str, ModelCapabilities] = DEFAULT_MODELS,
        max_request_bytes: int = MAX_REQUEST_BYTES,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._models = ModelTable(models)
        self._max_request_bytes = max_request_bytes
        self._max_answer_bytes = max_answer_bytes

    @property
    def models(self) -> tuple[str, ...]:
        """The model names that may be chosen, the default first."""
        return self._models.names

    def typical_seconds(self, operation: str, model: str | None) -> float:  # noqa: ARG002 - one call for all
        """How long a picture usually takes, until it has been measured."""
        capabilities = self._models.get(model)
        return capabilities.typical_seconds if capabilities else ModelCapabilities().typical_seconds

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What Gemini would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, OPERATIONS[operation].params):
            return {"operation": f"gemini has no operation {operation!r} with such parameters"}
        capabilities = self._models.get(model)
        if capabilities is None:
            return {"model": f"gemini has no model {model!r}; there are {', '.join(self.models)}"}
        spec = OPERATIONS[operation]
        found = role_problems(spec, roles, capabilities.max_images)
        if isinstance(params, GeminiParams):
            found |= _size_problems(params, capabilities, model or self._models.default)
        described = isinstance(params, StyleTransferParams | BackgroundReplaceParams)
        if described and not getattr(params, "prompt", "").strip() and not roles & set(spec.template_roles):
            role = next(iter(spec.template_roles))
            found["params.prompt"] = f"describe the {role} in words, or choose a {role} template"
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key = usable_key(request.api_key)
        templates = templates_in_order(self.operations.get(request.operation), request.templates)
        roles = tuple(template.role for template in templates)
        found = self.problems(request.operation, request.params, request.model, frozenset(roles))
        capabilities = self._models.get(request.model)
        if found or capabilities is None or not isinstance(request.params, GeminiParams):
            raise ProviderPermanent("refused_parameters", "; ".join(found.values()))
        if 1 + len(templates) > capabilities.max_images:
            raise ProviderPermanent("too_many_images", f"the model takes {capabilities.max_images}")
        model = request.model or self._models.default
        prompt = prompt_for(request.params, roles)
        async with deadline.guard():
            body = await self._body(request, request.params, templates, prompt, capabilities)
            answer = await post(
                self._client,
                f"{self._base_url}/v1beta/models/{quote(model, safe='')}:generateContent",
                deadline,
                max_bytes=self._max_answer_bytes,
                headers={"x-goog-api-key": key, "Content-Type": "application/json"},
                content=body,
            )
            if answer.status != 200:
                raise failure(answer, await read_error(answer, ErrorAnswer), (key, prompt))
            said = await read_json(answer, GenerateAnswer)
            return await checked_base64(said.picture((key, prompt)), response_id=said.response_id)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for one model, or for the list of models: free, and fails as ``edit`` would."""
        key = usable_key(api_key)
        path = f"models/{quote(model, safe='')}" if model else "models?pageSize=1"
        answer = await get(
            self._client,
            f"{self._base_url}/v1beta/{path}",
            deadline,
            max_bytes=MIB,
            headers={"x-goog-api-key": key},
        )
        if answer.status != 200:
            raise failure(answer, await read_error(answer, ErrorAnswer), (key,))
        await read_json(answer, OneModel if model else ModelList)
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _body(
        self,
        request: EditRequest,
        params: GeminiParams,
        templates: tuple[TemplateImage, ...],
        prompt: str,
        capabilities: ModelCapabilities,
    ) -> bytes:
        """The request's bytes, with the photo as large as it was asked for and as fits."""
        width, height = request.photo.width, request.photo.height
        ratio: str | None = params.aspect_ratio
        if ratio == "photo":
            ratio = nearest_ratio(width, height, capabilities.aspect_ratios)
        longest = min(request.input_max_side or max(width, height), max(width, height))
        for side in (request.input_max_side, *(side for side in _SMALLER_SIDES if side < longest)):
            photo = await request.photo.encoded(side)
            body = await asyncio.to_thread(request_body, photo, templates, prompt, params, ratio)
            if len(body) <= self._max_request_bytes:
                return body
        raise ProviderPermanent(
            "request_too_large", f"over {self._max_request_bytes} bytes with its templates"
        )


def _size_problems(params: GeminiParams, capabilities: ModelCapabilities, model: str) -> dict[str, str]:
    found: dict[str, str] = {}
    ratios, sizes = capabilities.aspect_ratios, capabilities.image_sizes
    if params.aspect_ratio not in {"photo", *ratios}:
        found["params.aspect_ratio"] = f"{model} makes {', '.join(ratios) or 'no chosen ratio'}"
    if params.image_size not in {"auto", *sizes}:
        found["params.image_size"] = (
            f"{model} makes {', '.join(sizes)}" if sizes else f"{model} has one size only: choose 'auto'"
        )
    return found
