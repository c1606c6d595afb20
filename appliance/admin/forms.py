"""Forms as browsers send them: ``application/x-www-form-urlencoded``, read once, never large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from appliance.core.errors import InvalidRequest, PayloadTooLarge
from appliance.core.language import Message

LARGEST = 256 * 1024
_MOST_FIELDS = 500


class Form(Mapping[str, str]):
    """The fields of a form by name; of a name that came twice, the last one."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = dict(fields)
        self._all = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def text(self, name: str) -> str:
        """A field without the spaces at its ends; empty if it did not come."""
        return self._fields.get(name, "").strip()

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return self._fields.get(name) == "on"

    def every(self, name: str) -> list[str]:
        """All values of a name, in their order."""
        return [value for given, value in self._all if given == name]


async def read_form(request: Request, largest: int = LARGEST) -> Form:
    """The form in the body; an empty one for any other kind of body. Read once a request.

    Raises ``PayloadTooLarge``, or ``InvalidRequest`` for a body that is no form.
    """
    known = getattr(request.state, "form", None)
    if isinstance(known, Form):
        return known
    form = Form([])
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        form = Form(_parsed(await _body(request, largest)))
    request.state.form = form
    return form


async def _body(request: Request, largest: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            raise PayloadTooLarge(Message("The form is too large."))
    return bytes(body)


def _parsed(body: bytes) -> list[tuple[str, str]]:
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest(Message("The form cannot be read. Reload the page and try again.")) from None
    if any("\0" in text for field in fields for text in field):
        raise InvalidRequest(Message("The form contains characters that cannot be stored."))
    return fields
