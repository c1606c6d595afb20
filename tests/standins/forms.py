"""Reads the bodies of form posts, strictly."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import multipart


@dataclass(frozen=True, slots=True)
class File:
    name: str
    filename: str
    media_type: str
    data: bytes = field(repr=False)


class BadForm(Exception):
    pass


def read_form(content_type: str, body: bytes) -> tuple[list[tuple[str, str]], list[File]]:
    """Text fields and files, in the order sent."""
    kind, options = multipart.parse_options_header(content_type)
    if kind == "application/x-www-form-urlencoded":
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)), []
    if kind != "multipart/form-data" or "boundary" not in options:
        raise BadForm(f"unexpected content type {kind!r}")
    fields: list[tuple[str, str]] = []
    files: list[File] = []
    try:
        parser = multipart.MultipartParser(
            io.BytesIO(body),
            options["boundary"],
            content_length=len(body),
            strict=True,
            memory_limit=2**30,
            disk_limit=2**30,
            spool_limit=2**30,
        )
        for part in parser:
            if part.filename is None:
                fields.append((part.name, part.raw.decode()))
            else:
                files.append(File(part.name, part.filename, part.content_type, part.raw))
            part.close()
    except multipart.MultipartError as error:
        raise BadForm(str(error)) from None
    return fields, files
