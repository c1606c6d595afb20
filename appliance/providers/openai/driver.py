"""The OpenAI driver: one call of ``images/edits`` per picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    Operation,
    Params,
    ProviderNoModel,
    ProviderPermanent,
)
from appliance.providers.catalogue_driver import CatalogueDriver
from appliance.providers.dates import day_of
from appliance.providers.http import MIB, get, post, read_error, read_json, usable_key
from appliance.providers.model_facts import ModelFacts
from appliance.providers.openai import sizes
from appliance.providers.openai.request import request_fields, request_files
from appliance.providers.openai.settings import OPERATIONS, ImageEditParams
from appliance.providers.openai.wire import (
    EditAnswer,
    ErrorAnswer,
    ModelList,
    OneModel,
    failure,
    response_id_of,
)
from appliance.providers.pictures import checked_base64
from appliance.providers.problems import (
    must_take,
    not_offered,
    role_problems,
    templates_in_order,
    unknown_model,
    unknown_operation,
)

MAX_IMAGE_BYTES = 50_000_000  # of each picture sent
MAX_ANSWER_BYTES = 33 * MIB  # a picture of 24 MiB in base64


class OpenAIDriver(CatalogueDriver):
    """Edits pictures with OpenAI's image models."""

    name: ClassVar[str] = "openai"
    operations: ClassVar[dict[str, Operation]] = OPERATIONS

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - alike for all
        """The sizes, qualities and other choices of a model."""
        found = self._models.get(model)
        if found is None:
            return {}
        has = found.capabilities
        return {
            "size": sizes.choices(has),
            "quality": ("auto", *has.qualities) if has.qualities else (),
            "background": ("auto", "opaque", "transparent") if has.transparency else ("auto", "opaque"),
            "input_fidelity": ("auto", *has.input_fidelity) if has.input_fidelity else (),
            "complexity": ("auto", *has.complexity) if has.complexity else (),
        }

    def problems(
        self, operation: str, params: Params, model: str | None, roles: frozenset[str]
    ) -> dict[str, str]:
        """What OpenAI would reject, by field name; empty when all is well."""
        if operation not in OPERATIONS or not isinstance(params, ImageEditParams):
            return unknown_operation(self.name, operation)
        of = self._models.get(model)
        if of is None:
            return {"model": unknown_model(self.name, model, self.models)}
        found = role_problems(OPERATIONS[operation], roles, of.capabilities.pictures_in)
        choices = {name: some for name, some in self.choices(operation, model).items() if name != "size"}
        found |= not_offered(of.id, params, choices, always=("auto",))
        if wrong := sizes.problem(params.size, of.id, of.capabilities):
            found["params.size"] = wrong
        if params.background == "transparent" and params.output_format == "jpeg":
            found["params.background"] = Message(
                "JPEG has no transparency: choose PNG or WebP as the file type"
            )
        if params.output_compression is not None and params.output_format == "png":
            found["params.output_compression"] = Message(
                "PNG has no quality: leave it empty, or choose JPEG or WebP"
            )
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends."""
        key, params = usable_key(request.api_key), request.params
        templates = templates_in_order(self.operations.get(request.operation), request.templates)
        model = self._models.get(request.model) or self._models.default
        if model is None or not isinstance(params, ImageEditParams) or request.operation not in OPERATIONS:
            raise ProviderPermanent("refused_parameters")
        must_take(model, templates)
        # What the model does not know is left out: a slot saved for another one still makes its picture.
        photo, has = request.photo, model.capabilities
        size = sizes.size_for(params.size, (photo.width, photo.height), has)
        async with deadline.guard():
            files = request_files(await (await photo.encoded(request.input_max_side)).loaded(), templates)
            if any(len(data) > MAX_IMAGE_BYTES for _, (_, data, _) in files):
                raise ProviderPermanent("request_too_large", f"a picture of over {MAX_IMAGE_BYTES} bytes")
            answer = await post(
                self._client,
                f"{self._base_url}/v1/images/edits",
                deadline,
                max_bytes=MAX_ANSWER_BYTES,
                headers={"Authorization": f"Bearer {key}"},
                data=request_fields(params, request.model or model.id, size, has),
                files=files,
            )
            if answer.status != 200:
                raise failure(answer, await read_error(answer, ErrorAnswer), (key, params.prompt))
            response_id = response_id_of(answer)
            said = await read_json(answer, EditAnswer)
            request.on_usage(said.usage(size, params.quality))
            return await checked_base64(said.picture(response_id), answer.pictures, response_id=response_id)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Ask for one model, or for the list of models: free, and fails as ``edit`` would.

        A key may be restricted such that it makes pictures but must not list models: not proven.
        """
        return await self._ask(api_key, deadline, model) is not None

    async def model_facts(self, api_key: str, model: str, deadline: Deadline) -> ModelFacts:
        """Whether there is such a model, and its ``shutdown_date``."""
        try:
            said = await self._ask(api_key, deadline, model)
        except ProviderNoModel:
            return ModelFacts(there=False, of_end=False)
        if not isinstance(said, OneModel):
            return ModelFacts(of_end=False)
        return ModelFacts(ends_on=day_of(said.shutdown_date))

    async def model_names(self, api_key: str, deadline: Deadline) -> tuple[str, ...]:
        """The models that OpenAI lists for this key."""
        said = await self._ask(api_key, deadline, None)
        return tuple(one.id for one in said.data) if isinstance(said, ModelList) else ()

    async def _ask(self, api_key: str, deadline: Deadline, model: str | None) -> OneModel | ModelList | None:
        """One model, or all; ``None``: the key may make pictures but must not ask."""
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
                return None
            raise failure(answer, said, (key,))
        return await read_json(answer, OneModel) if model else await read_json(answer, ModelList)
