"""A model that a provider brings out tomorrow is a few lines in the site folder, and no release."""

import json
from pathlib import Path

import pytest

from tests.bare.appliance_run import Appliance

NEW = """\
[gemini]
default = "gemini-nano-banana-9"
hidden = ["gemini-3-pro-image"]
[gemini.models."gemini-nano-banana-9"]
like = "gemini-nano-banana-2.1"
price.picture = { "1K" = 0.01 }
"""


@pytest.mark.usefixtures("was_installed")
def test_a_file_in_the_site_folder_brings_a_model(appliance: Appliance, tmp_path: Path) -> None:
    appliance.start()
    appliance.folder.site.mkdir(exist_ok=True)
    (appliance.folder.site / "models.toml").write_text(NEW, encoding="utf-8")
    said = appliance.verb("models", "--json", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    listed = {(one["provider"], one["model"]): one for one in json.loads(said.stdout)["models"]}
    found = listed["gemini", "gemini-nano-banana-9"]
    assert (found["state"], found["said_by"]) == ("current", "catalogue")
    assert "0.01" in found["price"]
    assert listed["gemini", "gemini-nano-banana-2.1"]["price"] != found["price"]
