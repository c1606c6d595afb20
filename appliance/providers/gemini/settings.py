"""The parameters of Gemini's operations: the admin form and the API schema are made from them.

Which ratios, sizes and thinking levels there are is a matter of the model, so it is the catalogue's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from appliance.providers.base import Operation, Params
from appliance.providers.params import prompt_field, words_field

# From the laxest to the strictest; Google's own default of the models since 2.5 is OFF.
SafetyThreshold = Literal[
    "default", "OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"
]

LONGEST_PROMPT = 8000  # characters
LEAST_THINKING = "minimal"


class GeminiParams(Params):
    """What all operations have in common."""

    timed_by = ("image_size", "thinking")

    aspect_ratio: str = Field(
        default="photo",
        pattern=r"^(photo|[1-9]\d?:[1-9]\d?)$",
        title="Aspect ratio",
        description="Shape of the picture. 'photo' is the shape closest to the guest's photo.",
    )
    image_size: str = Field(
        default="auto",
        pattern=r"^(auto|\d{3,4}|[1-9]K)$",
        title="Picture size",
        description="'auto' leaves it to the model (1K). Larger is slower and costs more.",
    )
    thinking: str = Field(
        default=LEAST_THINKING,
        pattern=r"^[a-z]{2,12}$",
        title="Thinking",
        description="More thinking handles difficult prompts better, but is slower and costs more.",
    )
    safety_threshold: SafetyThreshold = Field(
        default="default",
        title="Safety filter",
        description="What Gemini refuses to make. Google's default is off; each level below is stricter.",
    )
    service_tier: Literal["standard", "priority", "flex"] = Field(
        default="standard",
        title="Service tier",
        description="'priority' comes first and costs more; 'flex' is cheaper, but too slow for most booths.",
    )


class ImageEditParams(GeminiParams):
    """Change the photo as the prompt says; the prompt is sent word for word."""

    prompt: str = prompt_field(LONGEST_PROMPT)


class StyleTransferParams(GeminiParams):
    """Redraw the photo in a style."""

    prompt: str = words_field(
        LONGEST_PROMPT, "Style", "The style in words, alone or in addition to a style template."
    )
    keep_faces: bool = Field(
        default=True, title="Keep faces", description="Ask for every face to stay recognisable."
    )


class BackgroundReplaceParams(GeminiParams):
    """Put the guests in front of another background."""

    prompt: str = words_field(
        LONGEST_PROMPT,
        "Background",
        "The background in words, alone or in addition to a background template.",
    )
    match_light: bool = Field(
        default=True,
        title="Match the light",
        description="Ask for light and shadows on the guests that suit the new background.",
    )


class CombineParams(GeminiParams):
    """Make one picture of the photo and the template images."""

    prompt: str = prompt_field(
        LONGEST_PROMPT, "How to combine them. The photo is the first image, templates follow it."
    )
    keep_faces: bool = Field(
        default=True, title="Keep faces", description="Ask for every face to stay recognisable."
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
