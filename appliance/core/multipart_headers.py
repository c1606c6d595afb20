"""What the headers of a multipart upload and of its parts say: the boundary, the file names."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from multipart import MultipartSegment, header_unquote

from appliance.core.errors import InvalidMultipart, UnsupportedMediaType
from appliance.core.language import Message
from appliance.core.texts import clean_file_name

_PARAMETER = re.compile(r';\s*([^\s;=]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')


def _parameters(header: str) -> dict[str, str]:
    """A header's parameters by their names in lower case, as they stand there: quotes and all."""
    return {name.lower(): value.strip() for name, value in _PARAMETER.findall(header)}


def boundary_of(content_type: str | None) -> str:
    """The boundary of a multipart content type.

    Raises ``UnsupportedMediaType`` if it is another type, ``InvalidMultipart`` without a boundary.
    """
    header = content_type or ""
    if header.partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedMediaType(Message("Send the photo as multipart/form-data."))
    # The library's own reading ends at a '=' or '/' that is not quoted.
    boundary = header_unquote(_parameters(header).get("boundary", ""))
    if not boundary:
        raise InvalidMultipart(Message("The Content-Type header has no boundary."))
    return str(boundary)


def file_name(segment: MultipartSegment, charset: str | None) -> str | None:
    """The file name that a part was sent with, in either form; ``None`` if with none."""
    plain: str | None = segment.filename
    if plain is not None:
        return clean_file_name(plain, charset)
    header = segment.header("Content-Disposition", "")
    extended = _parameters(header).get("filename*") if "*" in header else None
    if extended is None:
        return None
    named, _, value = extended.strip('"').rpartition("'")
    return clean_file_name(unquote_to_bytes(value).decode("latin-1"), named.partition("'")[0])
