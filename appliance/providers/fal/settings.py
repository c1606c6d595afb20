"""The parameters of fal's operations: the admin form and the API schema are made from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from appliance.core.json_text import object_from_json
from appliance.core.language import Message
from appliance.providers.base import Operation, Params
from appliance.providers.params import prompt_field, seed_field

ImageField = Literal["image_urls", "image_url"]

LONGEST_PROMPT = 20_000  # characters
LONGEST_INPUT = 4_000
APP = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_][A-Za-z0-9._-]*){1,5}$"


class ImageEditParams(Params):
    """Change the photo as the prompt says."""

    timed_by = ("resolution",)

    prompt: str = prompt_field(LONGEST_PROMPT)
    aspect_ratio: str = Field(
        default="photo",
        title="Aspect ratio",
        description="'photo' comes closest to the guest's photo, 'auto' is the model's choice; "
        "or a ratio such as 3:4.",
        pattern=r"^(photo|auto|\d{1,2}:\d{1,2})$",
    )
    resolution: Literal["auto", "1K", "2K", "4K"] = Field(
        default="auto", title="Resolution", description="Larger is slower and costs more."
    )
    output_format: Literal["jpeg", "png", "webp"] = Field(default="jpeg", title="File type")
    safety_tolerance: int | None = Field(
        default=None,
        title="Safety tolerance",
        description="1 is the strictest, 6 the most permissive; empty leaves it to the model.",
        ge=1,
        le=6,
    )
    seed: int | None = seed_field(2**32 - 1)


class AnyAppParams(Params):
    """Ask an app of fal that is not among the models."""

    timed_by = ("app",)

    app: str = Field(
        title="App",
        description="The app's name as its page on fal.ai shows it, e.g. fal-ai/qwen-image-edit.",
        min_length=3,
        max_length=120,
        pattern=APP,
    )
    prompt: str = prompt_field(LONGEST_PROMPT, "What to change in the photo.")
    image_field: ImageField = Field(
        default="image_urls",
        title="Field for pictures",
        description="The name that the app's page uses.",
    )
    more: str = Field(
        default="",
        title="Further input",
        description='More input for the app as a JSON object, e.g. {"num_inference_steps": 28}.',
        max_length=LONGEST_INPUT,
        json_schema_extra={"x-json": True},
    )

    @field_validator("more")
    @classmethod
    def _is_an_object(cls, text: str) -> str:
        found = object_from_json(text)
        taken = sorted({"prompt", "image_url", "image_urls", "sync_mode"} & set(found))
        if taken:
            raise ValueError(Message("%(name)s is filled in by the appliance: leave it out", name=taken[0]))
        return text


OPERATIONS: dict[str, Operation] = {
    "image_edit": Operation(ImageEditParams, "Image edit", {"reference": False}),
    "any_app": Operation(AnyAppParams, "Any other app", {"reference": False}, of_models=False),
}
