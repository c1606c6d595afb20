"""The parameters of a provider's operation, as a slot keeps them and a driver takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from appliance.core.frozen import StrictModel


class Params(StrictModel):
    """Base of every operation's parameters: frozen, and unknown names are refused.

    ``timed_by``: those on which it depends how long a picture takes. ``retired``: names of before, which
    slots that were saved then may still have; they are dropped.
    """

    timed_by: ClassVar[tuple[str, ...]] = ()
    retired: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not cls.retired:
            return values
        return {name: value for name, value in values.items() if name not in cls.retired}
