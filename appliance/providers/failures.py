"""What a provider's own reason means and what to do about it: ``core/failures.py`` says it of codes."""

from __future__ import annotations

from appliance.core.failures import FAILURES, TOO_LATE, Failure
from appliance.providers.base import FailureKind

BAD_KEY = Failure(
    "The provider does not accept the API key.",
    "Enter a valid key in the settings and test it there.",
)
KEY_RESTRICTED = Failure(
    "The API key's restrictions exclude this appliance.",
    "Lift the restriction in the provider's console, or enter another key.",
)
QUOTA = Failure(
    "The provider's quota is used up, or it is getting too many requests at once.",
    "Wait, add another key, top up the account, or switch the slot to another provider.",
)
SPENT = Failure(
    "The provider account has no money or quota left.",
    "Top up the account, enter another key, or switch the slot to another provider.",
)
SPEND_LIMIT = Failure(
    "The spending limit of the provider account has been reached.",
    "Raise the limit in the provider's console, enter another key, or switch the slot to another provider.",
)
NO_MODEL = Failure(
    "The provider has no such model: it was discontinued, or this account may not use it.",
    "Choose another model in the slot.",
)
NOT_SERVED = Failure(
    "The provider refused the account or its project, not the key.",
    "Check the account with the provider, or switch the slot to another provider.",
)
UNREACHABLE = Failure(
    "The provider could not be reached, or its server failed.",
    "Check the internet connection. If it is fine, wait or switch the slot to another provider.",
)
MISSING_THERE = Failure(
    "The machine does not have a node or a model file that the workflow needs.",
    "Open the slot, press 'Check the machine', and install what is missing there.",
)
BAD_WORKFLOW = Failure(
    "ComfyUI does not accept the workflow.",
    "Look up in the job which node is wrong and why, correct it in ComfyUI, and export the workflow again.",
)
# What a provider itself gave as its reason says more than the code that the booth got.
BY_REASON: dict[str, Failure] = {
    "no_key": Failure(
        "No API key is set for this provider.",
        "Enter one in the settings.",
    ),
    "unreadable_key": Failure(
        "This provider's API key cannot be read any more: it was encrypted on another machine.",
        "Enter it again in the settings.",
    ),
    "key_of_other_address": Failure(
        "This provider's API key was entered for a different address of the provider.",
        "Enter it again in the settings, or change the address back.",
    ),
    "malformed_key": BAD_KEY,
    "API_KEY_INVALID": BAD_KEY,
    "API_KEY_SERVICE_BLOCKED": KEY_RESTRICTED,
    "API_KEY_HTTP_REFERRER_BLOCKED": KEY_RESTRICTED,
    "API_KEY_IP_ADDRESS_BLOCKED": KEY_RESTRICTED,
    "ip_not_authorized": KEY_RESTRICTED,
    "invalid_api_key": BAD_KEY,
    "http_401": BAD_KEY,
    "unauthorized": BAD_KEY,
    "not_authenticated": BAD_KEY,
    "keys_rest": Failure(
        "Every API key of this provider was refused or is out of quota.",
        "Add another key, or switch the slot to another provider.",
    ),
    "RESOURCE_EXHAUSTED": QUOTA,
    "insufficient_quota": SPENT,
    "rate_limit_exceeded": QUOTA,
    "LIMIT": QUOTA,
    "http_429": QUOTA,
    "circuit_open": Failure(
        "Several photos in a row failed at the provider; for half a minute the fallback is tried first.",
        "Wait, or switch the slot to another provider.",
    ),
    "stalled": UNREACHABLE,
    "dns_failed": UNREACHABLE,
    "too_slow": TOO_LATE,
    "request_too_large": Failure(
        "The photo and templates together are too large for the provider.",
        "Have the slot send smaller photos, or use smaller templates.",
    ),
    "out_of_memory": Failure(
        "The machine or its graphics card does not have enough memory for this workflow.",
        "Have the slot send smaller photos, choose a smaller model, or close other programs on that machine.",
    ),
    "value_not_in_list": MISSING_THERE,
    "missing_node_type": MISSING_THERE,
    "required_input_missing": BAD_WORKFLOW,
    "return_type_mismatch": BAD_WORKFLOW,
    "bad_linked_input": BAD_WORKFLOW,
    "invalid_input_type": BAD_WORKFLOW,
    "value_smaller_than_min": BAD_WORKFLOW,
    "value_bigger_than_max": BAD_WORKFLOW,
    "custom_validation_failed": BAD_WORKFLOW,
    "dependency_cycle": BAD_WORKFLOW,
    "exception_during_inner_validation": BAD_WORKFLOW,
    "exception_during_validation": BAD_WORKFLOW,
    "prompt_outputs_failed_validation": BAD_WORKFLOW,
    "prompt_no_outputs": BAD_WORKFLOW,
    "invalid_prompt": BAD_WORKFLOW,
    "execution_error": Failure(
        "A node of the workflow failed on that machine.",
        "Look up in the job which one it was, and try the workflow with a similar photo in ComfyUI.",
    ),
    "machine_locked": Failure(
        "That machine, or a proxy before it, asks for a password or refuses the appliance.",
        "Let the appliance in there without a password.",
    ),
    "not_comfyui": Failure(
        "What answers at that machine's address is not ComfyUI.",
        "Correct the address in the settings.",
    ),
    "run_lost": Failure(
        "ComfyUI was restarted while it was making the picture.",
        "Send the photo again. If it happens often, check that machine.",
    ),
    "no_publisher": Failure(
        "The provider downloads photos, but no address that it can reach is set.",
        "In the settings, set the address for providers ('provider_media_base_url'), or have photos "
        "uploaded ('transport': 'upload').",
    ),
    "billing_hard_limit_reached": SPENT,
    "http_402": SPENT,
    "no_credits": SPENT,
    "exhausted_balance": SPENT,
    "credit_balance_exhausted": SPENT,
    "credits_depleted": SPENT,
    "billing_not_active": SPENT,
    "spending_cap": SPEND_LIMIT,
    "organization_spend_limit_exceeded": SPEND_LIMIT,
    "project_spend_limit_exceeded": SPEND_LIMIT,
    "organization_usage_limit_exceeded": SPEND_LIMIT,
    "missing_scope": Failure(
        "The API key is restricted and not allowed to make pictures.",
        "Allow it in the provider's console, or enter another key.",
    ),
    "PUP_LIMITED_DISABLED": Failure(
        "Google has limited this account because its rules were violated.",
        "Read what Google wrote to the account's owner, and use another account's key in the meantime.",
    ),
    "model_not_found": NO_MODEL,
    "model_ended": Failure(
        "The provider has discontinued this model.",
        "Use its successor in all slots, or choose another model in the slot.",
    ),
    "model_ending": Failure(
        "The provider will soon discontinue this model.",
        "Use its successor in all slots before that, or choose another model in the slot.",
    ),
    "model_unknown": Failure(
        "The provider does not know this model, or does not offer it to this account.",
        "Use another model in all slots, or choose one in the slot.",
    ),
    "app_not_found": NO_MODEL,
    "not_tried_since": Failure(
        "The last photo failed because of the API key. The key has been tested since then and works.",
        "Test the slot, or send a photo.",
    ),
    "location_unsupported": Failure(
        "The provider does not serve the country from which the appliance connects. The key is not at fault.",
        "Connect through a proxy (HTTPS_PROXY), or set a different address for the provider in the settings.",
    ),
    "service_disabled": Failure(
        "The provider's service is switched off in the project that the key belongs to.",
        "Switch it on in the provider's console, wait a few minutes and test the key again.",
    ),
    "billing_disabled": Failure(
        "Billing is switched off in the project that the key belongs to.",
        "Switch billing on in the provider's console, or use a key of a project that has it.",
    ),
    "account_suspended": Failure(
        "The provider has suspended the account or project that the key belongs to.",
        "Ask the provider why, and use another account's key in the meantime.",
    ),
    "organization_unverified": Failure(
        "OpenAI offers this model only to verified organisations.",
        "Verify the organisation at platform.openai.com (Settings, General), or choose another model.",
    ),
    "model_restricted": Failure(
        "The provider does not let this account use the model.",
        "Ask the provider for access, or choose another model in the slot.",
    ),
    "upload_not_accepted": Failure(
        "Turbotext did not accept the uploaded photo: for this account, photos may have to be fetched by "
        "address.",
        "In the settings, set the address for providers ('provider_media_base_url') and have photos fetched "
        "by address ('transport': 'url'), or ask Turbotext to allow uploads.",
    ),
    "PERMISSION_DENIED": NOT_SERVED,
    "http_403": NOT_SERVED,
    "forbidden": NOT_SERVED,
}

# For a reason that has no words of its own.
BY_KIND: dict[str, Failure] = {
    FailureKind.NO_IMAGE: FAILURES["provider_no_image"],
    FailureKind.REFUSED: FAILURES["provider_refused"],
    FailureKind.QUOTA: QUOTA,
    FailureKind.SPENT: SPENT,
    FailureKind.BAD_KEY: BAD_KEY,
    FailureKind.NO_MODEL: NO_MODEL,
    FailureKind.NOT_SERVED: NOT_SERVED,
    FailureKind.WRONG_PLACE: BY_REASON["location_unsupported"],
    FailureKind.UNREACHABLE: UNREACHABLE,
}

AT_THE_KEYS = (
    *(BAD_KEY, KEY_RESTRICTED, QUOTA, SPENT, SPEND_LIMIT),
    *(BY_REASON[one] for one in ("no_key", "unreadable_key", "key_of_other_address", "keys_rest")),
)


def failure_of(reason: str | None, kind: str | None = None) -> Failure | None:
    """What a provider's reason means; ``None`` if its code says as much."""
    return BY_REASON.get(reason or "") or BY_KIND.get(kind or "")
