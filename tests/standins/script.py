"""What a stand-in plays: one step a picture, in order, then the same for ever."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

REDIRECT_TARGET = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True, slots=True)
class Step:
    """How one picture's call goes.

    Any provider: ``ok``, ``slow`` (``seconds``), ``silent`` (accepts and never answers),
    ``stall`` (headers and a little, then nothing), ``reset``, ``cut_off`` (closed half-way),
    ``unavailable`` (503), ``server_error`` (500), ``bad_gateway`` (502, HTML), ``quota`` (429 with
    ``retry_after``), ``key_revoked`` (from now on, for this key), ``html_page``, ``truncated_json``,
    ``wrong_type``, ``redirect``, ``endless``, ``huge`` (a 30 MB picture), ``no_image``, ``refused``,
    ``broken_picture``, ``bad_request`` (quotes the whole request back).
    Gemini: ``prompt_blocked``, ``finish`` (no picture, for the ``reason``), ``text_only``,
    ``no_candidates``, ``broken_base64``, ``thought_first``, ``drafts`` (smaller pictures before the
    final one), ``refused_late`` (drafts, then a refusal), ``snake_case``, ``signatures`` (2 MB beside
    each part), and the refusals of ``gemini_errors.py``. OpenAI: ``broken_base64`` and the refusals
    of ``openai.ERRORS``. ``spelling`` is how base64 is written: ``urlsafe``, ``unpadded``, ``lines``,
    ``data_url``.
    Turbotext: ``reconnect`` (``times``), ``face_not_detected``, ``quality_limit``, ``params_error``,
    ``missing_once`` (the download; ``times``), ``inside_data``, ``relative``, ``elsewhere``
    (``address``), ``poll_fails`` (``times``), ``refused_at_top``, ``no_uploads``.
    fal: ``poll_fails`` (``times``), ``never_done``, ``nsfw``, ``single``, ``other_form`` (no place for
    pictures), ``odd_form``, ``run_failed`` (``times`` over 1: worth another try), ``passed_on`` (another
    service's error, worth another try), ``no_media``, ``no_face``, ``result_lost`` (once; the ``reason`` is
    how), ``app_timeout``, ``conflict``, ``forbidden``, ``empty_account``, ``elsewhere`` (``address``).
    ComfyUI: ``never_done``, ``look_fails``, ``restart``, ``out_of_memory``, ``no_ram``, ``execution_error``,
    ``other_output_fails`` (after ours was made), ``interrupted``, ``taken_silently`` (the run is queued, and
    nobody told), ``taken_late`` (after ``seconds``, whether or not anybody waits),
    ``watched`` (goes on only once its client listens),
    ``watched_previews`` (with many pictures in between), ``watched_closing`` (hangs up),
    ``held_at_step`` (``times``; watched, until ``held`` is set).
    BFL: ``output_refused``, ``run_error``, ``run_failed``, ``run_unavailable`` (503, with the task's state),
    ``reasoning`` (the newer words for a task at work), ``lost``, ``poll_fails``, ``unknown_first`` and
    ``unknown_between`` (``times``), ``polled_at`` and ``elsewhere`` (``address``),
    ``forbidden``, ``empty_account``.
    ``headers`` are added to an error. ``picture``: these bytes are the answer's picture.
    """

    name: str = "ok"
    seconds: float = 0.0
    times: int = 1
    retry_after: float | None = None
    address: str = ""
    reason: str = ""
    spelling: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    picture: bytes = field(default=b"", repr=False)


Steps = Iterable["Step | str"]


class Script:
    """Steps in order, then ``then`` for ever; a key may have steps of its own."""

    def __init__(
        self, steps: Steps = (), *, then: Step | str = "ok", by_key: Mapping[str, Steps] | None = None
    ) -> None:
        self._steps = iter(steps)
        self._then = _step(then)
        self._by_key = {key: iter(own) for key, own in (by_key or {}).items()}
        self._lock = threading.Lock()

    def next(self, key: str) -> Step:
        """The step of the next picture asked for with ``key``."""
        with self._lock:
            return _step(next(self._by_key.get(key, self._steps), self._then))


def _step(step: Step | str) -> Step:
    return Step(step) if isinstance(step, str) else step


def by_chance(shares: Mapping[str | Step, float], *, seed: int = 1) -> Iterator[Step]:
    """Endless steps: each of ``shares`` with its probability, ``ok`` otherwise."""
    chance = random.Random(seed)
    names = [*shares, "ok"]
    weights = [*shares.values(), 1.0 - sum(shares.values())]
    while True:
        yield _step(chance.choices(names, weights)[0])
