"""Static files: one name for one content, whole or not at all, and the versions before stay for a while."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.admin import assets


def test_everything_a_page_names_is_collected_and_readable(tmp_path: Path) -> None:
    folder = assets.collect(tmp_path / "static")
    assert folder.name == assets.version()
    for name in ("app.css", "app.js", "htmx.js", "manrope.woff2", "icon.svg"):
        assert assets.url(name) == f"/static/{assets.version()}/{name}"
        assert (folder / name).stat().st_mode & 0o444 == 0o444
    assert folder.stat().st_mode & 0o555 == 0o555
    for path in folder.glob("*.js"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import "):
                assert (folder / line.rstrip('";').rpartition("./")[2]).exists(), line


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        assets.url("nothing.css")


def test_collecting_twice_changes_nothing_and_old_versions_go_at_last(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1_700_000_000 - age, 1_700_000_000 - age))
    first = assets.collect(tmp_path)
    made = (first / "app.css").stat().st_mtime_ns
    assert assets.collect(tmp_path) == first
    assert (first / "app.css").stat().st_mtime_ns == made
    assert {path.name for path in tmp_path.iterdir()} == {first.name, "newest", "older"}


def test_the_font_is_small_and_its_licence_lies_beside_it() -> None:
    fonts = assets.OWN / "fonts"
    assert (fonts / "manrope.woff2").read_bytes()[:4] == b"wOF2"
    assert (fonts / "manrope.woff2").stat().st_size < 50_000
    assert "SIL Open Font License" in (fonts / "OFL.txt").read_text(encoding="utf-8")


def test_what_a_power_cut_left_half_written_is_written_again(tmp_path: Path) -> None:
    folder = assets.collect(tmp_path)
    (folder / "app.css").write_bytes(b"")
    (folder / "app.js").unlink()
    assert assets.collect(tmp_path) == folder
    assert (folder / "app.css").read_bytes() == assets.files()["app.css"]
    assert (folder / "app.js").read_bytes() == assets.files()["app.js"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
