"""The OpenAI driver: one call of ``images/edits`` per picture."""

from __future__ import annotations

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
)
from appliance.providers.http import MIB, get, post, read_error, read_json, usable_key
from appliance.providers.model_table import ModelTable
from appliance.providers.openai.models import DEFAULT_MODELS, ModelCapabilities, nearest_size
from appliance.providers.openai.settings import OPERATIONS, ImageEditParams
from appliance.providers.openai.wire import (
    EditAnswer,
    ErrorAnswer,
    ModelList,
    OneModel,
    failure,
    request_fields,
    request_files,
    response_id_of,
)
from appliance.providers.pictures import checked_base64
from appliance.providers.problems import role_problems, templates_in_order

MAX_IMAGE_BYTES = 50_000_000  # of each picture sent
MAX_ANSWER_BYTES = 33 * MIB  # a picture of 24 MiB in base64


class OpenAIDriver:
    """Edits pictures with OpenAI's image models."""

    name: ClassVar[str] = "openai"
    needs_key: ClassVar[bool] = True
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        models: Mapping[str, ModelCapabilities] = DEFAULT_MODELS,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._models = ModelTable(models)
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
        """What OpenAI would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, ImageEditParams):
            return {"operation": f"openai has no operation {operation!r} with such parameters"}
        capabilities = self._models.get(model)
        if capabilities is None:
            return {"model": f"openai has no model {model!r}; there are {', '.join(self.models)}"}
        found = role_problems(OPERATIONS[operation], roles, capabilities.max_images)
        if params.size not in {"photo", "auto", *capabilities.sizes}:
            found["params.size"] = f"{model or self._models.default} makes {', '.join(capabilities.sizes)}"
        if params.background == "transparent" and params.output_format == "jpeg":
            found["params.background"] = "JPEG has no transparency: choose PNG or WebP as the file type"
        if params.output_compression is not None and params.output_format == "png":
            found["params.output_compression"] = "PNG has no quality: leave it empty, or choose JPEG or WebP"
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key, params = usable_key(request.api_key), request.params
        templates = templates_in_order(self.operations.get(request.operation), request.templates)
        roles = frozenset(template.role for template in templates)
        found = self.problems(request.operation, params, request.model, roles)
        capabilities = self._models.get(request.model)
        if found or capabilities is None or not isinstance(params, ImageEditParams):
            raise ProviderPermanent("refused_parameters", "; ".join(found.values()))
        if 1 + len(templates) > capabilities.max_images:
            raise ProviderPermanent("too_many_images", f"the model takes {capabilities.max_images}")
        size: str = params.size
        if size == "photo":
            size = nearest_size(request.photo.width, request.photo.height, capabilities.sizes)
        model = request.model or self._models.default
        async with deadline.guard():
            files = request_files(await request.photo.encoded(request.input_max_side), templates)
            if any(len(data) > MAX_IMAGE_BYTES for _, (_, data, _) in files):
                raise ProviderPermanent("request_too_large", f"a picture of over {MAX_IMAGE_BYTES} bytes")
            answer = await post(
                self._client,
                f"{self._base_url}/v1/images/edits",
                deadline,
                max_bytes=self._max_answer_bytes,
                headers={"Authorization": f"Bearer {key}"},
                data=request_fields(params, model, size, fidelity=capabilities.input_fidelity),
                files=files,
            )
            if answer.status != 200:
                raise failure(answer, await read_error(answer, ErrorAnswer), (key, params.prompt))
            response_id = response_id_of(answer)
            said = await read_json(answer, EditAnswer)
            return await checked_base64(said.picture(response_id), response_id=response_id)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for one model, or for the list of models: free, and fails as ``edit`` would.

        A key may be restricted such that it makes pictures but must not list models: not proven.
        """
        key = usable_key(api_key)
        answer = await get(
            self._client,
            f"{self._base_url}/v1/models" + (f"/{quote(model, safe='')}" if model else ""),
            deadline,
            max_bytes=4 * MIB,
            headers={"Authorization": f"Bearer {key}"},
        )
        if answer.status != 200:
            said = await read_error(answer, ErrorAnswer)
            if said is not None and said.lacks_a_scope:
                return False
            raise failure(answer, said, (key,))
        await read_json(answer, OneModel if model else ModelList)
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
