"""The parameters of Gemini's operations: the admin form and the API schema are made from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from appliance.providers.base import Operation, Params

AspectRatio = Literal["photo", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
ImageSize = Literal["auto", "1K", "2K", "4K"]
SafetyThreshold = Literal[
    "default", "OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"
]

MULTILINE: dict[str, Any] = {"x-multiline": True}
LONGEST_PROMPT = 8000  # characters


class GeminiParams(Params):
    """What all operations have in common."""

    timed_by = ("image_size",)

    aspect_ratio: AspectRatio = Field(
        default="photo",
        title="Aspect ratio",
        description="Shape of the picture. 'photo' takes the one closest to the guest's photo.",
    )
    image_size: ImageSize = Field(
        default="auto",
        title="Picture size",
        description="'auto' leaves it to the model (1K). Larger is slower; not every model has a choice.",
    )
    safety_threshold: SafetyThreshold = Field(
        default="BLOCK_ONLY_HIGH",
        title="Safety filter",
        description="From which probability of harm Gemini blocks a picture. 'default' leaves it to Gemini.",
    )


class ImageEditParams(GeminiParams):
    """Change the photo as the prompt says; the prompt is sent word for word."""

    prompt: str = Field(
        title="Prompt",
        description="What to change in the photo. The photo is the first image, references follow it.",
        min_length=1,
        max_length=LONGEST_PROMPT,
        json_schema_extra=MULTILINE,
    )


class StyleTransferParams(GeminiParams):
    """Redraw the photo in a style."""

    prompt: str = Field(
        default="",
        title="Style",
        description="The style in words, alone or in addition to a style template.",
        max_length=LONGEST_PROMPT,
        json_schema_extra=MULTILINE,
    )
    keep_faces: bool = Field(
        default=True, title="Keep faces", description="Ask for everybody's face to stay recognisable."
    )


class BackgroundReplaceParams(GeminiParams):
    """Put the guests in front of another background."""

    prompt: str = Field(
        default="",
        title="Background",
        description="The background in words, alone or in addition to a background template.",
        max_length=LONGEST_PROMPT,
        json_schema_extra=MULTILINE,
    )
    match_light: bool = Field(
        default=True,
        title="Match the light",
        description="Ask for light and shadows on the guests that suit the new background.",
    )


class CombineParams(GeminiParams):
    """Make one picture of the photo and the template images."""

    prompt: str = Field(
        title="Prompt",
        description="How to combine them. The photo is the first image, templates follow it.",
        min_length=1,
        max_length=LONGEST_PROMPT,
        json_schema_extra=MULTILINE,
    )
    keep_faces: bool = Field(
        default=True, title="Keep faces", description="Ask for everybody's face to stay recognisable."
    )


# The order of the roles is the order in which their images are sent.
OPERATIONS: dict[str, Operation] = {
    "style_transfer": Operation(StyleTransferParams, "Style transfer", {"style": False}),
    "image_edit": Operation(ImageEditParams, "Image edit", {"reference": False}),
    "background_replace": Operation(BackgroundReplaceParams, "Background replacement", {"background": False}),
    "combine": Operation(
        CombineParams, "Combine with templates", {"reference": True, "background": False, "style": False}
    ),
}
