"""Guests' scripts run on old phones, and the wall on old TVs: webOS 4 is Chromium 53.

One word that such a browser does not know, and its whole script is dead.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from appliance.guests import pages

FOLDER = Path(pages.__file__).parent
TV, PHONE = 2016, 2017
EDITIONS = {"live.js": TV, "wall.js": TV, "gallery.js": PHONE, "picture.js": PHONE, "times.js": PHONE}
YOUNG_CALLS = re.compile(
    r"\.(at|flat|flatMap|replaceAll|replaceChildren|finally|findLast|toSorted|toReversed)\("
    r"|allSettled|fromEntries|structuredClone"
)
YOUNG_CALLS_ON_A_TV = re.compile(r"\.(append|prepend|before|after|replaceWith)\(|Object\.(values|entries)")
YOUNG_STYLES_ON_A_TV = re.compile(
    r"\binset|\bgap:|\b(scale|rotate|translate|aspect-ratio):|:(is|where|has)\(|\b(min|max|clamp)\("
    r"|color-mix|-(inline|block)\b|grid|\d[sld]v[hw]\b|#([0-9a-f]{4}|[0-9a-f]{8})\b"
)
# The parser that is part of Playwright's Node.
_PARSE = """
const { parse } = require('internal/deps/acorn/acorn/dist/acorn');
parse(require('fs').readFileSync(0, 'utf8'), { ecmaVersion: Number(process.argv[1]) });
"""


@pytest.fixture(autouse=True, scope="module")
def _node() -> None:
    """Where a library that it needs is missing, its parser cannot be asked."""
    node, _ = compute_driver_executable()
    tried = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"NO NODE: {tried.stderr.strip()} (on Debian: apt-get install libatomic1)")


def complaint(script: str, edition: int) -> str:
    """What a browser of this edition of the language says; nothing: it runs."""
    node, _ = compute_driver_executable()
    done = subprocess.run(
        [node, "--expose-internals", "-e", _PARSE, str(edition)],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def test_the_parser_knows_what_is_too_young() -> None:
    assert complaint("const one = { ...other };", 2018) == ""
    assert "SyntaxError" in complaint("const one = { ...other };", 2017)
    assert "SyntaxError" in complaint("async function one() {}", 2016)


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.js")))
def test_a_script_is_written_for_the_browsers_it_meets(name: str) -> None:
    script = (FOLDER / name).read_text(encoding="utf-8")
    assert complaint(script, EDITIONS[name]) == ""
    assert [found[0] for found in YOUNG_CALLS.finditer(script)] == []
    if EDITIONS[name] == TV:
        assert [found[0] for found in YOUNG_CALLS_ON_A_TV.finditer(script)] == []


def test_the_walls_styles_are_old_enough_for_a_tv() -> None:
    styles = (FOLDER / "wall.css").read_text(encoding="utf-8")
    assert [found[0] for found in YOUNG_STYLES_ON_A_TV.finditer(styles)] == []
