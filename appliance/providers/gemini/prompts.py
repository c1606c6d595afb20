"""The words around the operator's prompt. An ``image_edit`` prompt is sent as it is."""

from __future__ import annotations

from appliance.providers.base import Params
from appliance.providers.gemini.settings import (
    BackgroundReplaceParams,
    CombineParams,
    ImageEditParams,
    StyleTransferParams,
)

_KEEP_FACES = (
    "Keep every person: the same number of people, the same poses and expressions, and faces that "
    "their friends would recognise at once."
)
_ONE_PICTURE = "Answer with one finished picture only, without captions, borders or watermarks."


def prompt_for(params: Params, roles: tuple[str, ...]) -> str:
    """The whole prompt; ``roles`` are those of the template images, in the order sent."""
    match params:
        case ImageEditParams():
            return params.prompt
        case StyleTransferParams():
            return _joined(_style(roles), params.keep_faces and _KEEP_FACES, params.prompt, _ONE_PICTURE)
        case BackgroundReplaceParams():
            return _joined(_background(params, roles), params.prompt, _ONE_PICTURE)
        case CombineParams():
            return _joined(_combine(roles), params.keep_faces and _KEEP_FACES, params.prompt, _ONE_PICTURE)
        case _:
            raise TypeError(f"no prompt for {type(params).__name__}")


def _joined(*sentences: str | bool) -> str:
    return "\n".join(sentence.strip() for sentence in sentences if isinstance(sentence, str) and sentence)


def _style(roles: tuple[str, ...]) -> str:
    task = "The first image is a photo of guests at an event. Redraw the whole photo in "
    if not roles:
        return task + "the style that is described below."
    return (
        task + "the style of the other image: its colours, light, lines and textures. "
        "Take nothing but the style from it: none of its people, objects or words."
    )


def _background(params: BackgroundReplaceParams, roles: tuple[str, ...]) -> str:
    place = "the scene of the second image" if roles else "the background that is described below"
    light = (
        " Match the light, the shadows, the colours and the perspective on the people to the new scene."
        if params.match_light
        else ""
    )
    return (
        "The first image is a photo of guests at an event. Cut out all the people, with their hair, "
        f"clothes and whatever they hold, and put them in front of {place}. "
        f"Change nothing about the people themselves: faces, bodies, poses and clothes stay.{light}"
    )


def _combine(roles: tuple[str, ...]) -> str:
    meanings = {"background": "the background", "style": "the style to draw in"}
    listed = "".join(
        f" Image {number} is {meanings.get(role, 'to be worked into the picture')}."
        for number, role in enumerate(roles, start=2)
    )
    return f"Make one picture of all these images. Image 1 is a photo of guests at an event.{listed}"
