"""Template files (UC5): received, checked, stored without metadata. They have no public address."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.core.images import EXTENSIONS
from appliance.core.language import Message
from appliance.core.multipart_headers import boundary_of
from appliance.core.threads import finish_in_thread
from appliance.core.uploads import ReceivedUpload, UploadReceiver
from appliance.media.finish import OutputOptions, finish, not_shown_as_it_is
from appliance.media.imaging import Imaging, PhotoInfo
from appliance.media.metadata import strip
from appliance.media.store import MediaStore

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
FILE_FIELD = "file"
_FOLDER = "template-media"  # below temp, beside the slots' own


@dataclass(frozen=True, slots=True)
class TemplateUpload:
    """A template's file as it came, checked."""

    upload: ReceivedUpload
    info: PhotoInfo


class TemplateFiles:
    """Takes template files in and puts them away."""

    def __init__(self, media: MediaStore, imaging: Imaging) -> None:
        self._media = media
        self._imaging = imaging

    @asynccontextmanager
    async def receiving(
        self, content_type: str | None, body: AsyncIterator[bytes]
    ) -> AsyncIterator[TemplateUpload]:
        """A checked upload, which lies in a temporary folder during the block.

        Raises ``InvalidMultipart``, ``MissingField``, ``PayloadTooLarge``, ``StorageFull``,
        ``UnsupportedMediaType``, ``NotAnImage`` or ``ImageTooManyPixels``.
        """
        boundary, upload_id = boundary_of(content_type), uuid.uuid4()
        try:
            folder = await finish_in_thread(self._media.make_temp, _FOLDER, upload_id)
            receiver = UploadReceiver(
                folder,
                boundary,
                max_file_bytes=MAX_BYTES,
                file_field=FILE_FIELD,
                smaller=Message("Make it smaller."),
            )
            upload = await receiver.receive(body)
            yield TemplateUpload(upload, await self._imaging.receive(upload.file.path, MAX_PIXELS))
        finally:
            await finish_in_thread(self._media.drop_temp, _FOLDER, upload_id)

    async def store(self, media_id: uuid.UUID, received: TemplateUpload) -> tuple[str, int]:
        """Put the file away under the template's own key; returns the key and the bytes it has there.

        The pixels stay as they are, unless the file only says that it must be turned.
        """
        kind = received.info.media_type
        key = f"templates/{media_id}.{EXTENSIONS[kind]}"
        data = await self._imaging.run(received.info.decoded_bytes, _plain, received.upload.file.path, kind)
        await self._media.put(key, data)
        return key, len(data)


def _plain(path: Path, media_type: str) -> bytes:
    data = path.read_bytes()
    if not_shown_as_it_is(data):
        return finish(data, media_type, OutputOptions(), None).data
    return strip(data, media_type)
