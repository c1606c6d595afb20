"""Write what the image is made of as CycloneDX: sbom.py TARGET. Runs in the build, standard library only.

The Python packages come from their own metadata, Debian's from dpkg; the same content makes the same bytes.
"""
# ruff: noqa: INP001 - a program of the build

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

PACKAGES = "/opt/venv/lib/python3.13/site-packages"
DPKG = Path("/var/lib/dpkg/status")


def python_packages() -> Iterator[dict[str, Any]]:
    """What lies in the virtual environment."""
    for found in distributions(path=[PACKAGES]):
        name, version = found.metadata["Name"], found.version
        part: dict[str, Any] = {"type": "library", "name": name, "version": version}
        part |= {"purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"}
        if wording := licence(found):
            part |= {"licenses": [wording]}
        yield part


def licence(found: Distribution) -> dict[str, Any] | None:
    """As the package itself says it: an expression, or its classifiers' words."""
    if expression := found.metadata["License-Expression"]:
        return {"expression": expression}
    said = [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier", [])
        if "License ::" in line
    ]
    return {"license": {"name": ", ".join(said)}} if said else None


def debian_packages() -> Iterator[dict[str, Any]]:
    """What dpkg has installed."""
    for paragraph in DPKG.read_text(encoding="utf-8").split("\n\n"):
        pairs = (
            line.partition(": ")[::2] for line in paragraph.splitlines() if ": " in line and line[0] != " "
        )
        about = dict(pairs)
        if about.get("Status", "").endswith(" installed"):
            name, version, machine = about["Package"], about["Version"], about["Architecture"]
            purl = f"pkg:deb/debian/{name}@{version}?arch={machine}&distro=debian-13"
            yield {"type": "library", "name": name, "version": version, "purl": purl}


def main(target: Path) -> None:
    """Write the file."""
    parts = sorted((*python_packages(), *debian_packages()), key=lambda part: part["purl"])
    program = {"type": "container", "name": "photochanger"}
    version = sys.version.split()[0]
    python = {"type": "platform", "name": "python", "version": version}
    # Public images build it themselves, so dpkg does not list it; scanners look faults up by this name.
    python |= {"cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": [python, *parts],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
