"""What is noted of a multipart upload while it comes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ArrivedPart:
    """A part as it came, whether or not it was taken: of a field also its text."""

    name: str
    file_name: str | None
    media_type: str
    size: int = 0
    text: str | None = None  # of a field that came whole
