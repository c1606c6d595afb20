"""The JSON form of a booth's answer."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field

from appliance.core.frozen import FrozenModel
from appliance.core.images import JPEG

_ID = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"


class IngestReply(FrozenModel):
    """A photo's picture is ready."""

    job_id: uuid.UUID = Field(examples=[_ID])
    status: Literal["done"] = "done"
    public_url: str = Field(description="path of the guest's link", examples=[f"/public/results/{_ID}"])
    absolute_public_url: str = Field(
        description="the guest's full link, as in `X-Public-Url`",
        examples=[f"http://192.168.1.20:8080/public/results/{_ID}"],
    )
    media_type: str = Field(examples=[JPEG.media_type])
    size: int = Field(description="size of the picture in bytes", examples=[812345])
