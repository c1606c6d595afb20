"""What is in the image, and what is not."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from tests.container.conftest import IMAGE
from tests.container.stack import run
from tests.support.stack import CHECKOUT

# Where a checkout that is in use has its secrets, and where somebody may have left some.
PLACES = (
    ".env",
    "compose/.env",
    "compose/secrets/database-password",
    "compose/site/models.toml",
    "data/secrets/jwt-keys.json",
    "secrets/provider-keys/gemini",
    "backups/photochanger.tar",
    "media/results/guest.jpg",
    "first-passwords.json",
)


def test_no_secret_that_lies_in_the_checkout_gets_into_the_image(image: str, tmp_path: Path) -> None:
    """Built from a copy in which every such place holds a mark; the layers that hold none are reused."""
    assert image
    mark, context = f"planted-{secrets.token_hex(12)}", tmp_path / "checkout"
    left_out = shutil.ignore_patterns(".git", ".venv", "artifacts", "tests", "__pycache__", ".*_cache")
    shutil.copytree(CHECKOUT, context, ignore=left_out)
    for place in PLACES:
        (context / place).parent.mkdir(parents=True, exist_ok=True)
        (context / place).write_text(mark)
    name = f"{IMAGE}:planted"
    dockerfile = str(context / "image" / "Dockerfile")
    run("docker", "build", "-q", "-f", dockerfile, "--build-arg", "VERSION=1.0", "-t", name, str(context))
    try:
        look = f"grep -rlF {mark} / --exclude-dir=proc --exclude-dir=sys; test -f /app/appliance/cli.py"
        found = run("docker", "run", "--rm", "--user", "0", "--entrypoint", "sh", name, "-c", look)
    finally:
        run("docker", "image", "rm", name)
    assert found.strip() == ""


def test_nothing_has_to_be_compiled_when_the_app_starts(image: str) -> None:
    """Public images of Python hold its library without compiled files, and nothing can be written here."""
    look = (
        "import os, sys, appliance.app, appliance.cli; "
        "files = [getattr(module, '__cached__', None) for module in sys.modules.values()]; "
        "print(len(files), [file for file in files if file and not os.path.exists(file)])"
    )
    said = run("docker", "run", "--rm", "--entrypoint", "python", f"{image}:1.0", "-c", look)
    loaded, _, missing = said.strip().partition(" ")
    assert int(loaded) > 1000
    assert missing == "[]"
