"""Picture bytes on their way from one feature to another."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Picture bytes ready to be sent or stored, with their media type."""

    data: bytes = field(repr=False)
    media_type: str
