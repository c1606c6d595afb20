"""Stand-ins for the AI providers' servers: the real wire contract, and scripts of every failure."""

from tests.standins.base import Call, StandIn, with_errors
from tests.standins.bfl import bfl_app
from tests.standins.comfyui import comfyui_app
from tests.standins.fal import fal_app
from tests.standins.gemini import gemini_app
from tests.standins.openai import openai_app
from tests.standins.script import Script, Step, by_chance
from tests.standins.server import Running, running
from tests.standins.turbotext import turbotext_app

__all__ = [
    "Call",
    "Running",
    "Script",
    "StandIn",
    "Step",
    "bfl_app",
    "by_chance",
    "comfyui_app",
    "fal_app",
    "gemini_app",
    "openai_app",
    "running",
    "turbotext_app",
    "with_errors",
]
