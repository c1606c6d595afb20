"""The parameters of a ComfyUI workflow: the admin form and the API schema are made from them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field, field_validator

from appliance.core.json_text import object_from_json
from appliance.core.language import Message
from appliance.providers.base import Operation, Params
from appliance.providers.comfyui.graph import parse_workflow
from appliance.providers.params import seed_field, words_field

LONGEST_WORKFLOW = 80_000  # characters; as a form it grows to twice that, and 256 kB are taken there
LONGEST_PROMPT = 20_000
ROLES = ("reference", "background")
NODE = r"^[^\s.]{0,64}$"
PLACE = r"^([^\s.]{1,64}\.\S{1,64})?$"


class WorkflowParams(Params):
    """Make the picture with a workflow of your own."""

    workflow: str = Field(
        title="Workflow",
        description="A workflow in API format: in ComfyUI choose 'File', 'Export (API)'.",
        min_length=1,
        max_length=LONGEST_WORKFLOW,
        json_schema_extra={"x-workflow": True},
    )
    photo_node: str = Field(
        default="",
        title="The photo goes to",
        description="The node that loads the guest's photo.",
        pattern=NODE,
        json_schema_extra={"x-node": "photo"},
    )
    output_node: str = Field(
        default="",
        title="The picture comes from",
        description="The node that outputs the finished picture.",
        pattern=NODE,
        json_schema_extra={"x-node": "output"},
    )
    prompt: str = words_field(LONGEST_PROMPT, "Prompt", "Empty keeps the workflow's own words.")
    negative_prompt: str = words_field(
        LONGEST_PROMPT, "Negative prompt", "What must not appear; empty keeps the workflow's own words."
    )
    prompt_place: str = Field(
        default="", title="The prompt goes to", pattern=PLACE, json_schema_extra={"x-node": "prompt"}
    )
    negative_place: str = Field(
        default="",
        title="The negative prompt goes to",
        pattern=PLACE,
        json_schema_extra={"x-node": "negative"},
    )
    reference_node: str = Field(
        default="",
        title="The reference template goes to",
        pattern=NODE,
        json_schema_extra={"x-node": "template"},
    )
    background_node: str = Field(
        default="",
        title="The background template goes to",
        pattern=NODE,
        json_schema_extra={"x-node": "template"},
    )
    seed: int | None = seed_field(2**53 - 1)
    no_files: bool = Field(
        default=True,
        title="Leave no pictures on that machine",
        description="Replaces SaveImage with PreviewImage: ComfyUI keeps whatever SaveImage writes for ever.",
    )
    values: str = Field(
        default="",
        title="Other values",
        description="Anything left empty stays as it is in the workflow.",
        max_length=10_000,
        json_schema_extra={"x-json": True, "x-places": True},
    )

    def timing(self) -> list[str]:
        """Two workflows have nothing in common, and steps and sizes are among the other values."""
        made_by = hashlib.sha256(f"{self.workflow}\0{self.values}".encode()).hexdigest()
        return [f"workflow={made_by[:12]}"]

    @field_validator("workflow")
    @classmethod
    def _is_a_workflow(cls, text: str) -> str:
        return json.dumps(parse_workflow(text), separators=(",", ":"), ensure_ascii=False)

    @field_validator("values")
    @classmethod
    def _is_an_object(cls, text: str) -> str:
        other_values(text)
        return text


def other_values(text: str) -> dict[str, Any]:
    """``values`` as the object that it is; raises ``ValueError`` for anything else."""
    found = object_from_json(text)
    for name, value in found.items():
        if not isinstance(value, str | int | float | bool):
            text = Message("%(name)s must be a number, a text, true or false", name=name)
            raise ValueError(text)  # noqa: TRY004 - a finding
    return found


OPERATIONS: dict[str, Operation] = {
    "workflow": Operation(WorkflowParams, "Workflow", dict.fromkeys(ROLES, False)),
}
