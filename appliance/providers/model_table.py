"""The models of a provider by name, each with what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

Capabilities = TypeVar("Capabilities")


class ModelTable(Generic[Capabilities]):
    """Models by name; the first one is the default."""

    def __init__(self, models: Mapping[str, Capabilities]) -> None:
        self._models = dict(models)
        self.names = tuple(self._models)
        self.default = next(iter(self._models), "")

    def get(self, model: str | None) -> Capabilities | None:
        """What ``model`` (``None``: the default one) takes; ``None`` if it is not known."""
        return self._models.get(model or self.default)
