"""Expected failures: each a class with a status and a code, raised where it is known.

They are rendered in one place (``core/error_handlers.py``) in one form:
``{"error": {"code", "message", "fields"?, "job_id"?, "retry_after"?}}``; two codes say more (``extra``).

    ApplianceError
    ├── 400  InvalidRequest, InvalidMultipart, MissingField
    ├── 401  NotAuthenticated, InvalidCredentials, InvalidIngestPassword, TokenExpired
    ├── 403  PermissionDenied, CsrfFailed
    ├── 404  NotFound, SlotNotFound, SlotDisabled, ResultNotFound, JobNotFound, SourceNotKept,
    │        TemplateMediaNotFound
    ├── 405  MethodNotAllowed
    ├── 409  IdempotencyKeyReused, VersionConflict, TemplateMediaInUse, EventNotExported
    ├── 410  ResultExpired
    ├── 413  PayloadTooLarge
    ├── 415  UnsupportedMediaType, NotAnImage, DamagedImage, ImageTooManyPixels
    ├── 422  ValidationFailed
    ├── 429  SlotBusy, RateLimited, TooManyLogins
    ├── 500  InternalError
    ├── 502  ProviderFailed, ProviderRefusedPhoto, ProviderGaveNoImage
    ├── 503  ProviderUnavailable, StorageFull, DatabaseUnavailable, ServiceUnavailable
    └── 504  DeadlineExceeded

``docs/api/errors.md`` lists every code; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar


class ErrorCode(StrEnum):
    """The closed list of error codes a client can meet."""

    INVALID_REQUEST = "invalid_request"
    INVALID_MULTIPART = "invalid_multipart"
    MISSING_FIELD = "missing_field"
    NOT_AUTHENTICATED = "not_authenticated"
    INVALID_CREDENTIALS = "invalid_credentials"
    INVALID_INGEST_PASSWORD = "invalid_ingest_password"  # noqa: S105 - a code, not a password
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    PERMISSION_DENIED = "permission_denied"
    CSRF_FAILED = "csrf_failed"
    NOT_FOUND = "not_found"
    SLOT_NOT_FOUND = "slot_not_found"
    SLOT_DISABLED = "slot_disabled"
    RESULT_NOT_FOUND = "result_not_found"
    JOB_NOT_FOUND = "job_not_found"
    SOURCE_NOT_KEPT = "source_not_kept"
    TEMPLATE_MEDIA_NOT_FOUND = "template_media_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    VERSION_CONFLICT = "version_conflict"
    TEMPLATE_MEDIA_IN_USE = "template_media_in_use"
    EVENT_NOT_EXPORTED = "event_not_exported"
    RESULT_EXPIRED = "result_expired"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    NOT_AN_IMAGE = "not_an_image"
    DAMAGED = "damaged"
    IMAGE_TOO_MANY_PIXELS = "image_too_many_pixels"
    VALIDATION_FAILED = "validation_failed"
    SLOT_BUSY = "slot_busy"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_LOGINS = "too_many_logins"
    INTERNAL_ERROR = "internal_error"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_NO_IMAGE = "provider_no_image"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    STORAGE_FULL = "storage_full"
    DATABASE_UNAVAILABLE = "database_unavailable"
    SERVICE_UNAVAILABLE = "service_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"


class ApplianceError(Exception):
    """An expected failure.

    ``message`` says what is wrong and what to do; ``fields`` maps a field to its own message;
    ``job_id`` names the job, where there is one; ``retry_after`` is in whole seconds; ``extra``
    holds what only this code has to say.
    """

    status_code: ClassVar[int]
    code: ClassVar[ErrorCode]
    default_message: ClassVar[str]

    def __init__(
        self,
        message: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        job_id: str | None = None,
        retry_after: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.fields = fields
        self.job_id = job_id
        self.retry_after = retry_after
        self.extra = dict(extra or {})
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """The JSON form; absent keys are omitted."""
        error: dict[str, Any] = {"code": str(self.code), "message": self.message}
        if self.fields:
            error["fields"] = dict(self.fields)
        if self.job_id:
            error["job_id"] = self.job_id
        if self.retry_after is not None:
            error["retry_after"] = self.retry_after
        return {"error": error | self.extra}


class InvalidRequest(ApplianceError):
    status_code, code = 400, ErrorCode.INVALID_REQUEST
    default_message = "The request could not be understood."


class InvalidMultipart(ApplianceError):
    status_code, code = 400, ErrorCode.INVALID_MULTIPART
    default_message = "The request is not a readable multipart/form-data upload."


class MissingField(ApplianceError):
    status_code, code = 400, ErrorCode.MISSING_FIELD
    default_message = "A required field is missing."


class NotAuthenticated(ApplianceError):
    status_code, code = 401, ErrorCode.NOT_AUTHENTICATED
    default_message = "Log in first and send the access token as 'Authorization: Bearer …'."


class InvalidCredentials(ApplianceError):
    status_code, code = 401, ErrorCode.INVALID_CREDENTIALS
    default_message = "User name or password is wrong."


class InvalidIngestPassword(ApplianceError):
    status_code, code = 401, ErrorCode.INVALID_INGEST_PASSWORD
    default_message = (
        "The ingest password is wrong. Type the current one as 'password or API key' in the booth software."
    )


class TokenExpired(ApplianceError):
    status_code, code = 401, ErrorCode.TOKEN_EXPIRED
    default_message = "The session has ended. Log in again."


class PermissionDenied(ApplianceError):
    status_code, code = 403, ErrorCode.PERMISSION_DENIED
    default_message = "This account may not do that."


class CsrfFailed(ApplianceError):
    status_code, code = 403, ErrorCode.CSRF_FAILED
    default_message = (
        "The page was open for too long, or the request is not from it. Reload it and try again."
    )


class NotFound(ApplianceError):
    status_code, code = 404, ErrorCode.NOT_FOUND
    default_message = "There is nothing at this address."


class SlotNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.SLOT_NOT_FOUND
    default_message = "There is no such slot. The slots are slot-001 to slot-015."


class SlotDisabled(ApplianceError):
    status_code, code = 404, ErrorCode.SLOT_DISABLED
    default_message = "This slot is switched off. Switch it on in the admin page, or post to another slot."


class ResultNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.RESULT_NOT_FOUND
    default_message = "There is no picture at this address."


class JobNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.JOB_NOT_FOUND
    default_message = "There is no such job."


class SourceNotKept(ApplianceError):
    """The photo that a guest sent is not there any more, or never was kept."""

    status_code, code = 404, ErrorCode.SOURCE_NOT_KEPT
    default_message = (
        "The guest's photo was not kept. Set 'keep_sources_hours' to keep photos for running jobs again."
    )


class TemplateMediaNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.TEMPLATE_MEDIA_NOT_FOUND
    default_message = "There is no such template."


class MethodNotAllowed(ApplianceError):
    status_code, code = 405, ErrorCode.METHOD_NOT_ALLOWED
    default_message = "This address does not take this method."


class IdempotencyKeyReused(ApplianceError):
    status_code, code = 409, ErrorCode.IDEMPOTENCY_KEY_REUSED
    default_message = "This idempotency key was used for another photo. Send a new key with a new photo."


class VersionConflict(ApplianceError):
    """``extra["current"]`` shows what is there now and what changed since the caller looked."""

    status_code, code = 409, ErrorCode.VERSION_CONFLICT
    default_message = "Somebody else changed this in the meantime. Look at the newest state and try again."


class TemplateMediaInUse(ApplianceError):
    """``extra["slots"]`` names the slots that use it."""

    status_code, code = 409, ErrorCode.TEMPLATE_MEDIA_IN_USE
    default_message = "Slots use this template. Choose another one in them first."


class EventNotExported(ApplianceError):
    """A wipe would remove pictures or photos that are in no archive."""

    status_code, code = 409, ErrorCode.EVENT_NOT_EXPORTED
    default_message = "Some pictures or photos are in no archive yet. Export the event first."


class ResultExpired(ApplianceError):
    status_code, code = 410, ErrorCode.RESULT_EXPIRED
    default_message = "This picture was kept for its time and is gone now."


class PayloadTooLarge(ApplianceError):
    status_code, code = 413, ErrorCode.PAYLOAD_TOO_LARGE
    default_message = "The upload is too large."


class UnsupportedMediaType(ApplianceError):
    status_code, code = 415, ErrorCode.UNSUPPORTED_MEDIA_TYPE
    default_message = "This file type is not taken. Send JPEG, PNG or WebP."


class NotAnImage(ApplianceError):
    status_code, code = 415, ErrorCode.NOT_AN_IMAGE
    default_message = "The file is not a picture that can be read. Send a whole JPEG, PNG or WebP file."


class DamagedImage(ApplianceError):
    """The type is right, but not every pixel is there."""

    status_code, code = 415, ErrorCode.DAMAGED
    default_message = "The picture is damaged or was cut off on the way. Take it again, or check the network."


class ImageTooManyPixels(ApplianceError):
    status_code, code = 415, ErrorCode.IMAGE_TOO_MANY_PIXELS
    default_message = "The picture has too many pixels."


class ValidationFailed(ApplianceError):
    status_code, code = 422, ErrorCode.VALIDATION_FAILED
    default_message = "Some values are not right. See 'fields'."


class SlotBusy(ApplianceError):
    """Every permit of this slot, or of its provider, is taken and none will be free in time."""

    status_code, code = 429, ErrorCode.SLOT_BUSY
    default_message = "This slot is busy. Send the photo again in a moment."


class RateLimited(ApplianceError):
    status_code, code = 429, ErrorCode.RATE_LIMITED
    default_message = "Too many requests. Wait a moment."


class TooManyLogins(ApplianceError):
    status_code, code = 429, ErrorCode.TOO_MANY_LOGINS
    default_message = "Too many tries to log in. Wait a moment and try again."


class InternalError(ApplianceError):
    status_code, code = 500, ErrorCode.INTERNAL_ERROR
    default_message = "Something went wrong inside. The log has the details under this request's id."


class ProviderFailed(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_FAILED
    default_message = "The provider could not make the picture. Check the slot's settings and key."


class ProviderRefusedPhoto(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_REFUSED
    default_message = "The provider's rules refused this photo or prompt. Take another photo, or change it."


class ProviderGaveNoImage(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_NO_IMAGE
    default_message = "The provider answered without a picture. Send the photo again."


class ProviderUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.PROVIDER_UNAVAILABLE
    default_message = "The provider cannot be used right now. Try again, or switch the slot to another one."


class StorageFull(ApplianceError):
    status_code, code = 503, ErrorCode.STORAGE_FULL
    default_message = "The disk is full. Free some space; nothing was lost."


class DatabaseUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.DATABASE_UNAVAILABLE
    default_message = "The database does not answer. Try again in a few seconds."


class ServiceUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.SERVICE_UNAVAILABLE
    default_message = "The appliance is starting or being upgraded. Try again in a few seconds."


class DeadlineExceeded(ApplianceError):
    status_code, code = 504, ErrorCode.DEADLINE_EXCEEDED
    default_message = "The picture was not ready in time. Send the photo again."


def error_classes() -> dict[ErrorCode, type[ApplianceError]]:
    """Every code's own class."""
    return {cls.code: cls for cls in ApplianceError.__subclasses__()}
