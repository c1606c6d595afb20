"""Our own content credentials (C2PA) in pictures that AI made and that we changed.

The provider's picture is named as what ours was made of, with its own credentials if it had some, and
with what we did to it. Signing never costs a picture: one that cannot be signed is delivered without.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog

from appliance import __version__
from appliance.core.images import PNG, EncodedImage
from appliance.media import signing_certificate
from appliance.media.credentials import has_manifest
from appliance.media.mark import SOURCE_TYPE, marked
from appliance.media.metadata import strip

log = structlog.get_logger()

# Thumbnails and a second look at what was just signed took 0.6 s of 0.65 (1 MP JPEG, 2026-11-26).
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}


class ContentCredentials:
    """Signs with the appliance's certificate; the library is loaded with the first picture."""

    def __init__(self, secrets_dir: Path) -> None:
        self._secrets_dir = secrets_dir

    def marked_and_signed(
        self, picture: EncodedImage, made_of: EncodedImage, actions: Sequence[str]
    ) -> EncodedImage:
        """``picture`` with the mark and signed; as it came where its provider's manifest is still in it."""
        if has_manifest(picture):
            return picture
        return self.signed(marked(picture), made_of, actions)

    def signed(self, picture: EncodedImage, made_of: EncodedImage, actions: Sequence[str]) -> EncodedImage:
        """``picture`` with a manifest that names ``made_of``, the provider's picture, and ``actions``
        (C2PA's names, such as ``c2pa.resized``); as it came if it cannot be signed. Blocking.
        """
        import c2pa  # noqa: PLC0415 - 20 MB that a venue without AI pictures never needs

        try:
            builder = c2pa.Builder.from_json(json.dumps(_manifest(picture, actions)), self._context)
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            builder.add_ingredient(
                json.dumps({"title": "provider's picture", "relationship": "parentOf"}),
                made_of.media_type,
                io.BytesIO(_ended(made_of)),
            )
            signed = io.BytesIO()
            builder.sign(self._signer, picture.media_type, io.BytesIO(picture.data), signed)
        except (c2pa.C2paError, OSError, ValueError) as error:
            log.warning("picture.not_signed", error=str(error))
            return picture
        return EncodedImage(signed.getvalue(), picture.media_type)

    @cached_property
    def _signer(self) -> Any:
        import c2pa  # noqa: PLC0415

        certificate, key = signing_certificate.ensure(self._secrets_dir)
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", certificate, key, None))

    @cached_property
    def _context(self) -> Any:
        import c2pa  # noqa: PLC0415

        return c2pa.Context.from_dict(_SETTINGS)


def _ended(picture: EncodedImage) -> bytes:
    """Its bytes; of a PNG that lacks its end, which C2PA asks for and decoders do not, without metadata."""
    if picture.kind is PNG and b"\0\0\0\0IEND" not in picture.data:
        return strip(picture.data, picture.media_type)
    return picture.data


def _manifest(picture: EncodedImage, actions: Sequence[str]) -> dict[str, Any]:
    done = [{"action": action} for action in actions]
    source = {"action": "c2pa.edited", "digitalSourceType": SOURCE_TYPE}
    return {
        "claim_generator_info": [{"name": "PhotoChanger", "version": __version__}],
        "format": picture.media_type,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [source, *done]}}],
    }
