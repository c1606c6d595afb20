"""Gemini's errors, in the form in which Google's services answer them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tests.standins.base import json_response

STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "RESOURCE_EXHAUSTED",
            403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
            429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
            504: "DEADLINE_EXCEEDED"}  # fmt: skip
_DEPLETED = "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing."
_TYPE = "type.googleapis.com/google.rpc."
# kind: (HTTP status, message, reason of its ErrorInfo, status where it is not the usual one)
ERRORS: dict[str, tuple[int, str, str, str]] = {
    "bad_key": (400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID", ""),
    "expired_key": (400, "API key expired. Please renew the API key.", "API_KEY_INVALID", ""),
    "blocked_key": (
        403,
        "Requests to this API generativelanguage.googleapis.com method GenerateContent are blocked.",
        "API_KEY_SERVICE_BLOCKED",
        "",
    ),
    "referrer_blocked": (
        403,
        "Requests from referer <empty> are blocked.",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "",
    ),
    "unauthenticated": (401, "Request had invalid authentication credentials.", "", ""),
    "location": (400, "User location is not supported for the API use.", "", "FAILED_PRECONDITION"),
    "service_disabled": (
        403,
        "Generative Language API has not been used in project 123456789012 before or it is disabled.",
        "SERVICE_DISABLED",
        "",
    ),
    "billing": (
        403,
        "This API method requires billing to be enabled on project 123456789012.",
        "BILLING_DISABLED",
        "",
    ),
    "free_tier": (
        400,
        "Gemini API free tier is not available in your country. Please enable billing on your project.",
        "",
        "FAILED_PRECONDITION",
    ),
    "suspended": (
        403,
        "Permission denied: Consumer 'projects/123456789012' has been suspended.",
        "CONSUMER_SUSPENDED",
        "",
    ),
    "credits_depleted": (402, _DEPLETED, "", ""),
    "credits_depleted_before": (429, _DEPLETED, "", ""),
    "spending_cap": (429, "Your project has exceeded its monthly spending cap.", "", ""),
    "restricted_model": (403, "Your project may not use this restricted model.", "", ""),
    "denied": (403, "The caller does not have permission.", "", ""),
    "unavailable": (503, "The model is overloaded. Please try again later.", "", ""),
    "server_error": (500, "An internal error has occurred.", "", ""),
    "timeout": (504, "Deadline expired before operation could complete.", "", ""),
    "request_timeout": (408, "The request timed out.", "", ""),
}


# kind: (metric, id, limit)
QUOTAS = {
    "no_free_tier": (
        "generate_content_free_tier_requests",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        0,
    ),
    "daily_quota": ("generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel", 250),
    "minute_quota": ("generate_requests_per_model", "GenerateRequestsPerMinutePerProjectPerModel", 10),
}


def made(kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
    """An error by its kind; an unknown one is an invalid argument."""
    if kind == "quota":
        details: list[dict[str, Any]] = [{"@type": _TYPE + "QuotaFailure", "violations": []}]
        if retry_after is not None:
            details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{retry_after:g}s"})
        return error(429, "You exceeded your current quota, please check your plan.", details)
    if kind in QUOTAS:
        metric, quota_id, limit = QUOTAS[kind]
        text = (
            "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded"
        )
        text += f" for metric: generativelanguage.googleapis.com/{metric}, limit: {limit}, model: a-model"
        violation = {"quotaMetric": f"generativelanguage.googleapis.com/{metric}", "quotaId": quota_id}
        delay = {"@type": _TYPE + "RetryInfo", "retryDelay": "17.75s"}
        return error(429, text, [{"@type": _TYPE + "QuotaFailure", "violations": [violation]}, delay])
    if kind not in ERRORS:
        return error(400, text or "Request contains an invalid argument.")
    code, message, reason, status = ERRORS[kind]
    info = {"@type": _TYPE + "ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return error(code, message, [info] if reason else None, status)


def error(code: int, message: str, details: list[dict[str, Any]] | None = None, status: str = "") -> Response:
    said: dict[str, Any] = {"code": code, "message": message, "status": status or STATUSES[code]}
    return json_response(code, {"error": said | ({"details": details} if details else {})})
