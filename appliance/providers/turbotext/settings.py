"""The parameters of Turbotext's operations: the admin form and the API schema are made from them."""

from __future__ import annotations

from pydantic import Field

from appliance.providers.base import Operation, Params
from appliance.providers.params import prompt_field, seed_field, words_field

MOST_NEGATIVE_WORDS = 80
LONGEST_PROMPT = 8000  # characters


class ImageEditParams(Params):
    """Change the photo as the prompt says."""

    prompt: str = prompt_field(LONGEST_PROMPT, "What to turn the photo into.")
    negative_prompt: str = words_field(
        2000, "Negative prompt", f"What must not appear, in at most {MOST_NEGATIVE_WORDS} words."
    )
    strength: int = Field(
        default=40,
        title="Strength",
        description="How far it may depart from the photo.",
        ge=0,
        le=80,
    )
    scale: float = Field(
        default=7.5, title="Prompt scale", description="How closely the prompt is followed.", ge=0.1, le=20
    )
    seed: int | None = seed_field(10_000_000_000, least=1)
    original_language: str = Field(
        default="ru",
        title="Prompt language",
        description="Two letters: the language in which the prompt is written.",
        pattern="^[a-z]{2}$",
    )
    user_id: int = Field(default=1, title="User number", description="Turbotext's user_id.", ge=1)


class StyleTransferParams(Params):
    """Redraw the photo in the style of a template image."""

    prompt: str = words_field(LONGEST_PROMPT, "Prompt", "Anything else to consider; may be empty.")


class IdentityTransferParams(Params):
    """Put the face of a template image on the person in the photo."""

    face_restore: bool = Field(
        default=True, title="Restore the face", description="Sharpen the face after replacing it."
    )


OPERATIONS: dict[str, Operation] = {
    "image_edit": Operation(ImageEditParams, "Image edit"),
    "style_transfer": Operation(StyleTransferParams, "Style transfer", {"style": True}),
    "identity_transfer": Operation(IdentityTransferParams, "Identity transfer", {"face": True}),
}
