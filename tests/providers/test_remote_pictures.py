"""Which bytes that a provider answers are a picture, whatever a loader calls them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from appliance.providers.base import ProviderNoImage
from tests.providers.remote import bench
from tests.standins import Script, Step
from tests.support.photos import case

ALL = ("bfl", "comfyui", "fal", "gemini", "openai", "turbotext")


@pytest.mark.parametrize("name", ["ultrahdr.jpg", "mpo.jpg", "no_eoi.jpg", "grey.jpg", "rgba16.png"])
@pytest.mark.parametrize("provider", ALL)
async def test_an_unusual_picture_that_is_whole_is_a_picture(provider, name, tmp_path):
    answered = case(name)
    async with bench(provider, tmp_path, Script([Step(picture=answered)])) as at:
        edited = await at.edit()
        assert edited.data == answered
        assert at.standin.pictures_asked() == 1
    with Image.open(io.BytesIO(answered)) as opened:
        assert (edited.width, edited.height) == opened.size


@pytest.mark.parametrize("name", ["small_half_eoi.jpg", "small_hole.jpg", "small_half_zeros.webp"])
@pytest.mark.parametrize("provider", ALL)
async def test_a_picture_that_is_damaged_inside_is_no_picture(provider, name, tmp_path):
    async with bench(provider, tmp_path, Script([Step(picture=case(name))])) as at:
        with pytest.raises(ProviderNoImage):
            await at.edit()
