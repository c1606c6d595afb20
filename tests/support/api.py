"""The API as the program describes it, whole and as a short summary that stands in the repository."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.app import create_app
from appliance.settings.environment import Settings
from tests.support.stack import CHECKOUT

SUMMARY = CHECKOUT / "tests/contract/api.txt"
NOWHERE = Path("/nowhere")


@functools.cache
def description() -> dict[str, Any]:
    """The OpenAPI description, as ``scripts/openapi`` prints it."""
    settings = Settings(
        database_url="postgresql://x/x", media_root=NOWHERE, secrets_dir=NOWHERE, config_file=NOWHERE
    )
    return create_app(settings).openapi()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and what is said about it."""
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def permission(operation: dict[str, Any]) -> str:
    """What an account needs for it; ``login`` for any account, ``open`` for anybody."""
    asked = [names for scheme in operation.get("security", ()) for names in scheme.values()]
    return " ".join(asked[0]) or "login" if asked else "open"


def answers(operation: dict[str, Any]) -> str:
    """Its statuses, each with its error codes: ``200 404:not_found,job_not_found``."""
    said = []
    for status, response in sorted(operation["responses"].items()):
        examples = response.get("content", {}).get("application/json", {}).get("examples", {})
        codes = sorted(examples) if status >= "4" else []
        said.append(f"{status}:{','.join(codes)}" if codes else status)
    return " ".join(said)


def summary() -> str:
    """One line an operation: method, path, permission, answers."""
    lines = [
        f"{method} {path} [{permission(operation)}] {answers(operation)}"
        for method, path, operation in operations()
    ]
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split(" ")[1::-1]))


if __name__ == "__main__":
    SUMMARY.write_text(summary())
