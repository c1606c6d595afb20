"""What ComfyUI answers, and what that means."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, Field, RootModel, ValidationError

from appliance.providers.base import (
    ProviderError,
    ProviderNoImage,
    ProviderPermanent,
    ProviderUnreachable,
)
from appliance.providers.http import Answer, status_error
from appliance.providers.scrub import scrub, word

Secrets = tuple[str | None, ...]
# Of the card, or of the machine where models are loaded from.
_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


class File(BaseModel):
    """A file on that machine."""

    name: str = Field(validation_alias="filename")
    subfolder: str = ""
    type: str = "output"


class Uploaded(BaseModel):
    """Where an uploaded picture lies: not always where it was sent."""

    name: str
    subfolder: str = ""
    type: str = "input"

    @property
    def as_input(self) -> str:
        """How a ``LoadImage`` node names it."""
        path = f"{self.subfolder}/{self.name}" if self.subfolder else self.name
        return path if self.type == "input" else f"{path} [{self.type}]"


class _Problem(BaseModel):
    type: str = ""
    message: str = ""
    details: str = ""


class _NodeErrors(BaseModel):
    errors: list[_Problem] = []
    dependent_outputs: list[str] = []
    class_type: str = ""


_ByNode = dict[str, _NodeErrors] | list[Any]  # older machines write a list for none


def _first_error(by_node: _ByNode, status: int, secrets: Secrets) -> ProviderError | None:
    if isinstance(by_node, dict):
        for number, node in by_node.items():
            for problem in node.errors:
                text = f"node {number} {node.class_type}: {problem.message}: {problem.details}"
                return ProviderPermanent(
                    word(problem.type, "node_error"), scrub(text, secrets), http_status=status
                )
    return None


class Submitted(BaseModel):
    """A place in the queue. It is given where one output can be made, whatever is wrong with others."""

    prompt_id: str
    node_errors: _ByNode = {}

    def why_not(self, output: str, secrets: Secrets) -> ProviderError | None:
        """Why ``output`` will not be made; ``None`` if it will."""
        if not isinstance(self.node_errors, dict):
            return None
        of_output = {
            number: node for number, node in self.node_errors.items() if output in node.dependent_outputs
        }
        return _first_error(of_output, 200, secrets)


class RefusedPrompt(BaseModel):
    """Why a graph was not taken."""

    error: _Problem | str  # a word on older machines
    node_errors: _ByNode = {}

    def as_error(self, status: int, secrets: Secrets) -> ProviderError:
        """Sent again, the same graph is refused again."""
        if found := _first_error(self.node_errors, status, secrets):
            return found
        if isinstance(self.error, str):
            return ProviderPermanent("invalid_prompt", scrub(self.error, secrets), http_status=status)
        text = f"{self.error.message}: {self.error.details}"
        reason = word(self.error.type, "invalid_prompt")
        if reason == "invalid_prompt" and "does not exist" in text:  # as machines say it until 2025
            reason = "missing_node_type"
        return ProviderPermanent(reason, scrub(text, secrets), http_status=status)


class _Outputs(BaseModel):
    images: list[File] = []


class _Status(BaseModel):
    status_str: str = ""
    completed: bool = False
    messages: list[tuple[str, dict[str, Any]]] = []


class Run(BaseModel):
    """What the history says of a run that has ended."""

    outputs: dict[str, Any] = {}
    status: _Status | None = None

    def picture(self, node: str, run_id: str, secrets: Secrets) -> File:
        """The file that ``node`` handed out, also where another output failed; raises why there is none."""
        try:
            return _Outputs.model_validate(self.outputs.get(node, {})).images[-1]
        except (ValidationError, IndexError):
            pass
        if self.status is not None and (self.status.status_str == "error" or not self.status.completed):
            raise self._failure(run_id, secrets)
        raise ProviderNoImage("no_image", http_status=200, response_id=run_id)

    def _failure(self, run_id: str, secrets: Secrets) -> ProviderError:
        facts: dict[str, Any] = {"http_status": 200, "response_id": run_id}
        for name, said in reversed(self.status.messages if self.status else []):
            if name == "execution_interrupted":
                return ProviderUnreachable(name, "somebody stopped it on that machine", **facts)
            if name == "execution_error":
                kind, text = str(said.get("exception_type", "")), str(said.get("exception_message", ""))
                detail = scrub(f"{said.get('node_type', '')}: {text}", secrets)
                if "OutOfMemory" in kind or _OUT_OF_MEMORY.search(text):
                    return ProviderUnreachable("out_of_memory", detail, **facts)
                # The machine did its part, and other workflows may be all right.
                error = ProviderNoImage("execution_error", detail, **facts)
                error.again = False  # the same photo takes the same way through the same nodes
                return error
        return ProviderUnreachable("execution_failed", **facts)


class History(RootModel[dict[str, Run]]):
    """Runs that have ended, by id; none for one that has not."""


class NodeFacts(RootModel[dict[str, dict[str, Any]]]):
    """What is known of a kind of node; nothing for one that is not there."""


class Queue(BaseModel):
    """What runs and what waits: each entry has the run's id in second place."""

    queue_running: list[list[Any]] = []
    queue_pending: list[list[Any]] = []

    def position(self, run_id: str) -> int | None:
        """How many are to be made before it; 0: it runs; ``None``: it is not there."""
        if any(entry[1] == run_id for entry in self.queue_running if len(entry) > 1):
            return 0
        waiting = sorted(self.queue_pending, key=lambda entry: entry[0] if entry else 0)
        ids = [entry[1] for entry in waiting if len(entry) > 1]
        return ids.index(run_id) + len(self.queue_running) if run_id in ids else None


# What a proxy before ComfyUI answers, or another server at its address.
_IN_BETWEEN = {
    401: "machine_locked",
    403: "machine_locked",
    404: "not_comfyui",
    405: "not_comfyui",
    413: "request_too_large",
}


class _System(BaseModel):
    comfyui_version: str | None = None


class Stats(BaseModel):
    """What that machine says of itself; nothing else answers so."""

    system: _System
    devices: list[dict[str, Any]]


def failure(answer: Answer) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for; ComfyUI has mostly no words for it."""
    if reason := _IN_BETWEEN.get(answer.status):
        return ProviderPermanent(reason, http_status=answer.status)
    return status_error(answer, f"http_{answer.status}" if answer.status < 500 else "")
