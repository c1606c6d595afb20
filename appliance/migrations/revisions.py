"""Which migrations this version knows, by their files' names: nothing is loaded for that."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Literal

TablesAge = Literal["current", "older", "newer"]

# What neither changes a row nor takes anything away: a version goes on working meanwhile and afterwards.
_ADDING = frozenset({"create_table", "add_column", "create_index"})
_FILES = Path(__file__).parent / "versions"


@cache
def known() -> list[str]:
    """All revisions in their order: ``0001`` and so on, as the files' names begin."""
    return sorted(file.name.partition("_")[0] for file in _FILES.glob("[0-9]*_*.py"))


def tables_age(revision: str) -> TablesAge:
    """How tables of that revision are to this version."""
    if revision == known()[-1]:
        return "current"
    return "older" if revision in known() else "newer"


def beyond_adding(revision: str | None) -> list[str]:
    """The migrations after ``revision`` (``None``: all) that do more than add; their files' names."""
    if revision is not None and revision not in known():
        return []  # of a newer version: none is to come
    return [
        file.stem
        for file in sorted(_FILES.glob("[0-9]*_*.py"))
        if (revision is None or file.name.partition("_")[0] > revision)
        and not _operations(file.read_text(encoding="utf-8")) <= _ADDING
    ]


def _operations(source: str) -> set[str]:
    """What a migration does with ``op`` on the way up."""
    parts = (
        part
        for part in ast.parse(source).body
        if not (isinstance(part, ast.FunctionDef) and part.name == "downgrade")
    )
    return {
        node.attr
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "op"
    }
