"""Slots as tests configure them."""

from __future__ import annotations

from typing import Any


def with_gemini(**more: Any) -> dict[str, Any]:
    """A slot that asks Gemini; ``more`` changes or adds columns."""
    return {
        "active": True,
        "provider": "gemini",
        "operation": "image_edit",
        "model": "gemini-2.5-flash-image",
        "params": {"prompt": "make it a painting"},
        "fallbacks": [],
        "hedge": False,
        "prompt": {},
        "output": {},
        **more,
    }
