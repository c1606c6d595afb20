"""What of the program a run of the suite went through. Used by scripts/test; stdlib only.

Every Python that the suite starts measures itself, the appliance's own processes too: the package
``coverage`` looks for these variables when Python starts.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
LEAST = 10


def begin() -> dict[str, str]:
    """The variables for the suite's environment."""
    folder = Path(tempfile.mkdtemp(prefix="coverage-"))
    folder.chmod(0o777)  # the appliance does not run as root, even where the suite does
    return {
        "COVERAGE_PROCESS_START": str(CHECKOUT / "pyproject.toml"),
        "COVERAGE_FILE": str(folder / "data"),
    }


def finish(python: str, variables: dict[str, str]) -> None:
    """Print the total and the least covered files."""
    folder = Path(variables["COVERAGE_FILE"]).parent
    environment = {**os.environ, "COVERAGE_FILE": variables["COVERAGE_FILE"]}
    report = folder / "report.json"
    try:
        for command in (["combine", "--quiet"], ["json", "--quiet", "-o", str(report)]):
            subprocess.run(
                [python, "-m", "coverage", *command], cwd=CHECKOUT, env=environment, check=True, timeout=300
            )
        print(in_words(json.loads(report.read_text())), flush=True)
    finally:
        shutil.rmtree(folder)


def in_words(report: dict[str, Any]) -> str:
    """A few lines: no goal by number, but where to look."""
    total = report["totals"]
    lines = [
        f"coverage of appliance/: {total['percent_covered']:.1f} % of lines and branches together",
        f"least covered, of {len(report['files'])} files:",
    ]
    files = sorted(report["files"].items(), key=lambda item: item[1]["summary"]["percent_covered"])
    for name, file in files[:LEAST]:
        found = file["summary"]
        lines.append(
            f"  {found['percent_covered']:5.1f} %  {name}"
            f" ({found['missing_lines']} lines, {found['missing_branches']} branches not run)"
        )
    return "\n".join(lines)
