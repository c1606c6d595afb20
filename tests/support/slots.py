"""Slots as tests configure them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.stack import Stack

WORKFLOW = (Path(__file__).parents[1] / "standins" / "workflow.json").read_text(encoding="utf-8")


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


async def set_slot(stack: Stack, slot_id: str, **values: Any) -> None:
    """Change columns of a slot of a stack that is the test's own: nothing puts them back."""
    names = ", ".join(values)
    marks = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    async with stack.database() as db:
        statement = f"update slot set ({names}) = row({marks}) where slot_id = $1"
        await db.execute(statement, slot_id, *values.values())


def with_workflow(**more: Any) -> dict[str, Any]:
    """A slot that runs the recorded workflow; ``more`` changes or adds columns."""
    params = {"workflow": WORKFLOW, "prompt": "{survey1|a guest} in a secret garden"}
    return {
        "active": True,
        "provider": "comfyui",
        "operation": "workflow",
        "model": None,
        "params": params,
        "fallbacks": [],
        "hedge": False,
        "prompt": {"fields": ["survey1"]},
        "output": {},
        **more,
    }
