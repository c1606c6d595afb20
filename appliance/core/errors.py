"""Expected failures: each a class with a status and a code, raised where it is known.

They are rendered in one place (``core/error_handlers.py``) in one form:
``{"error": {"code", "message", "fields"?, "job_id"?, "retry_after"?}}``; two codes say more (``extra``).

    ApplianceError
    ├── 400  InvalidRequest, InvalidMultipart, MissingField
    ├── 401  NotAuthenticated, InvalidCredentials, InvalidIngestPassword, InvalidBoothKey, TokenExpired
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
from typing import TYPE_CHECKING, Any, ClassVar

from appliance.core.failures import FAILURES
from appliance.core.stack_frames import ExpectedFailure

if TYPE_CHECKING:
    from appliance.core.language import Message


class ErrorCode(StrEnum):
    """The closed list of error codes a client can meet."""

    INVALID_REQUEST = "invalid_request"
    INVALID_MULTIPART = "invalid_multipart"
    MISSING_FIELD = "missing_field"
    NOT_AUTHENTICATED = "not_authenticated"
    INVALID_CREDENTIALS = "invalid_credentials"
    INVALID_INGEST_PASSWORD = "invalid_ingest_password"  # noqa: S105 - a code, not a password
    INVALID_BOOTH_KEY = "invalid_booth_key"
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


class ApplianceError(ExpectedFailure):
    """An expected failure; what its code means is worded in ``core/failures.py``.

    ``message`` says what is wrong and what to do; ``fields`` maps a field to its own message;
    ``job_id`` names the job, where there is one; ``retry_after`` is in whole seconds; ``extra``
    holds what only this code has to say.
    """

    status_code: ClassVar[int]
    code: ClassVar[ErrorCode]
    default_message: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.default_message = str(FAILURES[cls.code])

    def __init__(
        self,
        message: Message | None = None,
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


class InvalidMultipart(ApplianceError):
    status_code, code = 400, ErrorCode.INVALID_MULTIPART


class MissingField(ApplianceError):
    status_code, code = 400, ErrorCode.MISSING_FIELD


class NotAuthenticated(ApplianceError):
    status_code, code = 401, ErrorCode.NOT_AUTHENTICATED


class InvalidCredentials(ApplianceError):
    status_code, code = 401, ErrorCode.INVALID_CREDENTIALS


class InvalidIngestPassword(ApplianceError):
    status_code, code = 401, ErrorCode.INVALID_INGEST_PASSWORD


class InvalidBoothKey(ApplianceError):
    status_code, code = 401, ErrorCode.INVALID_BOOTH_KEY


class TokenExpired(ApplianceError):
    status_code, code = 401, ErrorCode.TOKEN_EXPIRED


class PermissionDenied(ApplianceError):
    status_code, code = 403, ErrorCode.PERMISSION_DENIED


class CsrfFailed(ApplianceError):
    status_code, code = 403, ErrorCode.CSRF_FAILED


class NotFound(ApplianceError):
    status_code, code = 404, ErrorCode.NOT_FOUND


class SlotNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.SLOT_NOT_FOUND


class SlotDisabled(ApplianceError):
    status_code, code = 404, ErrorCode.SLOT_DISABLED


class ResultNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.RESULT_NOT_FOUND


class JobNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.JOB_NOT_FOUND


class SourceNotKept(ApplianceError):
    """The photo that a guest sent is not there any more, or never was kept."""

    status_code, code = 404, ErrorCode.SOURCE_NOT_KEPT


class TemplateMediaNotFound(ApplianceError):
    status_code, code = 404, ErrorCode.TEMPLATE_MEDIA_NOT_FOUND


class MethodNotAllowed(ApplianceError):
    status_code, code = 405, ErrorCode.METHOD_NOT_ALLOWED


class IdempotencyKeyReused(ApplianceError):
    status_code, code = 409, ErrorCode.IDEMPOTENCY_KEY_REUSED


class VersionConflict(ApplianceError):
    """``extra["current"]`` shows what is there now and what changed since the caller looked."""

    status_code, code = 409, ErrorCode.VERSION_CONFLICT


class TemplateMediaInUse(ApplianceError):
    """``extra["slots"]`` names the slots that use it."""

    status_code, code = 409, ErrorCode.TEMPLATE_MEDIA_IN_USE


class EventNotExported(ApplianceError):
    """A wipe would remove pictures or photos that are in no archive."""

    status_code, code = 409, ErrorCode.EVENT_NOT_EXPORTED


class ResultExpired(ApplianceError):
    status_code, code = 410, ErrorCode.RESULT_EXPIRED


class PayloadTooLarge(ApplianceError):
    status_code, code = 413, ErrorCode.PAYLOAD_TOO_LARGE


class UnsupportedMediaType(ApplianceError):
    status_code, code = 415, ErrorCode.UNSUPPORTED_MEDIA_TYPE


class NotAnImage(ApplianceError):
    status_code, code = 415, ErrorCode.NOT_AN_IMAGE


class DamagedImage(ApplianceError):
    """The type is right, but not every pixel is there."""

    status_code, code = 415, ErrorCode.DAMAGED


class ImageTooManyPixels(ApplianceError):
    status_code, code = 415, ErrorCode.IMAGE_TOO_MANY_PIXELS


class ValidationFailed(ApplianceError):
    status_code, code = 422, ErrorCode.VALIDATION_FAILED


class SlotBusy(ApplianceError):
    """Every permit of this slot, or of its provider, is taken and none will be free in time."""

    status_code, code = 429, ErrorCode.SLOT_BUSY


class RateLimited(ApplianceError):
    status_code, code = 429, ErrorCode.RATE_LIMITED


class TooManyLogins(ApplianceError):
    status_code, code = 429, ErrorCode.TOO_MANY_LOGINS


class InternalError(ApplianceError):
    status_code, code = 500, ErrorCode.INTERNAL_ERROR


class ProviderFailed(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_FAILED


class ProviderRefusedPhoto(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_REFUSED


class ProviderGaveNoImage(ApplianceError):
    status_code, code = 502, ErrorCode.PROVIDER_NO_IMAGE


class ProviderUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.PROVIDER_UNAVAILABLE


class StorageFull(ApplianceError):
    status_code, code = 503, ErrorCode.STORAGE_FULL


class DatabaseUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.DATABASE_UNAVAILABLE


class ServiceUnavailable(ApplianceError):
    status_code, code = 503, ErrorCode.SERVICE_UNAVAILABLE


class DeadlineExceeded(ApplianceError):
    status_code, code = 504, ErrorCode.DEADLINE_EXCEEDED


def error_classes() -> dict[ErrorCode, type[ApplianceError]]:
    """Every code's own class."""
    return {cls.code: cls for cls in ApplianceError.__subclasses__()}
