"""What a request to Gemini may ask for, model by model; everything else is refused, as by the service."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.standins.base import Call, Refusal
from tests.standins.gemini_errors import error
from tests.standins.picture import decodes

# Pixels of imageSize 1K; 2K and 4K double and quadruple them.
SIZES = {
    "1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200), "4:3": (1200, 896),
    "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376), "16:9": (1376, 768), "21:9": (1584, 672),
}  # fmt: skip
WIDE = {"1:4": (512, 2048), "4:1": (2048, 512), "1:8": (352, 2816), "8:1": (2816, 352)}
SCALE = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}


@dataclass(frozen=True)
class Takes:
    """What one model takes; no sizes: it does not know imageSize."""

    sizes: tuple[str, ...] = ("1K", "2K", "4K")
    thinking: tuple[str, ...] = ()
    wide: bool = False
    images: int = 14


MODELS = {
    "gemini-nano-banana-2.1": Takes(thinking=("MINIMAL", "MEDIUM", "HIGH"), wide=True),
    "gemini-3-pro-image": Takes(),
    "gemini-3.1-flash-lite-image": Takes(sizes=("1K",), thinking=("MINIMAL", "HIGH")),
    "gemini-3.1-flash-image": Takes(sizes=("512", "1K", "2K", "4K"), thinking=("MINIMAL", "HIGH"), wide=True),
    "gemini-2.5-flash-image": Takes(sizes=(), images=3),
}
MAX_REQUEST = 100_000_000
CATEGORIES = {"HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY"}
THRESHOLDS = {"OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"}
_STANDARD = str.maketrans("-_", "+/")


def read_request(call: Call, takes: Takes) -> dict[str, Any]:
    """The images, prompt and wanted size of a request; raises ``Refusal`` if it breaks the contract."""
    if len(call.body) > MAX_REQUEST:
        raise _invalid(f"Request payload size exceeds the limit: {MAX_REQUEST} bytes.")
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise _invalid("Content-Type must be application/json.")
    try:
        body = _camel(json.loads(call.body))
    except ValueError:
        raise _invalid("Invalid JSON payload received. Unexpected end of string.") from None
    _known(body, "", "contents", "generationConfig", "safetySettings", "serviceTier")
    contents = body.get("contents")
    if not isinstance(contents, list) or len(contents) != 1:
        raise _invalid("* GenerateContentRequest.contents: contents is not specified")
    _known(contents[0], "contents[0]", "role", "parts")
    if contents[0].get("role", "user") != "user":
        raise _invalid("Please use a valid role: user, model.")
    images, prompt = _read_parts(contents[0].get("parts"))
    if len(images) > takes.images:
        raise _invalid(f"This model accepts at most {takes.images} images.")
    if body.get("serviceTier", "standard") not in {"standard", "flex", "priority"}:
        raise _invalid("Invalid value at 'service_tier'")
    for setting in body.get("safetySettings", []):
        _known(setting, "safety_settings[0]", "category", "threshold")
        category, threshold = setting.get("category", ""), setting.get("threshold")
        if category.removeprefix("HARM_CATEGORY_") not in CATEGORIES or threshold not in THRESHOLDS:
            raise _invalid("Invalid value at 'safety_settings[0]'")
    return {"images": images, "prompt": prompt, "size": _read_size(body.get("generationConfig", {}), takes)}


def _camel(value: Any) -> Any:
    """The real server takes either spelling of a field's name, and Google's own client mixes them."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda hit: hit[1].upper(), name): _camel(item) for name, item in value.items()
    }


def _read_parts(parts: Any) -> tuple[list[bytes], str]:
    if not isinstance(parts, list) or not parts:
        raise _invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
    *pictures, last = parts
    images = []
    for number, part in enumerate(pictures):
        where = f"contents[0].parts[{number}]"
        _known(part, where, "inlineData")
        blob = part.get("inlineData")
        _known(blob, where + ".inline_data", "mimeType", "data")
        try:
            # Both alphabets are accepted; Google's own client uses the one for addresses.
            data = binascii.a2b_base64(blob["data"].translate(_STANDARD), strict_mode=True)
        except (KeyError, AttributeError, ValueError):
            raise _invalid(f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES)") from None
        if blob.get("mimeType") not in {"image/jpeg", "image/png", "image/webp"} or not decodes(data):
            raise _invalid("Unable to process input image. Please retry or report.")
        images.append(data)
    _known(last, f"contents[0].parts[{len(images)}]", "text")
    if not images or not isinstance(last.get("text"), str) or not last["text"]:
        raise _invalid("The photo must come first and the prompt last.")
    return images, last["text"]


def _read_size(config: Any, takes: Takes) -> tuple[int, int] | None:
    _known(config, "generation_config", "responseModalities", "imageConfig", "thinkingConfig")
    if not set(config.get("responseModalities", [])) <= {"IMAGE", "TEXT"}:
        raise _invalid("Invalid value at 'generation_config.response_modalities'")
    thinking = config.get("thinkingConfig", {})
    _known(thinking, "generation_config.thinking_config", "thinkingLevel")
    if "thinkingLevel" in thinking and thinking["thinkingLevel"] not in takes.thinking:
        raise _invalid("Thinking level is not supported for this model.")
    image = config.get("imageConfig", {})
    _known(image, "generation_config.image_config", "aspectRatio", "imageSize")
    if "imageSize" in image and image["imageSize"] not in takes.sizes:
        raise _invalid(f"image_size must be one of {', '.join(takes.sizes) or 'none'}.")
    ratio, scale = image.get("aspectRatio"), SCALE[image.get("imageSize", "1K")]
    if ratio is None:
        return None
    ratios = SIZES | WIDE if takes.wide else SIZES
    if ratio not in ratios:
        raise _invalid(f"aspect_ratio must be one of {', '.join(ratios)}.")
    width, height = ratios[ratio]
    return int(width * scale), int(height * scale)


def _known(value: Any, where: str, *names: str) -> None:
    if not isinstance(value, dict):
        raise _invalid(f"Invalid value at '{where}': not a message.")
    for name in value:
        if name not in names:
            raise _invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            )


def _invalid(message: str) -> Refusal:
    return Refusal(error(400, message))
