"""The Gemini driver: one call of ``generateContent`` per picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

import httpx

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    Operation,
    Params,
    ProviderNoModel,
    ProviderPermanent,
    TemplateImage,
)
from appliance.providers.catalogue import Model, ProviderModels
from appliance.providers.catalogue_driver import CatalogueDriver
from appliance.providers.gemini.prompts import prompt_for
from appliance.providers.gemini.request import generation_config, request_body
from appliance.providers.gemini.settings import (
    LEAST_THINKING,
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
)
from appliance.providers.http import MIB, Wire, get, post, read_error, read_json, usable_key
from appliance.providers.json_body import JsonBody, json_body
from appliance.providers.model_facts import ModelFacts
from appliance.providers.pictures import checked_base64
from appliance.providers.problems import (
    must_take,
    not_offered,
    role_problems,
    templates_in_order,
    unknown_model,
    unknown_operation,
)

MAX_REQUEST_BYTES = 100_000_000  # base64 included; Google's limit since 2026-01-08
# A picture of 24 MiB in base64, drafts before it, and the signatures of each: 1 to 2 MB a part (2026-11-26).
MAX_ANSWER_BYTES = 64 * MIB
API_VERSION = "v1beta"  # the newest client's own default is v1, which lacks the aliases *-latest
USUAL_SIZE = "1K"  # what every model makes where no size is asked for
_SMALLER_SIDES = (2048, 1536, 1024, 768)  # pixels; the model cuts its input into tiles of 768


class GeminiDriver(CatalogueDriver):
    """Edits pictures with Google's Gemini image models."""

    name: ClassVar[str] = "gemini"
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        models: ProviderModels | None = None,
        api_version: str = API_VERSION,
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        super().__init__(client, base_url=base_url, models=models)
        self._api = f"{self._base_url}/{api_version}"
        self._max_request_bytes = max_request_bytes

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - alike for all
        """The ratios, sizes and thinking levels of a model."""
        found = self._models.get(model)
        if found is None:
            return {}
        has = found.capabilities
        others = tuple(level for level in has.thinking if level != LEAST_THINKING)
        return {
            "aspect_ratio": ("photo", *has.ratios) if has.ratios else (),
            "image_size": ("auto", *has.sizes) if has.sizes else (),
            "thinking": (LEAST_THINKING, *others, "auto") if has.thinking else (),
        }

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What Gemini would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, OPERATIONS[operation].params):
            return unknown_operation(self.name, operation)
        of = self._models.get(model)
        if of is None:
            return {"model": unknown_model(self.name, model, self.models)}
        found = _incomplete(operation, params, roles, of)
        always = ("photo", "auto", LEAST_THINKING)
        return found | not_offered(of.id, params, self.choices(operation, model), always=always)

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key = usable_key(request.api_key)
        templates = templates_in_order(self.operations.get(request.operation), request.templates)
        params, model = request.params, self._models.get(request.model) or self._models.default
        roles = tuple(template.role for template in templates)
        if model is None or not isinstance(params, GeminiParams) or request.operation not in OPERATIONS:
            raise ProviderPermanent("refused_parameters")
        if found := _incomplete(request.operation, params, frozenset(roles), model):
            raise ProviderPermanent("refused_parameters", "; ".join(found.values()))
        must_take(model, templates)
        prompt = prompt_for(params, roles)
        name = request.model or model.id
        async with deadline.guard():
            body = await self._body(request, params, templates, prompt, model)
            answer = await post(
                self._client,
                f"{self._api}/models/{quote(name, safe='')}:generateContent",
                deadline,
                max_bytes=MAX_ANSWER_BYTES,
                headers={"x-goog-api-key": key, **body.headers},
                content=body.stream(),
            )
            if answer.status != 200:
                raise failure(answer, await read_error(answer, ErrorAnswer), (key, prompt))
            said = await read_json(answer, GenerateAnswer)
            has = model.capabilities
            request.on_usage(said.usage(params.image_size if params.image_size in has.sizes else USUAL_SIZE))
            picture = await checked_base64(
                said.picture((key, prompt)), answer.pictures, response_id=said.response_id
            )
            return replace(picture, facts=said.facts())

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for one model, or for the list of models: free, and fails as ``edit`` would."""
        if model:
            await self._ask(OneModel, f"models/{quote(model, safe='')}", api_key, deadline)
        else:
            await self._ask(ModelList, "models?pageSize=1", api_key, deadline)
        return True

    async def model_facts(self, api_key: str, model: str, deadline: Deadline) -> ModelFacts:
        """Whether there is such a model; its end is told with pictures only."""
        try:
            await self.probe(api_key, deadline, model)
        except ProviderNoModel:
            return ModelFacts(there=False, of_end=False)
        return ModelFacts(of_end=False)

    async def model_names(self, api_key: str, deadline: Deadline) -> tuple[str, ...]:
        """The models that Google lists for this key."""
        found = await self._ask(ModelList, "models?pageSize=1000", api_key, deadline)
        return tuple(one.name.removeprefix("models/") for one in found.models)

    async def _ask(self, kind: type[Wire], path: str, api_key: str, deadline: Deadline) -> Wire:
        """What Google tells for nothing."""
        headers = {"x-goog-api-key": usable_key(api_key)}
        answer = await get(self._client, f"{self._api}/{path}", deadline, max_bytes=4 * MIB, headers=headers)
        if answer.status != 200:
            raise failure(answer, await read_error(answer, ErrorAnswer), (api_key,))
        return await read_json(answer, kind)

    async def _body(
        self,
        request: EditRequest,
        params: GeminiParams,
        templates: tuple[TemplateImage, ...],
        prompt: str,
        model: Model,
    ) -> JsonBody:
        """The request's bytes, with the photo as large as it was asked for and as fits.

        What the model does not know is left out or replaced by what is closest to it: a slot that
        was saved for another model still makes its picture.
        """
        width, height = request.photo.width, request.photo.height
        config = generation_config(params, model.capabilities, width, height)
        longest = min(request.input_max_side or max(width, height), max(width, height))
        for side in (request.input_max_side, *(side for side in _SMALLER_SIDES if side < longest)):
            photo = await request.photo.encoded(side)
            body = await json_body(request_body(photo, templates, prompt, config, params))
            if body.size <= self._max_request_bytes:
                return body
        raise ProviderPermanent(
            "request_too_large", f"over {self._max_request_bytes} bytes with its templates"
        )


def _incomplete(operation: str, params: Params, roles: frozenset[str], model: Model) -> dict[str, str]:
    """What is missing of a request, or too much, whatever values it asks for."""
    spec = OPERATIONS[operation]
    found = role_problems(spec, roles, model.capabilities.pictures_in)
    described = isinstance(params, StyleTransferParams | BackgroundReplaceParams)
    if described and not getattr(params, "prompt", "").strip() and not roles & set(spec.template_roles):
        role = next(iter(spec.template_roles))
        found["params.prompt"] = Message(
            "describe the %(role)s in words, or choose a %(role)s template", role=role
        )
    return found
