"""Pictures with the content credentials of somebody else, as OpenAI's have them."""

from __future__ import annotations

import io
import json
import tempfile
from functools import cache
from pathlib import Path

import c2pa

from appliance.core.images import sniff
from appliance.media import signing_certificate

_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}


@cache
def _signer() -> c2pa.Signer:
    with tempfile.TemporaryDirectory() as folder:
        chain, key = signing_certificate.ensure(Path(folder))
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", chain, key, None))


def signed_by_a_provider(picture: bytes) -> bytes:
    """``picture`` with a manifest that says that a model made it."""
    manifest = {"claim_generator_info": [{"name": "A provider", "version": "1"}], "assertions": []}
    builder = c2pa.Builder.from_json(json.dumps(manifest), c2pa.Context.from_dict(_SETTINGS))
    builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA)
    signed = io.BytesIO()
    builder.sign(_signer(), sniff(picture).media_type, io.BytesIO(picture), signed)
    return signed.getvalue()
