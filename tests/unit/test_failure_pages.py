"""A failure's own words are in the reader's language, with what was put in."""

from __future__ import annotations

import pickle

import pytest
from fastapi import Request

from appliance.admin.errors import explained
from appliance.admin.security import PageContext
from appliance.core.errors import (
    ApplianceError,
    ImageTooManyPixels,
    InvalidRequest,
    PermissionDenied,
    UnsupportedMediaType,
    ValidationFailed,
)
from appliance.core.images import sniff
from appliance.core.language import Message, language
from appliance.core.validation import at_least_characters
from appliance.providers.base import ProviderQuota
from appliance.providers.failover import as_appliance_error

LACKING = PermissionDenied(
    Message(
        "The account '%(name)s' may not do that: it lacks %(permission)s.",
        name="igor",
        permission="settings:write",
    )
)
NESTED = ImageTooManyPixels(
    Message(
        "%(beyond)s Set 'Max image size' in the booth software.",
        beyond=Message("The picture has %(has)s million pixels, the limit is %(most)s.", has="80", most="60"),
    )
)


def text(error: ApplianceError, code: str) -> str:
    context = PageContext(
        request=Request({"type": "http", "headers": []}),
        language=language("staff", code),
        theme="auto",
        csrf_secret="",
    )
    return explained(context, error)["text"]


def a_gif() -> UnsupportedMediaType:
    with pytest.raises(UnsupportedMediaType) as refused:
        sniff(b"GIF89a" + b"\0" * 500)
    return refused.value


@pytest.mark.parametrize(
    ("error", "russian"),
    [
        (LACKING, "Учётной записи «igor» это нельзя: нет права settings:write."),
        (
            NESTED,
            "В снимке 80 млн пикселей, а можно не больше 60. Задайте в программе фотобудки «Max image size».",
        ),
        (a_gif(), "Это файл GIF. Настройте фотобудку на JPEG, PNG или WebP."),
        (
            as_appliance_error(ProviderQuota("insufficient_quota")),
            (
                "На счёте у провайдера кончились деньги или исчерпана квота. Пополните счёт у провайдера, "
                "добавьте другой ключ или переключите слот на другого провайдера. "
                "provider: insufficient_quota."
            ),
        ),
    ],
)
def test_a_page_says_in_russian_what_the_api_says_in_english(error: ApplianceError, russian: str) -> None:
    assert text(error, "ru") == russian
    assert text(error, "en").startswith(error.body()["error"]["message"])


def test_words_that_are_not_ours_give_way_to_those_of_the_code() -> None:
    error = InvalidRequest(Message("Bad chunk header"))
    assert text(error, "en") == "Bad chunk header"
    assert text(error, "ru").startswith("Обновите страницу")


def test_what_is_wrong_with_fields_is_said_too() -> None:
    error = ValidationFailed(fields={"password": at_least_characters(10)})
    assert text(error, "ru").endswith("password: Нужно не меньше 10 символов.")


def test_words_come_whole_out_of_another_process() -> None:
    back = pickle.loads(pickle.dumps(NESTED))
    assert text(back, "ru") == text(NESTED, "ru")
