"""The catalogs are complete in every language, hold nothing twice and nothing that nobody says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from appliance.admin.render import who_of, who_words
from appliance.core.language import FOLDER, Domain, Message, language, languages, read_catalog
from appliance.core.validation import at_least_characters
from appliance.providers.registry import BUILDERS
from tests.support.schemas import described
from tests.support.stack import CHECKOUT

PACKAGE = CHECKOUT / "appliance"
KEY = re.compile(r"[a-z0-9_]+(\.[A-Za-z0-9_#/ -]+)+|choice\.")
PLACE = re.compile(r"%\((\w+)\)s")
STAFF, GUESTS = "staff", "guests"
ALL = [(STAFF, code) for code in languages(STAFF)] + [(GUESTS, code) for code in languages(GUESTS)]


def texts(domain: Domain, code: str) -> dict[str, list[str]]:
    """Every message of a catalog with its forms."""
    found = {}
    for message in read_catalog(domain, code):
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            forms = message.string if isinstance(message.string, list | tuple) else [message.string]
            found[key] = [str(form) for form in forms]
    return found


@cache
def sources() -> dict[Path, str]:
    files = [path for kind in ("*.py", "*.html") for path in PACKAGE.rglob(kind)]
    return {path: path.read_text(encoding="utf-8") for path in files}


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of ``name`` in the package."""
    for path, text in sources().items():
        if path.suffix == ".py" and name in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and f".{ast.unparse(node.func)}".endswith(f".{name}"):
                    yield path, node


@cache
def messages() -> set[str]:
    """The English templates of all findings."""
    first = [call.args[0] for name in ("Message", "Message.counted") for _, call in calls(name)]
    return {one.value for one in first if isinstance(one, ast.Constant)} | _of_pydantic()


def _of_pydantic() -> set[str]:
    from appliance.core import validation  # noqa: PLC0415 - its table is private to it

    return {template for template, _ in validation._MESSAGES.values()}


@pytest.mark.parametrize(("domain", "code"), ALL)
def test_every_language_says_everything(domain: Domain, code: str) -> None:
    keys = {key for key in texts(domain, "en") if domain == GUESTS or KEY.fullmatch(key)}
    assert keys - texts(domain, code).keys() == set()
    empty = [key for key, forms in texts(domain, code).items() if not all(form.strip() for form in forms)]
    assert empty == []


@pytest.mark.parametrize(("domain", "code"), ALL)
def test_the_same_values_are_put_in_everywhere(domain: Domain, code: str) -> None:
    english = texts(domain, "en")
    wrong = [
        key
        for key, forms in texts(domain, code).items()
        for form in forms
        if not set(PLACE.findall(form)) <= set(PLACE.findall("".join(english.get(key, [key]))))
    ]
    assert wrong == []


@pytest.mark.parametrize(("domain", "code"), ALL)
def test_every_text_of_a_page_can_be_filled_in(domain: Domain, code: str) -> None:
    """A percent sign that stands for itself is written twice."""
    for key, forms in texts(domain, code).items():
        if KEY.fullmatch(key):
            for form in forms:
                assert form % dict.fromkeys(PLACE.findall(form), "1"), key


@pytest.mark.parametrize(("domain", "code"), ALL)
def test_every_plural_has_all_forms_of_its_language(domain: Domain, code: str) -> None:
    catalog = read_catalog(domain, code)
    plurals = [message for message in catalog if isinstance(message.id, tuple | list)]
    assert [message.id for message in plurals if len(message.string) != catalog.num_plurals] == []


def test_every_finding_has_its_russian() -> None:
    assert len(messages()) > 50
    assert sorted(messages() - texts(STAFF, "ru").keys()) == []


def test_findings_put_the_same_values_in_as_their_calls_give() -> None:
    for path, call in calls("Message"):
        if isinstance(call.args[0], ast.Constant) and not any(word.arg is None for word in call.keywords):
            places = set(PLACE.findall(call.args[0].value))
            assert places == {word.arg for word in call.keywords}, f"{path.name}:{call.lineno}"


def test_every_count_of_a_finding_has_its_forms_in_every_language() -> None:
    counted = {
        call.args[0].value for _, call in calls("Message.counted") if isinstance(call.args[0], ast.Constant)
    }
    assert len(counted) > 3
    for code in languages(STAFF):
        assert [one for one in counted if len(texts(STAFF, code).get(one, ())) < 2] == [], code


def _said_of_fields(tree: ast.AST) -> Iterator[ast.expr]:
    """What ``fields={"name": …}`` and ``found["name"] = …`` say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "fields" and isinstance(node.value, ast.Dict):
            yield from node.value.values
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("found["):
            yield node.value


def test_what_is_wrong_with_a_field_is_always_a_message() -> None:
    """A sentence made by hand could be said in English alone."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{value.lineno}"
        for path, text in sources().items()
        if path.suffix == ".py" and path.name != "support_bundle.py"  # it finds files
        for value in _said_of_fields(ast.parse(text))
        if isinstance(value, ast.JoinedStr | ast.Constant)
    ]
    assert wrong == []


