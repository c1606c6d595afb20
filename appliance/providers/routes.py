"""What is to be made of a photo: a primary route and its fallbacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.providers.base import Params, TemplateImage

MAX_FALLBACKS = 3
LOCAL = "local"  # the provider that is this machine itself


@dataclass(frozen=True, slots=True)
class Route:
    """One way to make the picture: a provider's operation, its model and typed parameters.

    ``input_max_side`` is the longest side, in pixels, of the photo as it is sent; ``None`` sends
    the original file.
    """

    provider: str
    operation: str
    model: str | None
    params: Params = field(repr=False)
    templates: tuple[TemplateImage, ...] = field(default=(), repr=False)
    input_max_side: int | None = 2048

    @property
    def by_ai(self) -> bool:
        """Whether a model makes the picture, and not this machine's own looks."""
        return self.provider != LOCAL

    @property
    def name(self) -> str:
        """Under which name this route is shown and its circuit kept: provider and model."""
        return f"{self.provider}/{self.model or self.operation}"

    @property
    def timed_as(self) -> str:
        """Under which name its times are kept: the name, and what is asked for that changes the time."""
        return " ".join([self.name, *self.params.timing()])


@dataclass(frozen=True, slots=True)
class EditPlan:
    """A job's routes, the best first. ``hedge``: the second may race the first, which costs money."""

    job_id: str
    routes: tuple[Route, ...]
    hedge: bool = False
