"""The provider that needs no provider: looks made on this machine, in a few threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, ClassVar, cast

import pyvips

from appliance.core.apart import ApartFailed
from appliance.core.clock import Deadline, utcnow
from appliance.core.decoding import DamagedPicture
from appliance.core.language import Message
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    GuestPhoto,
    Operation,
    Params,
    ProviderPermanent,
)
from appliance.providers.local import drawing, looks, settings
from appliance.providers.local.frame import frame
from appliance.providers.local.photo import encode, open_large_photo, open_photo
from appliance.providers.local.work import Work, WorkStopped
from appliance.providers.problems import no_models

# The longest side any print's window has, with room for a crop.
PRINT_SIDE = 3000
# Pixels of the photo: more than this and it is opened in a process of its own that steps back, one after the
# other, so that ordinary photos keep the processors and the threads.
LARGE = 33_000_000

Draw = Callable[[pyvips.Image, Any, Work], pyvips.Image]

LOOKS: dict[str, tuple[Operation, Draw]] = {
    "monochrome": (Operation(settings.Monochrome, "Black and white"), looks.monochrome),
    "vintage": (Operation(settings.Vintage, "Vintage print"), looks.vintage),
    "duotone": (Operation(settings.Duotone, "Two colours"), looks.duotone),
    "pop": (Operation(settings.Pop, "Pop art, four prints"), looks.pop),
    "glow": (Operation(settings.Glow, "Soft glow"), looks.glow),
    "sketch": (Operation(settings.Sketch, "Pencil sketch"), drawing.sketch),
    "comic": (Operation(settings.Comic, "Comic"), drawing.comic),
    "frame": (Operation(settings.Frame, "Framed print", {"logo": False}), frame),
}


class LocalDriver:
    """Makes the looks. Nothing leaves the machine; ``aclose`` ends its threads.

    At most ``workers`` pictures are made at once (the number of cores if not given); the others
    wait in line while their deadlines allow. ``now`` returns aware time, for today's date.
    """

    name: ClassVar[str] = "local"
    needs_key: ClassVar[bool] = False
    operations: ClassVar[dict[str, Operation]] = {name: operation for name, (operation, _) in LOOKS.items()}

    def __init__(self, *, workers: int | None = None, now: Callable[[], datetime] = utcnow) -> None:
        # vips would keep up to 100 MB of finished operations; no two photos share any.
        pyvips.cache_set_max(0)
        self._now = now
        self._running: set[Work] = set()
        self._pool = ThreadPoolExecutor(
            max_workers=workers or os.cpu_count() or 1, thread_name_prefix="local-look"
        )
        self._large = ThreadPoolExecutor(1, thread_name_prefix="local-look-large")

    @property
    def models(self) -> tuple[str, ...]:
        """None: the operations are all there is to choose."""
        return ()

    def choices(self, operation: str, model: str | None) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - no models
        """None: there are no models that differ."""
        return {}

    def typical_seconds(self, operation: str, model: str | None) -> float:  # noqa: ARG002 - part of the interface
        """How long a camera's own file usually takes, in seconds."""
        return 1.5

    def problems(
        self,
        operation: str,  # noqa: ARG002 - part of the interface
        params: Params,
        model: str | None,
        roles: frozenset[str],  # noqa: ARG002 - a logo is welcome but never needed
    ) -> dict[str, str]:
        """What the models cannot say by themselves: a date text that is asked for but empty."""
        found: dict[str, str] = {}
        if model:
            found["model"] = no_models(self.name)
        if isinstance(params, settings.Frame) and params.date == "text" and not params.date_text.strip():
            found["params.date_text"] = Message("write the date text, or choose another kind of date")
        return found

    async def edit(self, request: EditRequest, deadline: Deadline) -> EditedImage:
        """Make the picture before ``deadline`` ends, else ``TimeoutError``.

        Raises ``ProviderPermanent`` for an unknown operation, parameters of another operation,
        or a photo or a logo that cannot be decoded.
        """
        _check(request)
        if deadline.remaining() <= 0:
            raise TimeoutError
        work = Work(request.job_id, self._now(), request.templates)
        self._running.add(work)
        try:
            async with deadline.guard():
                loop = asyncio.get_running_loop()
                threads = self._large if _is_large(request.photo) else self._pool
                return await loop.run_in_executor(threads, _make, request, work)
        except WorkStopped:
            raise TimeoutError from None
        finally:
            # Also when the task was cancelled: the thread must not finish a picture for nobody.
            work.stop()
            self._running.discard(work)

    async def probe(self, api_key: str, deadline: Deadline, model: str | None = None) -> bool:
        """Nothing to touch: the looks are always there."""
        del api_key, deadline, model
        return True

    async def aclose(self) -> None:
        """Stop what is running and end the threads; waits for the tiles being computed only."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """``aclose`` for a caller without an event loop."""
        for work in tuple(self._running):
            work.stop()
        for threads in (self._pool, self._large):
            threads.shutdown(wait=True, cancel_futures=True)


def _check(request: EditRequest) -> None:
    if request.operation not in LOOKS:
        known = ", ".join(LOOKS)
        raise ProviderPermanent("unknown_operation", f"the local looks are {known}")
    expected = LOOKS[request.operation][0].params
    if not isinstance(request.params, expected):
        raise ProviderPermanent("wrong_params", f"{request.operation} takes {expected.__name__}")


def _make(request: EditRequest, work: Work) -> EditedImage:
    """The whole job, in a thread: open, look, encode."""
    _, draw = LOOKS[request.operation]
    params = cast("settings.Output", request.params)
    opened = open_large_photo if _is_large(request.photo) else open_photo
    try:
        photo = opened(request.photo.path, _opening_side(params), work)
    except (OSError, pyvips.Error, DamagedPicture, ApartFailed) as error:
        work.check()
        raise ProviderPermanent("undecodable_photo", "the photo cannot be decoded") from error
    try:
        return encode(draw(photo, params, work), params.quality, work)
    except pyvips.Error as error:
        work.check()
        raise ProviderPermanent("look_failed", "the picture could not be computed") from error


def _is_large(photo: GuestPhoto) -> bool:
    return photo.width * photo.height > LARGE


def _opening_side(params: settings.Output) -> int:
    """How large, in pixels, the photo is opened: a print has its own size, the rest is as asked."""
    return PRINT_SIDE if isinstance(params, settings.Frame) else params.max_side
