"""What the stand-in for ComfyUI has: its nodes, and its check of a graph with the errors that it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Graph = dict[str, Any]
Error = dict[str, Any]

MODELS = ["dreamshaper_8.safetensors", "sd_xl_base_1.0.safetensors"]
# class: (inputs with what they may be, is it an output)
NODES: dict[str, tuple[dict[str, Any], bool]] = {
    "CheckpointLoaderSimple": ({"ckpt_name": MODELS}, False),
    "CLIPTextEncode": ({"text": "STRING", "clip": "CLIP"}, False),
    "LoadImage": ({"image": ["example.png"]}, False),
    "VAEEncode": ({"pixels": "IMAGE", "vae": "VAE"}, False),
    "VAEDecode": ({"samples": "LATENT", "vae": "VAE"}, False),
    "KSampler": (
        {
            "seed": "INT", "steps": "INT", "cfg": "FLOAT", "sampler_name": ["euler", "dpmpp_2m"],
            "scheduler": ["normal", "karras"], "denoise": "FLOAT", "model": "MODEL",
            "positive": "CONDITIONING", "negative": "CONDITIONING", "latent_image": "LATENT",
        },
        False,
    ),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, True),
    "PreviewImage": ({"images": "IMAGE"}, True),
    "PreviewAny": ({"source": "*"}, True),
}  # fmt: skip


class GraphCheck:
    """What ComfyUI finds wrong with ``graph``. ``there`` says whether there is a file of this name."""

    def __init__(self, graph: Graph, nodes: dict[str, Any], there: Callable[[str], bool]) -> None:
        self._graph, self._nodes, self._there = graph, nodes, there
        self.errors: dict[str, Error] = {}  # by node
        self.good: list[str] = []  # outputs that can be made

    def refusal(self) -> Error | None:
        """Why nothing of it can be run; ``None``: at least one output can, whatever is wrong with others."""
        for number, node in self._graph.items():
            kind = node.get("class_type")
            if kind not in self._nodes:
                title = node.get("_meta", {}).get("title", kind)
                text = f"Node '{title}' not found. The custom node may not be installed."
                more = {"node_id": number, "class_type": kind, "node_title": title}
                return said("missing_node_type", text, f"Node ID '#{number}'", more)
        outputs = [number for number, node in self._graph.items() if self._nodes[node["class_type"]][1]]
        if not outputs:
            return said("prompt_no_outputs", "Prompt has no outputs")
        for output in outputs:
            if not self._wrong_with(output, output):
                self.good.append(output)
        if self.good:
            return None
        return said("prompt_outputs_failed_validation", "Prompt outputs failed validation")

    def _wrong_with(self, number: str, output: str) -> bool:
        """Whether the node or one that it is made from has an error."""
        node = self._graph[number]
        links = [str(value[0]) for value in node["inputs"].values() if isinstance(value, list)]
        wrong = [self._wrong_with(link, output) for link in links]
        if found := list(self._errors_of(node)):
            known = self.errors.setdefault(
                number, {"errors": found, "dependent_outputs": [], "class_type": node["class_type"]}
            )
            if output not in known["dependent_outputs"]:
                known["dependent_outputs"].append(output)
        return bool(found) or any(wrong)

    def _errors_of(self, node: dict[str, Any]) -> list[Error]:
        kind, inputs = node["class_type"], self._nodes[node["class_type"]][0]
        found = []
        for name, allowed in inputs.items():
            value, more = node["inputs"].get(name), {"input_name": name}
            if value is None:
                found.append(said("required_input_missing", "Required input is missing", name, more))
            elif kind == "LoadImage":
                if not self._there(str(value)):
                    text = f"{name} - Invalid image file: {value}"
                    found.append(
                        said("custom_validation_failed", "Custom validation failed for node", text, more)
                    )
            elif isinstance(allowed, list) and value not in allowed:
                text = f"{name}: {value!r} not in {allowed}"
                more |= {"input_config": [allowed, {}], "received_value": value}
                found.append(said("value_not_in_list", "Value not in list", text, more))
            elif allowed == "INT" and not isinstance(value, list):
                try:
                    int(value)
                except ValueError as error:
                    text = "Failed to convert an input value to a INT value"
                    more |= {"input_config": ["INT", {}], "received_value": value}
                    more["exception_message"] = str(error)
                    found.append(said("invalid_input_type", text, f"{name}, {value}, {error}", more))
        return found


def said(kind: str, message: str, details: str = "", more: dict[str, Any] | None = None) -> Error:
    """An error as ComfyUI writes it."""
    return {"type": kind, "message": message, "details": details, "extra_info": more or {}}
