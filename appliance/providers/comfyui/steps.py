"""The steps of a run, as ComfyUI tells them over its websocket. They are shown, and nothing depends on them:
a socket that is refused, breaks or never says anything costs no picture.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from appliance.providers.http import MIB
from appliance.providers.pool import tls_context

log = structlog.get_logger()

OPEN_SECONDS = 5.0
CLOSE_SECONDS = 1.0
MAX_MESSAGE_BYTES = 4 * MIB  # previews come too; a larger message ends the listening
MAX_WAITING = 4  # messages read ahead
MOST_STEPS = 100_000  # more is no number that anybody counts with
_QUIET = logging.getLogger("appliance.comfyui.socket")
_QUIET.setLevel(logging.CRITICAL)  # what is worth a line is said below, once


class _Node(BaseModel):
    value: float = 0
    max: float = 0
    state: str = "running"
    prompt_id: str | None = None  # older machines leave it out; the message is for this client all the same

    @property
    def counts(self) -> bool:
        """Whether it is at work, and in more than one step."""
        return self.state == "running" and 1 < self.max < MOST_STEPS and 0 <= self.value <= self.max


class _Nodes(BaseModel):
    prompt_id: str
    nodes: dict[str, _Node] = {}


class _Message(BaseModel):
    type: str
    data: dict[str, Any] = {}


class _Socket(connect):
    """A connection to the address that was set, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Go nowhere else."""
        return exc


@dataclass(slots=True)
class Steps:
    """What is said of one run. ``run_id`` is set anew where the machine gives an id of its own."""

    base_url: str
    client_id: str
    run_id: str
    tell: Callable[[int, int], None]

    async def listen(self) -> None:
        """Tell every step, until the socket ends or this is cancelled."""
        url = f"ws{self.base_url.removeprefix('http')}/ws?clientId={quote(self.client_id)}"
        try:
            async with _Socket(
                url,
                ssl=tls_context() if url.startswith("wss:") else None,
                proxy=None,
                compression=None,
                user_agent_header="PhotoChanger",
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=MAX_WAITING,
                logger=_QUIET,
            ) as socket:
                async for message in socket:
                    self.hear(message)
        except (OSError, ValueError, WebSocketException) as error:
            log.info("comfyui.no_steps", error=type(error).__name__)

    def hear(self, message: str | bytes) -> None:
        """Tell the step that ``message`` names; previews and all other messages are left alone."""
        if isinstance(message, bytes) or '"progress' not in message:
            return
        try:
            node = self._at_work(_Message.model_validate_json(message))
        except ValidationError:
            return
        if node is not None and node.counts:
            self.tell(round(node.value), round(node.max))

    def _at_work(self, message: _Message) -> _Node | None:
        """The node of this run that counts its steps now."""
        if message.type == "progress":
            node = _Node.model_validate(message.data)
            return node if node.prompt_id in {None, self.run_id} else None
        if message.type == "progress_state":  # sent to every client
            state = _Nodes.model_validate(message.data)
            if state.prompt_id == self.run_id:
                return next((node for node in state.nodes.values() if node.counts), None)
        return None