@pytest.mark.parametrize("code", languages(STAFF))
def test_no_finding_is_translated_that_nobody_says(code: str) -> None:
    said = messages() | {text for provider in BUILDERS for text in described(provider)}
    said |= {
        node.value
        for path, text in sources().items()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unsaid = [
        key
        for key in texts(STAFF, code)
        if not KEY.fullmatch(key) and key not in said and not key.startswith("must match the pattern ^")
    ]
    assert unsaid == []


@pytest.mark.parametrize("provider", sorted(BUILDERS))
def test_every_parameter_of_a_provider_has_its_russian(provider: str) -> None:
    russian = texts(STAFF, "ru")
    assert sorted(text for text in described(provider) if text not in russian) == []


def test_every_key_that_is_named_is_there() -> None:
    named = re.compile(r"""\b(?:_|gettext|ngettext)\(\s*["']([a-z0-9_]+(?:\.[a-z0-9_]+)+)["']\s*[,)]""")
    used = {key for text in sources().values() for key in named.findall(text)}
    assert len(used) > 400
    assert used - texts(STAFF, "en").keys() - texts(GUESTS, "en").keys() == set()


@pytest.mark.parametrize("domain", [STAFF, GUESTS])
def test_no_message_is_there_that_nobody_says(domain: Domain) -> None:
    whole = "\n".join(sources().values())
    literal = set(re.findall(r"""["']([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)+)["']""", whole))
    begun = tuple(set(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)*[._])(?:["']\s*[~+]|\{)""", whole)))
    begun += tuple(f"{kind}." for kind in re.findall(r"""named\((?:[\w.]+, )?["']([a-z_]+)""", whole))
    ended = tuple(set(re.findall(r"""[~}]\s*["']?([._][a-z_]+)["']""", whole)))
    unsaid = [
        key
        for key in texts(domain, "en")
        if KEY.fullmatch(key)
        and key not in literal
        and not key.startswith(begun)
        and not key.endswith(ended)
        and not key.startswith("choice.")
    ]
    assert unsaid == []


def test_a_finding_is_put_in_the_readers_language() -> None:
    found = at_least_characters(10)
    assert language(STAFF, "ru").message(found) == "Нужно не меньше 10 символов."
    assert language(STAFF, "ru").message("something nobody foresaw") == "something nobody foresaw"


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [
        (1, "At most 1 entry.", "Не больше 1 значения."),
        (3, "At most 3 entries.", "Не больше 3 значений."),
        (21, "At most 21 entries.", "Не больше 21 значения."),
    ],
)
def test_a_counted_finding_takes_the_form_of_the_readers_language(n: int, english: str, russian: str) -> None:
    found = Message.counted("must have at most %(n)s entry", "must have at most %(n)s entries", n=n)
    assert (language(STAFF, "en").message(found), language(STAFF, "ru").message(found)) == (english, russian)


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 снимок"), (3, "3 снимка"), (11, "11 снимков"), (21, "21 снимок"), (112, "112 снимков")],
)
def test_russian_counts_as_russians_do(count: int, text: str) -> None:
    assert text in language(STAFF, "ru").ngettext("settings.ttl.there", count)


@pytest.mark.parametrize(
    ("code", "size", "time", "number"),
    [("en", "1.5 MB", "12 sec", "12,345.7"), ("ru", "1,5 МБ", "12 с", "12 345,7")],
)
def test_numbers_and_units_are_those_of_the_language(code: str, size: str, time: str, number: str) -> None:
    words = language(STAFF, code)
    shown = (words.size(1_500_000), words.seconds(12), words.number(12345.67, 1))
    assert tuple(text.replace("\xa0", " ") for text in shown) == (size, time, number)


@pytest.mark.parametrize(
    ("who", "shown"),
    [("serg", "serg"), ("cli", "командная строка"), ("token press of serg", "токен «press» (serg)")],
)
def test_who_did_something_is_said_in_the_readers_language(who: str, shown: str) -> None:
    assert who_words(language(STAFF, "ru"), who) == shown


@pytest.mark.parametrize("code", languages(STAFF))
@pytest.mark.parametrize("who", ["cli", "disk-guard", "unknown", "serg"])
def test_who_did_something_is_found_by_what_is_shown_and_by_name(code: str, who: str) -> None:
    shown = who_words(language(STAFF, code), who)
    assert [who_of(language(STAFF, code), typed) for typed in (shown, who)] == [who, who]


def test_a_language_is_a_file_and_nothing_else() -> None:
    assert {path.stem for path in (FOLDER / GUESTS).glob("*.po")} == set(languages(GUESTS))


def test_a_pattern_is_explained_by_an_example() -> None:
    found = Message("must match the pattern %(pattern)s", pattern=r"^[1-9]\d{2,3}x[1-9]\d{2,3}$")
    assert "1200x1800" in language(STAFF, "en").message(found)
