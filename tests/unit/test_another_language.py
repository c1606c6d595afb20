"""A language of the staff's pages is a file: everything that says something in all of them has it then."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.stack import CHECKOUT

ASKED = """
import json
from pydantic import TypeAdapter
from appliance.core.language import languages
from appliance.providers.catalogue.model import Text
from appliance.staff.alerts.schemas import ChannelOptions
from appliance.staff.jobs.service import advice_view
from appliance.staff.looks.service import ready_made

view = advice_view("deadline_exceeded", None)
print(json.dumps({
    "languages": [*languages("staff")],
    "alerts": ChannelOptions(name="crew", language="de").language,
    "advice": [*view.model_dump(exclude={"place"})],
    "what": view.in_language("de").what,
    "label": TypeAdapter(Text).validate_python("Nano Banana").in_language("de"),
    "look": ready_made().looks[0].name.in_language("de"),
}))
"""


def test_a_third_language_is_offered_wherever_there_are_two(tmp_path: Path) -> None:
    package = tmp_path / "appliance"
    package.mkdir()
    for path in (CHECKOUT / "appliance").iterdir():
        if path.name != "locale":
            (package / path.name).symlink_to(path)
    shutil.copytree(CHECKOUT / "appliance" / "locale", package / "locale")
    english = (package / "locale" / "staff" / "en.po").read_text(encoding="utf-8")
    german = english.replace("Language: en", "Language: de")
    german += '\nmsgid "The picture was not ready in time."\nmsgstr "Das Bild war zu spät fertig."\n'
    (package / "locale" / "staff" / "de.po").write_text(german, encoding="utf-8")
    asked = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == {
        "languages": ["en", "de", "ru"],
        "alerts": "de",
        "advice": ["en", "de", "ru"],
        "what": "Das Bild war zu spät fertig.",
        "label": "Nano Banana",
        "look": "Watercolour",
    }
