"""What each failure means and what to do about it: worded once, for booths, callers and staff.

The key is an error code, or a job's own reason. What a provider gives as its reason stands in
``providers/failures.py``. Other languages have these sentences in ``appliance/locale/staff``,
Nginx in its template, readers in ``docs/api/errors.md``; tests compare them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """``what`` happened and what to ``do``, in English."""

    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.what} {self.do}"


TOO_LATE = Failure(
    "The picture was not ready in time.",
    "Send the photo again. If it happens often, choose a faster model, add a fallback or raise the deadline.",
)

FAILURES: dict[str, Failure] = {
    "invalid_request": Failure(
        "The request could not be understood.",
        "Reload the page, or check the address (a space is written %20), the headers and the body.",
    ),
    "invalid_multipart": Failure(
        "The upload could not be read.",
        "Check the network and send it again.",
    ),
    "missing_field": Failure(
        "A required field is missing.",
        "Fill it in and send it again.",
    ),
    "not_authenticated": Failure(
        "You are not logged in.",
        "Log in. Scripts send the access token as 'Authorization: Bearer …'.",
    ),
    "invalid_credentials": Failure(
        "The user name or password is wrong.",
        "Type them again. Passwords are case-sensitive.",
    ),
    "invalid_ingest_password": Failure(
        "The ingest password is wrong.",
        "Enter the current one as 'password or API key' in the booth software.",
    ),
    "invalid_booth_key": Failure(
        "The booth's key is wrong or was revoked.",
        "Copy it again exactly, or have a new one created on the 'Booths' page.",
    ),
    "token_expired": Failure(
        "Your session has ended.",
        "Log in again.",
    ),
    "permission_denied": Failure(
        "This account may not do that.",
        "Ask an administrator, or log in with another account.",
    ),
    "csrf_failed": Failure(
        "The page was open for too long, or the request did not come from it.",
        "Nothing was changed. Reload the page and try again.",
    ),
    "not_found": Failure(
        "There is nothing at this address.",
        "Check it for typing errors. What was here may have been deleted.",
    ),
    "slot_not_found": Failure(
        "There is no such slot.",
        "Use slot-001 to slot-015.",
    ),
    "slot_disabled": Failure(
        "This slot is paused.",
        "Resume it on the dashboard, or use another slot.",
    ),
    "result_not_found": Failure(
        "There is no picture at this address.",
        "Check the link for typing errors.",
    ),
    "job_not_found": Failure(
        "There is no such job.",
        "Check its number.",
    ),
    "source_not_kept": Failure(
        "The guest's photo was not kept.",
        "To keep photos from now on, set how long to keep original photos in the settings "
        "('keep_sources_hours').",
    ),
    "template_media_not_found": Failure(
        "There is no such template.",
        "It may have been deleted. Choose another one.",
    ),
    "method_not_allowed": Failure(
        "This address does not accept this method.",
        "Use the buttons on the page, or a method listed in the 'Allow' header.",
    ),
    "idempotency_key_reused": Failure(
        "This idempotency key was used for another photo.",
        "Send a new key with each new photo.",
    ),
    "version_conflict": Failure(
        "Somebody else changed this in the meantime.",
        "Check the current version and try again.",
    ),
    "template_media_in_use": Failure(
        "Slots use this template.",
        "Choose another one there first.",
    ),
    "event_not_exported": Failure(
        "Some pictures or photos have not been exported yet.",
        "Export the event first.",
    ),
    "result_expired": Failure(
        "This picture has expired and was deleted.",
        "To keep pictures longer, change how long they are kept in the settings ('result_ttl_hours').",
    ),
    "payload_too_large": Failure(
        "The upload is too large.",
        "Choose a smaller file, or set a smaller image size in the booth software.",
    ),
    "unsupported_media_type": Failure(
        "This file type is not supported.",
        "Send JPEG, PNG or WebP.",
    ),
    "not_an_image": Failure(
        "The file is not a readable picture.",
        "Send a complete JPEG, PNG or WebP file.",
    ),
    "damaged": Failure(
        "The picture is damaged or was cut off on the way.",
        "Take it again. If it happens often, check the cable, the card and the network.",
    ),
    "image_too_many_pixels": Failure(
        "The picture has too many pixels.",
        "Make it smaller, or set a smaller image size in the booth software.",
    ),
    "validation_failed": Failure(
        "Some values are invalid.",
        "Correct the fields listed.",
    ),
    "slot_busy": Failure(
        "This slot is busy.",
        "Send the photo again in a moment. If it happens often, allow more photos at a time or use more "
        "slots.",
    ),
    "rate_limited": Failure(
        "Too many requests from this address.",
        "Wait a moment and try again.",
    ),
    "too_many_logins": Failure(
        "Too many login attempts.",
        "Wait a moment and try again.",
    ),
    "internal_error": Failure(
        "Something went wrong inside the appliance.",
        "Try again. If it happens again, look in the log for this request or job.",
    ),
    "provider_failed": Failure(
        "The provider could not make the picture.",
        "Check the slot's settings and the provider's key.",
    ),
    "provider_refused": Failure(
        "The provider's rules refused this photo or prompt.",
        "Take another photo, or word the slot's prompt more carefully.",
    ),
    "provider_no_image": Failure(
        "The provider answered without a picture.",
        "Send the photo again. If it happens often, change the prompt or the model.",
    ),
    "provider_unavailable": Failure(
        "The provider cannot be used right now.",
        "Try again, or switch the slot to another provider.",
    ),
    "storage_full": Failure(
        "The disk is full.",
        "Free some space, or let results expire sooner. Nothing was lost.",
    ),
    "database_unavailable": Failure(
        "The database does not answer.",
        "Try again in a few seconds. If it persists, restart the appliance.",
    ),
    "service_unavailable": Failure(
        "The appliance is starting or being upgraded.",
        "Try again in a few seconds.",
    ),
    "deadline_exceeded": TOO_LATE,
    # Reasons of jobs that are no error codes.
    "T_sync_response_exceeded": TOO_LATE,
    "interrupted": Failure(
        "The appliance was restarted while it was working on this photo.",
        "Send the photo again.",
    ),
}
