"""Pictures that we changed carry credentials of our own; the library's own reader verifies them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest

from appliance.core.images import EncodedImage
from appliance.lifecycle.backup import write as backup
from appliance.media import signing_certificate
from appliance.media.credentials import has_manifest
from appliance.media.finish import OutputOptions, actions_of, finish
from appliance.media.mark import marked
from appliance.media.signing import ContentCredentials
from tests.support.photos import portrait_jpeg, portrait_png, portrait_webp
from tests.support.signed_pictures import signed_by_a_provider

PICTURES = {"image/jpeg": portrait_jpeg, "image/png": portrait_png, "image/webp": portrait_webp}


def read(picture: EncodedImage) -> tuple[str, dict[str, Any]]:
    """What the reader makes of it: its verdict, and the manifests."""
    with c2pa.Reader(picture.media_type, io.BytesIO(picture.data)) as reader:
        return str(reader.get_validation_state()), json.loads(reader.json())


def actions(manifest: dict[str, Any]) -> list[str]:
    found = [one for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    return [action["action"] for action in found[0]["data"]["actions"]]


@pytest.mark.parametrize("media_type", sorted(PICTURES))
def test_a_changed_picture_names_us_and_what_we_did(media_type: str, tmp_path: Path) -> None:
    made = EncodedImage(PICTURES[media_type](), media_type)
    options = OutputOptions(size="400x600", qr="bottom-right")
    finished = marked(finish(made.data, media_type, options, None, "https://example.org/r/1"))
    signed = ContentCredentials(tmp_path).signed(finished, made, actions_of(options, None, ""))
    verdict, found = read(signed)
    ours = found["manifests"][found["active_manifest"]]
    assert verdict == "Valid"
    assert ours["claim_generator_info"][0]["name"] == "PhotoChanger"
    assert actions(ours) == ["c2pa.opened", "c2pa.edited", "c2pa.cropped", "c2pa.resized", "c2pa.edited"]


def test_the_providers_own_credentials_are_kept_as_those_of_what_ours_was_made_of(tmp_path: Path) -> None:
    provided = EncodedImage(signed_by_a_provider(portrait_png()), "image/png")
    finished = finish(provided.data, "image/png", OutputOptions(media_type="image/jpeg"), None)
    assert not has_manifest(finished)
    signed = ContentCredentials(tmp_path).signed(finished, provided, ["c2pa.transcoded"])
    verdict, found = read(signed)
    ingredient = found["manifests"][found["active_manifest"]]["ingredients"][0]
    theirs = found["manifests"][ingredient["active_manifest"]]
    assert verdict == "Valid"
    assert theirs["claim_generator_info"][0]["name"] == "A provider"


def test_what_is_made_of_a_png_without_its_end_is_signed(tmp_path: Path) -> None:
    provided = EncodedImage(portrait_png()[:-12], "image/png")
    made = EncodedImage(portrait_jpeg(), "image/jpeg")
    assert read(ContentCredentials(tmp_path).signed(made, provided, ["c2pa.transcoded"]))[0] == "Valid"


def test_a_certificate_that_somebody_brings_signs(tmp_path: Path) -> None:
    brought, secrets = tmp_path / "brought", tmp_path / "secrets"
    chain, key = signing_certificate.ensure(brought)
    folder = secrets / signing_certificate.FOLDER
    folder.mkdir(parents=True)
    (folder / signing_certificate.CERTIFICATE).write_bytes(chain)
    (folder / signing_certificate.KEY).write_bytes(key)
    made = EncodedImage(portrait_jpeg(), "image/jpeg")
    _, found = read(ContentCredentials(secrets).signed(made, made, ["c2pa.edited.metadata"]))
    assert found["manifests"][found["active_manifest"]]["signature_info"]["alg"] == "Es256"
    assert (folder / signing_certificate.KEY).read_bytes() == key


def test_a_picture_that_cannot_be_signed_is_delivered_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / signing_certificate.FOLDER
    folder.mkdir()
    (folder / signing_certificate.CERTIFICATE).write_text("no certificate")
    (folder / signing_certificate.KEY).write_text("no key")
    made = EncodedImage(portrait_jpeg(), "image/jpeg")
    assert ContentCredentials(tmp_path).signed(made, made, ["c2pa.resized"]) == made


def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    signing_certificate.ensure(tmp_path)
    key = tmp_path / signing_certificate.FOLDER / signing_certificate.KEY
    assert key.stat().st_mode & 0o077 == 0


def test_certificate_and_key_go_into_backups(tmp_path: Path) -> None:
    signing_certificate.ensure(tmp_path)
    kept = {name for _, name in backup._secret_files(tmp_path)}
    folder = signing_certificate.FOLDER
    assert kept == {f"{folder}/{name}" for name in (signing_certificate.CERTIFICATE, signing_certificate.KEY)}
