"""Reads the catalogue's layers: the shipped files, the config file, and one laid beside the appliance."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from appliance.core.language import Message
from appliance.providers.catalogue.catalogue import Catalogue, CatalogueProblem, Layer

_FOLDER = Path(__file__).parent
SHIPPED = "shipped"
SITE_FILE = "models.toml"
TABLE = "catalogue"  # of the config file
_LINE = re.compile(r"line (\d+)")


@cache
def shipped() -> Catalogue:
    """The catalogue that came with this version; raises ``ValueError`` with all that is wrong in it."""
    changes = {
        path.stem: _parsed(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.toml"))
    }
    found = Catalogue({}).with_layer(Layer(SHIPPED, changes, brings_providers=True))
    if found.problems:
        raise ValueError("\n".join(map(str, found.problems)))
    return found


def installed(config_file: Path, site_dir: Path | None) -> Catalogue:
    """The shipped catalogue with the changes of the config file and of ``models.toml`` in ``site_dir``.

    What is wrong is left out and told (``problems``): the appliance starts all the same.
    """
    found = with_file(shipped(), config_file, table=TABLE)
    return with_file(found, site_dir / SITE_FILE) if site_dir else found


def with_file(catalogue: Catalogue, path: Path, *, table: str | None = None) -> Catalogue:
    """``catalogue`` with the changes of a file, or of one table in it; a missing file has none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        return catalogue
    except (OSError, UnicodeDecodeError) as error:
        message = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        return catalogue.with_problem(CatalogueProblem(path.name, "", None, "", message))
    return with_text(catalogue, text, path.name, table=table)


def with_text(catalogue: Catalogue, text: str, name: str, *, table: str | None = None) -> Catalogue:
    """``catalogue`` with the changes that a TOML text says, or one table in it."""
    try:
        changes = _parsed(text)
    except tomllib.TOMLDecodeError as error:
        return catalogue.with_problem(CatalogueProblem(name, "", None, "", _not_toml(text, error)))
    changes = changes.get(table, {}) if table else changes
    if not isinstance(changes, dict):
        return catalogue.with_problem(
            CatalogueProblem(name, str(table), None, "", Message("must be a table"))
        )
    return catalogue.with_layer(Layer(name, changes))


def _not_toml(text: str, error: tomllib.TOMLDecodeError) -> Message:
    said, _, place = str(error).partition(" (at ")
    line = _LINE.match(place)
    return Message(
        "line %(line)s is not TOML: %(error)s", line=line[1] if line else len(text.splitlines()), error=said
    )


def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)
