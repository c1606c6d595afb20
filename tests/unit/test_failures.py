"""A failure is worded once: the catalogue's sentences stand wherever somebody reads of it."""

from __future__ import annotations

import re

import pytest

from appliance.core.errors import ErrorCode, error_classes
from appliance.core.failures import FAILURES, Failure
from appliance.core.language import language
from appliance.jobs.models import INTERRUPTED_REASON, TIMEOUT_REASON
from appliance.providers.base import FailureKind
from appliance.providers.failures import BY_KIND, BY_REASON, failure_of
from tests.support.stack import CHECKOUT

ALL = [*FAILURES.values(), *BY_REASON.values(), *BY_KIND.values()]
NGINX = CHECKOUT / "compose" / "nginx" / "nginx.conf.template"


def rows(page: str, column: int) -> dict[str, list[str]]:
    """The rows of a page's table of codes: the two cells with words, by the code in ``column``."""
    lines = (CHECKOUT / "docs" / page).read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {
        cells[column].strip("`"): cells[2:]
        for cells in table
        if len(cells) == 4 and cells[column].strip("`") in FAILURES
    }


def test_each_code_and_each_reason_of_a_job_is_worded() -> None:
    assert FAILURES.keys() == {*map(str, ErrorCode), TIMEOUT_REASON, INTERRUPTED_REASON}


def test_what_a_booth_is_told_is_what_staff_are_told() -> None:
    told = {code: cls().message for code, cls in error_classes().items()}
    assert told == {code: f"{FAILURES[code].what} {FAILURES[code].do}" for code in told}


@pytest.mark.parametrize("failure", ALL, ids=lambda one: one.what)
def test_each_sentence_is_english_whole_and_has_its_russian(failure: Failure) -> None:
    russian = language("staff", "ru")
    for sentence in (failure.what, failure.do):
        assert re.fullmatch(r"[A-Z].*[.]", sentence)
        assert re.search("[а-я]", russian.text(sentence)), sentence


def test_no_two_wordings_say_that_the_same_thing_happened() -> None:
    wordings = set(ALL)
    assert len({one.what for one in wordings}) == len(wordings)


def test_the_errors_page_says_it_in_the_same_words() -> None:
    for code, cells in rows("api/errors.md", 0).items():
        assert cells[0].startswith(FAILURES[code].what), code
        assert cells[1].startswith(FAILURES[code].do), code


@pytest.mark.parametrize(("page", "code"), [("booth.md", "en"), ("booth.ru.md", "ru")])
def test_the_booths_page_says_what_happened_in_the_same_words(page: str, code: str) -> None:
    found = rows(f"operator/{page}", 1)
    assert len(found) > 20
    for name, cells in found.items():
        assert cells[0].startswith(language("staff", code).text(FAILURES[name].what)), name


def test_nginx_answers_in_the_same_words() -> None:
    text = NGINX.read_text(encoding="utf-8")
    blocks = [
        text.split(f"map $status ${name} {{")[1].split("}")[0] for name in ("error_code", "error_message")
    ]
    codes, messages = (dict(re.findall(r'^ +(\w+) +"?(.*?)"?;$', block, re.MULTILINE)) for block in blocks)
    assert len(codes) > 7
    assert {code: messages[status] for status, code in codes.items()} == {
        code: str(FAILURES[code]) for code in codes.values()
    }


def test_a_reason_that_nobody_foresaw_is_worded_by_its_kind() -> None:
    assert failure_of("http_418", FailureKind.BAD_KEY) == failure_of("malformed_key")
    assert failure_of("no_credits", FailureKind.QUOTA) == failure_of("no_credits")
    assert failure_of("http_418", FailureKind.IMPOSSIBLE) is None
