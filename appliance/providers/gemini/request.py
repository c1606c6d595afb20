"""What Gemini is asked: the JSON of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.providers.base import EncodedImage, TemplateImage
from appliance.providers.catalogue import Capabilities
from appliance.providers.gemini.settings import GeminiParams
from appliance.providers.json_body import Base64
from appliance.providers.shapes import nearest_ratio

_CATEGORIES = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)


def generation_config(
    params: GeminiParams, capabilities: Capabilities, width: int, height: int
) -> dict[str, Any]:
    """What is asked of the model for a photo of ``width`` x ``height`` pixels: only what it knows."""
    image: dict[str, str] = {}
    if ratio := _ratio(params.aspect_ratio, capabilities.ratios, width, height):
        image["aspectRatio"] = ratio
    if params.image_size in capabilities.sizes:
        image["imageSize"] = params.image_size
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    if image:
        config["imageConfig"] = image
    if params.thinking in capabilities.thinking:
        config["thinkingConfig"] = {"thinkingLevel": params.thinking.upper()}
    return config


def _ratio(wanted: str, ratios: tuple[str, ...], width: int, height: int) -> str | None:
    """The wanted ratio, or the model's closest one to it or to the photo."""
    if wanted != "photo":
        width, height = (int(part) for part in wanted.split(":"))
    return nearest_ratio(width, height, ratios)


def request_body(
    photo: EncodedImage,
    templates: Sequence[TemplateImage],
    prompt: str,
    config: dict[str, Any],
    params: GeminiParams,
) -> dict[str, Any]:
    """The request: the photo, then the templates, then the prompt."""
    parts: list[dict[str, Any]] = [_inline(image) for image in (photo, *templates)]
    parts.append({"text": prompt})
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
    if params.safety_threshold != "default":
        body["safetySettings"] = [
            {"category": category, "threshold": params.safety_threshold} for category in _CATEGORIES
        ]
    if params.service_tier != "standard":
        body["serviceTier"] = params.service_tier
    return body


def _inline(image: EncodedImage) -> dict[str, Any]:
    return {"inlineData": {"mimeType": image.media_type, "data": Base64(image.content)}}
