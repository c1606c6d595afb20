"""The docs say what the code does: a setting, a code or a verb without its entry fails here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.accounts.actions import ACTIONS
from appliance.cli import VERBS
from appliance.core import errors
from appliance.core.errors import ApplianceError, ErrorCode
from appliance.settings.environment import environment_names
from appliance.settings.operator import OperatorSettings
from appliance.staff.issues.findings import CODES
from tests.support.stack import CHECKOUT

DOCS = CHECKOUT / "docs"


def rows(path: str) -> dict[str, list[str]]:
    """The table rows of a page by their first cell, which stands in backticks."""
    found = {}
    for line in (DOCS / path).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[cells[0].strip("`")] = cells[1:]
    return found


def test_every_error_code_stands_in_the_docs_with_its_status() -> None:
    documented = {code: int(cells[0]) for code, cells in rows("api/errors.md").items()}
    assert documented == {str(code): cls.status_code for code, cls in errors.error_classes().items()}


def test_every_code_has_one_class_of_its_own() -> None:
    classes = ApplianceError.__subclasses__()
    assert len({cls.code for cls in classes}) == len(classes)
    assert {cls.code for cls in classes} == set(ErrorCode)


def test_the_tree_of_errors_is_drawn_whole() -> None:
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b", (errors.__doc__ or "").split("ApplianceError", 1)[1]))
    assert {cls.__name__ for cls in ApplianceError.__subclasses__()} <= drawn


def test_every_environment_setting_is_documented() -> None:
    assert set(rows("ops/settings.md")) >= set(environment_names())


def test_every_operator_setting_is_documented() -> None:
    assert set(rows("ops/settings.md")) >= set(OperatorSettings.model_fields)


def test_every_verb_is_documented() -> None:
    assert set(rows("ops/commands.md")) >= set(VERBS)


PAGES = [path.relative_to(CHECKOUT) for path in (*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md"))]


@pytest.mark.parametrize("name", sorted(map(str, PAGES)))
def test_links_between_pages_lead_somewhere(name: str) -> None:
    page = CHECKOUT / name
    for target, place in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not place or there.suffix != ".md" or place in headings(there), f"{target}#{place}"


def headings(page: Path) -> set[str]:
    """As links name them; a line of a command's output that begins with # does no harm."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


def test_every_action_of_the_audit_log_stands_in_the_docs() -> None:
    text = (DOCS / "api/accounts.md").read_text()
    assert [action for action in ACTIONS if f"`{action}`" not in text] == []


def test_every_issue_stands_in_the_docs() -> None:
    documented = [code for cell in rows("ops/issues.md") for code in re.split(r"`, `", cell)]
    assert sorted(documented) == sorted(CODES)
