"""What the remote drivers' tests share: one bench per provider, with its stand-in running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from appliance.core.clock import Deadline
from appliance.providers.base import EditedImage, EditRequest, EncodedImage, Params
from appliance.providers.bfl import settings as bfl_settings
from appliance.providers.bfl.driver import BflDriver
from appliance.providers.comfyui.driver import ComfyUIDriver
from appliance.providers.comfyui.settings import WorkflowParams
from appliance.providers.download import Downloader
from appliance.providers.fal import settings as fal_settings
from appliance.providers.fal.driver import FalDriver
from appliance.providers.gemini import settings as gemini_settings
from appliance.providers.gemini.driver import GeminiDriver
from appliance.providers.openai import settings as openai_settings
from appliance.providers.openai.driver import OpenAIDriver
from appliance.providers.pool import build_client
from appliance.providers.turbotext import settings as turbotext_settings
from appliance.providers.turbotext.driver import TurbotextDriver
from tests.providers.photos import photo_in
from tests.standins import (
    Script,
    StandIn,
    bfl_app,
    comfyui_app,
    fal_app,
    gemini_app,
    openai_app,
    running,
    turbotext_app,
    with_errors,
)
from tests.standins.base import PAGE

KEY = "test-key-0123456789abcdef-secret"
WORKFLOW = (Path(__file__).parents[1] / "standins" / "workflow.json").read_text(encoding="utf-8")
PROMPT = "Ivan Petrov of table nine as a pirate captain on a stormy sea"
RemoteDriver = BflDriver | ComfyUIDriver | FalDriver | GeminiDriver | OpenAIDriver | TurbotextDriver
STANDINS = {
    "bfl": bfl_app,
    "comfyui": comfyui_app,
    "fal": fal_app,
    "gemini": gemini_app,
    "openai": openai_app,
    "turbotext": turbotext_app,
}
SETTINGS = {
    "bfl": bfl_settings,
    "fal": fal_settings,
    "gemini": gemini_settings,
    "openai": openai_settings,
    "turbotext": turbotext_settings,
}


@dataclass
class Lender:
    """A ``MediaPublisher`` with a real server behind it."""

    base_url: str = ""
    images: dict[str, EncodedImage] = field(default_factory=dict)

    def publish(self, image: EncodedImage) -> str:
        token = f"token-{len(self.images)}"
        self.images[token] = image
        return f"{self.base_url}/public/provider-media/{token}"

    async def serve(self, request: Request) -> Response:
        image = self.images.get(request.path_params["token"])
        return Response(image.data, media_type=image.media_type) if image else Response(PAGE, 410)


class LenderServer(StandIn):
    name = "lender"

    def __init__(self, lender: Lender) -> None:
        self.lender = lender
        super().__init__()

    def build(self) -> Starlette:
        return Starlette(routes=[Route("/public/provider-media/{token}", self.lender.serve)])

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        raise NotImplementedError


@dataclass
class Bench:
    """A driver, the stand-in that it talks to, and a request to make."""

    driver: Any
    standin: Any
    base_url: str
    request: EditRequest

    async def edit(self, seconds: float = 10.0, **changes: Any) -> EditedImage:
        """Edit the photo; ``changes`` are the request's fields."""
        request = EditRequest(**{**{name: getattr(self.request, name) for name in FIELDS}, **changes})
        return await self.driver.edit(request, Deadline.after(seconds))


FIELDS = (
    "job_id", "photo", "operation", "params", "model", "templates", "input_max_side", "api_key", "publisher",
)  # fmt: skip


def image_edit(provider: str, **params: Any) -> Params:
    """The ``image_edit`` parameters of a provider."""
    if provider == "comfyui":
        return WorkflowParams(**{"workflow": WORKFLOW, "prompt": PROMPT, **params})
    return SETTINGS[provider].ImageEditParams(**{"prompt": PROMPT, **params})


@asynccontextmanager
async def bench(
    provider: str,
    folder: Path,
    script: Script | None = None,
    *,
    driver: dict[str, Any] | None = None,
    errors: Callable[[Any], Any] | None = None,
    **standin: Any,
) -> AsyncIterator[Bench]:
    """A driver of ``provider`` against its stand-in, which plays ``script``.

    ``errors`` makes the JSON of its errors another one.
    """
    standin = {"keys": [KEY], **standin}
    options = driver or {}
    async with AsyncExitStack() as stack:
        other_side = STANDINS[provider](script, **standin)
        server = await stack.enter_async_context(
            running(with_errors(other_side, errors) if errors else other_side)
        )
        client = await stack.enter_async_context(build_client(server.base_url))
        lender = Lender()
        client_driver: RemoteDriver
        quick = Downloader(client, server.base_url, waits=(0.02, 0.05))
        if provider == "turbotext":
            lent = await stack.enter_async_context(running(LenderServer(lender)))
            lender.base_url = lent.base_url
            pauses = {"poll_seconds": 0.02, "create_waits": (0.02, 0.05)}
            options = {"can_publish": True, "downloader": quick, **pauses, **options}
            client_driver = TurbotextDriver(client, base_url=server.base_url, **options)
        elif provider == "bfl":
            options = {"poll_seconds": 0.01, "downloader": quick, **options}
            client_driver = BflDriver(client, base_url=server.base_url, **options)
        elif provider == "comfyui":
            options = {"poll_seconds": 0.01, **options}
            client_driver = ComfyUIDriver(client, base_url=server.base_url, **options)
            stack.push_async_callback(client_driver._background.aclose)
        elif provider == "fal":
            options = {"poll_seconds": 0.01, "downloader": quick, **options}
            client_driver = FalDriver(client, base_url=server.base_url, **options)
            stack.push_async_callback(client_driver._background.aclose)
        else:
            kinds = {"gemini": GeminiDriver, "openai": OpenAIDriver}
            client_driver = kinds[provider](client, base_url=server.base_url, **options)
        request = EditRequest(
            job_id="job-1",
            photo=photo_in(folder),
            operation="workflow" if provider == "comfyui" else "image_edit",
            params=image_edit(provider),
            api_key=KEY,
            publisher=lender if provider == "turbotext" else None,
        )
        yield Bench(client_driver, server.standin, server.base_url, request)
