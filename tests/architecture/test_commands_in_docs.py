"""Every command that a page or a message names exists, and knows the options that stand beside it."""

from __future__ import annotations

import argparse
import re
from contextlib import redirect_stdout, suppress
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from appliance.bare.options import parse
from appliance.cli import VERBS, build_parser
from tests.support.stack import CHECKOUT

PAGES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "config/*.md", "appliance/**/*.md", "appliance/locale/**/*.po")
    for path in CHECKOUT.glob(pattern)
    if path.name != "CHANGELOG.md"  # it names what there was
)
# What stands on a line after a command's name, as far as it can belong to it.
_WORDS = r"((?:[ ]+[^\s`|;&<>()\"“”«»,]+)*)"
_SCRIPT = re.compile(r"\bscripts/((?:bench/)?[\w-]+(?:\.py|\.sh)?)" + _WORDS)
_VERB = re.compile(
    r"(?:\bscripts/appliance(?: --data \w+)?|docker compose (?:run|exec)(?: -\S+)* (?:app|prepare))"
    r" ([a-z][\w-]+)" + _WORDS
)
_OPTION = re.compile(r"(?<!\S)\[?(--[a-z][a-z-]*)")
# Where the options of these are.
_ELSEWHERE = {
    "test": ["scripts/test", "tests/support/*.py", "scripts/_coverage.py"],
    "lock": [],  # passes them on
}


@cache
def options_of_script(name: str) -> str:
    """A text in which all of them stand."""
    if name == "run":
        with redirect_stdout(StringIO()) as said, suppress(SystemExit):
            parse(["--help"])
        return said.getvalue()
    files = [path for one in _ELSEWHERE.get(name, [f"scripts/{name}"]) for path in CHECKOUT.glob(one)]
    return "".join(path.read_text() for path in files)


@cache
def options_of_verb(verb: str) -> str:
    (verbs,) = [one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return str(verbs.choices[verb].format_help())


def unknown_in(words: str, options: str) -> list[str]:
    return [one for one in _OPTION.findall(words) if not re.search(rf"{one}(?![\w-])", options)]


def words_of(page: str) -> str:
    """A page's text; in one of messages, strings that go on in the next line are joined."""
    text = (CHECKOUT / page).read_text()
    return text.replace('"\n"', "") if Path(page).suffix == ".po" else text


@pytest.mark.parametrize("page", PAGES)
def test_a_script_exists_and_knows_its_options(page: str) -> None:
    for name, words in _SCRIPT.findall(words_of(page)):
        if not (CHECKOUT / "scripts" / name).exists():
            pytest.fail(f"there is no scripts/{name}")
        if name in {"lock", "appliance", "bench"}:
            continue
        unknown = unknown_in(words, options_of_script(name))
        assert unknown == [], f"scripts/{name}{words}"


@pytest.mark.parametrize("page", PAGES)
def test_a_verb_exists_and_knows_its_options(page: str) -> None:
    for verb, words in _VERB.findall(words_of(page)):
        if verb in {"sh", "appliance"}:
            continue
        assert verb in VERBS, f"{verb}{words}"
        unknown = unknown_in(words, options_of_verb(verb))
        assert unknown == [], f"{verb}{words}"
