"""What staff are told of a provider's refusal: what it was, in both languages, and what to do."""

from __future__ import annotations

import pytest

from appliance.staff.jobs.advice import advice

OWN_WORDS = (
    "location_unsupported",
    "service_disabled",
    "billing_disabled",
    "account_suspended",
    "organization_unverified",
    "model_restricted",
    "model_not_found",
    "insufficient_quota",
    "project_spend_limit_exceeded",
    "ip_not_authorized",
    "PUP_LIMITED_DISABLED",
    "PERMISSION_DENIED",
    "missing_scope",
    "upload_not_accepted",
)


def test_each_refusal_has_words_of_its_own_in_both_languages():
    for language in ("en", "ru"):
        told = [advice("provider_failed", reason, language) for reason in OWN_WORDS]
        assert len({one.what for one in told}) == len(OWN_WORDS)
        assert all(one.do for one in told)
        assert all(any("а" <= letter <= "я" for letter in one.what) == (language == "ru") for one in told)


@pytest.mark.parametrize(("language", "word"), [("en", "proxy"), ("ru", "прокси")])
def test_a_place_that_is_not_served_is_answered_with_a_proxy_not_with_a_key(language, word):
    told = advice("provider_failed", "location_unsupported", language)
    assert word in told.do
    assert told.place is None


def test_an_empty_account_is_put_right_where_the_keys_are():
    assert advice("provider_unavailable", "insufficient_quota", "en").place == "provider_keys"
