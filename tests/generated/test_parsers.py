"""What strangers, files and older versions give us: parsed, or refused in words, never anything else."""
# ruff: noqa: PT017 - most of what is made is refused, and how it is refused is what is looked at

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.config_file import ApplianceConfig, ConfigError, load_config
from appliance.core.errors import ApplianceError, NotAnImage, UnsupportedMediaType
from appliance.core.images import sniff, type_of
from appliance.core.multipart_headers import boundary_of
from appliance.core.uploads import UploadReceiver
from appliance.media.metadata import strip
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import OperatorSettings, readable_settings
from appliance.slots.prompts import PromptOptions, clean_value, fill
from tests.support.camera import BOUNDARY
from tests.support.stack import CHECKOUT

CASES = CHECKOUT / "tests/cases"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
# Bytes that mean something to the parser, in any order, among those that do not.
PIECES = st.lists(
    st.sampled_from(
        [f"--{BOUNDARY}", "--", "\r\n", "\n", "\r\n\r\n", "Content-Disposition: form-data; name=",
         '"password"', '"fileToUpload"; filename="a.jpg"', "Content-Type: image/jpeg", "filename*=UTF-8''%ff",
         "; name=", '"', "\\", "\x00", "content-transfer-encoding: base64", "_charset_"]
    ).map(str.encode)
    | st.binary(max_size=40),
    max_size=24,
).map(b"".join)  # fmt: skip


