"""Reads the catalogue's files: the shipped ones, one a provider, and those laid beside the appliance."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from appliance.providers.catalogue.catalogue import Catalogue, CatalogueProblem, Layer

_FOLDER = Path(__file__).parent
SHIPPED = "shipped"


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


def with_file(catalogue: Catalogue, path: Path) -> Catalogue:
    """``catalogue`` with the changes of a file, if it is there; an unreadable one is told, and left out."""
    try:
        changes = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return catalogue
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        problem = CatalogueProblem(path.name, "", None, "", message)
        return Catalogue(
            {name: catalogue.of(name) for name in catalogue.providers}, (*catalogue.problems, problem)
        )
    return catalogue.with_layer(Layer(path.name, changes))


def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)
