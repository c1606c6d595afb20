"""Ready-made looks for AI providers: data beside this file, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from appliance.core.by_language import ByLanguage
from appliance.staff.looks.schemas import Look, LookList

_FILE = Path(__file__).parent / "looks.toml"


@cache
def ready_made() -> LookList:
    """All of them; each prompt ends with what keeps the guests as they are."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    keep = ByLanguage.model_validate(data["keep"])
    for look in data["looks"]:
        said = look["prompt"]
        look["prompt"] = {code: f"{text}\n{keep.in_language(code)}" for code, text in said.items()}
    return LookList.model_validate(data)


def find(look_id: str) -> Look | None:
    """One look, if there is such."""
    return next((look for look in ready_made().looks if look.id == look_id), None)