@given(body=PIECES, step=st.integers(1, 64))
def test_any_multipart_body_is_read_or_refused_and_leaves_no_file(body: bytes, step: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    async def on_field(_name: str, _value: str) -> None:
        return None

    with tempfile.TemporaryDirectory() as folder:
        receiver = UploadReceiver(
            Path(folder), BOUNDARY, max_file_bytes=1000, once=frozenset({"password"}), on_field=on_field
        )
        try:
            upload = asyncio.run(receiver.receive(chunks()))
        except ApplianceError as refused:
            assert 400 <= refused.status_code < 500
            assert not any(Path(folder).iterdir())
        else:
            assert upload.file.path.stat().st_size == upload.file.size <= 1000


@given(st.none() | st.text(max_size=80) | st.text('multipart/form-data; ="b\\', max_size=60))
def test_any_content_type_has_a_boundary_or_is_refused(content_type: str | None) -> None:
    try:
        assert 0 < len(boundary_of(content_type)) <= 200
    except ApplianceError as refused:
        assert 400 <= refused.status_code < 500


@given(
    text=st.text("{}|ab \n", max_size=60) | st.text(max_size=60),
    values=st.dictionaries(st.text("abc.", max_size=6), st.text(max_size=40), max_size=4),
    fields=st.lists(st.text("abc.", min_size=1, max_size=6), max_size=4),
    max_chars=st.integers(1, 500),
)
@example(text="{a|{a}}", values={"a": "{b}"}, fields=["a", "b"], max_chars=80)
def test_any_prompt_is_filled_with_what_is_allowed_and_no_longer_than_it_may_be(
    text: str, values: dict[str, str], fields: list[str], max_chars: int
) -> None:
    filled = fill(text, values, PromptOptions(fields=fields, max_chars=max_chars))
    places = text.count("{")
    assert len(filled) <= len(text) + places * max_chars
    for value in values.values():
        cleaned = clean_value(value, max_chars)
        assert len(cleaned) <= max_chars
        assert cleaned.isprintable() or not cleaned.strip() or not cleaned.isascii()


@pytest.fixture(scope="module")
def registry() -> ProviderRegistry:
    return ProviderRegistry(OperatorSettings())


SHIPPED = (CHECKOUT / "config/appliance.toml").read_text(encoding="utf-8").splitlines()


@settings(max_examples=60)
@given(data=st.data())
def test_any_change_to_the_config_file_is_accepted_or_refused_by_line_and_key(
    registry: ProviderRegistry, data: st.DataObject
) -> None:
    lines = list(SHIPPED)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key = lines[at].partition("=")[0]
        value = data.draw(
            st.sampled_from(["-1", '""', "[]", "{}", "true", "1e308", '"\\u0000"', "nan", "[[1]]", ""])
        )
        lines[at] = data.draw(
            st.sampled_from([f"{key}= {value}", "", f"[{key.strip()}]", f"{lines[at]}\n{lines[at]}"])
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "appliance.toml"
        file.write_text("\n".join(lines), encoding="utf-8")
        try:
            assert isinstance(load_config(file, registry), ApplianceConfig)
        except ConfigError as refused:
            assert refused.problems
            assert all(problem.startswith("appliance.toml") for problem in refused.problems)


FIRST_BYTES = [path.read_bytes()[:64] for path in sorted(CASES.iterdir()) if path.suffix != ".md"]


@given(
    st.binary(max_size=64)
    | st.builds(lambda a, b: a[: len(a) // 2] + b, st.sampled_from(FIRST_BYTES), st.binary(max_size=48))
)
def test_any_first_bytes_are_a_known_type_or_refused(head: bytes) -> None:
    try:
        kind = sniff(head)
    except (UnsupportedMediaType, NotAnImage):
        assert type_of(head) is None
    else:
        assert kind.media_type in ("image/jpeg", "image/png", "image/webp")


PICTURES = {
    media_type: [path.read_bytes() for path in sorted(CASES.glob(f"*.{ending}"))]
    for media_type, ending in (("image/jpeg", "jpg"), ("image/png", "png"), ("image/webp", "webp"))
}


@given(data=st.data())
def test_metadata_goes_out_of_any_picture_without_an_error(data: st.DataObject) -> None:
    media_type = data.draw(st.sampled_from(sorted(PICTURES)))
    picture = bytearray(data.draw(st.sampled_from(PICTURES[media_type]))[:4000])
    for _ in range(data.draw(st.integers(0, 4))):
        picture[data.draw(st.integers(0, len(picture) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(strip(bytes(picture), media_type), bytes)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("rgba16.png", "image/png"), ("la.png", "image/png"), ("grey.jpg", "image/jpeg"),
     ("mpo.jpg", "image/jpeg"), ("cmyk_adobe.jpg", "image/jpeg"), ("animated.webp", "image/webp")],
)  # fmt: skip
def test_nothing_that_lies_behind_a_pictures_end_stays(name: str, media_type: str) -> None:
    """A second picture with its place on earth, or bare EXIF."""
    second = (CASES / "orient6_gps.jpg").read_bytes()
    for behind in (second, b"\0\0" + second, b"Exif\0\0MM\0*GPS"):
        kept = strip((CASES / name).read_bytes() + behind, media_type)
        assert b"GPS" not in kept
        assert second[2:200] not in kept


def test_a_picture_that_never_ended_does_not_bring_the_next_one_along() -> None:
    second = (CASES / "orient6_gps.jpg").read_bytes()
    kept = strip((CASES / "no_eoi.jpg").read_bytes() + second, "image/jpeg")
    assert second[2:200] not in kept


@given(
    st.dictionaries(
        st.sampled_from(sorted(OperatorSettings.model_fields)) | st.text(max_size=10), JSON, max_size=6
    )
)
@example(
    {
        "providers": {
            "gemini": {"base_url": "http://api.example.com"},
            "openai": {"base_url": "https://a.example"},
        }
    }
)
@example({"public_base_url": "https://фото.рф/", "result_ttl_hours": -1})
def test_settings_can_be_read_whatever_stands_in_their_rows(rows: dict[str, Any]) -> None:
    kept = readable_settings(
        {key: value for key, value in rows.items() if key in OperatorSettings.model_fields}
    )
    assert OperatorSettings.model_validate(kept.model_dump(mode="json")) == kept
