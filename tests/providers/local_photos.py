"""Real photographs as files, and the request that hands them to the local driver."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from appliance.core.clock import Deadline
from appliance.providers.base import EditedImage, EditRequest, EncodedImage, Params, TemplateImage
from appliance.providers.local.driver import LocalDriver


@dataclass(frozen=True)
class FilePhoto:
    path: Path
    media_type: str = "image/jpeg"
    width: int = 0
    height: int = 0

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        raise NotImplementedError


def portrait() -> Image.Image:
    """A woman's portrait, 380 by 512."""
    return Image.fromarray(skimage.data.astronaut()).crop((60, 0, 440, 512))


def table_top() -> Image.Image:
    """A cup on a table, 600 by 400."""
    return Image.fromarray(skimage.data.coffee())


def save(image: Image.Image, path: Path, **options: object) -> FilePhoto:
    image.save(path, **({"quality": 95} | options))
    return FilePhoto(path)


async def edit(
    driver: LocalDriver,
    photo: FilePhoto,
    operation: str,
    params: Params | None = None,
    *,
    job_id: str = "job-1",
    templates: tuple[TemplateImage, ...] = (),
) -> EditedImage:
    params = params or driver.operations[operation].params()
    request = EditRequest(job_id, photo, operation, params, templates=templates)
    return await driver.edit(request, Deadline.after(30))


def pixels(edited: EditedImage, size: tuple[int, int] | None = None) -> np.ndarray:
    """The picture's pixels as numbers, shrunk to ``size`` if given."""
    image = Image.open(BytesIO(edited.data)).convert("RGB")
    return np.asarray(image.resize(size, Image.Resampling.BOX) if size else image, dtype=np.float32)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The mean distance between two pictures, in steps of 0..255."""
    return float(np.abs(one - other).mean())
