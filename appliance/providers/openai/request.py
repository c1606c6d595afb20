"""What OpenAI is asked: the multipart form of one picture."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.providers.base import EncodedImage, TemplateImage
from appliance.providers.catalogue import Capabilities
from appliance.providers.openai.settings import ImageEditParams

File = tuple[str, tuple[str, bytes, str]]


def request_fields(
    params: ImageEditParams, model: str, size: str, capabilities: Capabilities
) -> dict[str, str]:
    """The text fields: only what the model knows, and nothing that it would choose anyway."""
    fields = {"model": model, "prompt": params.prompt, "size": size, "output_format": params.output_format}
    if params.quality in capabilities.qualities:
        fields["quality"] = params.quality
    see_through = capabilities.transparency and params.output_format != "jpeg"
    if params.background == "opaque" or (params.background == "transparent" and see_through):
        fields["background"] = params.background
    if params.output_compression is not None and params.output_format != "png":
        fields["output_compression"] = str(params.output_compression)
    fidelity = "high" if params.input_fidelity == "auto" else params.input_fidelity
    if fidelity in capabilities.input_fidelity:
        fields["input_fidelity"] = fidelity
    if params.complexity in capabilities.complexity:
        fields["complexity"] = params.complexity
    return fields


def request_files(photo: EncodedImage, templates: Sequence[TemplateImage]) -> list[File]:
    """The file fields, the photo first."""
    return [
        ("image[]", (f"image-{number}.{one.media_type.rpartition('/')[2]}", one.data, one.media_type))
        for number, one in enumerate((photo, *templates), start=1)
    ]
