"""Which files belong to nobody, looked for while others remove some."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from appliance.media import retention
from appliance.media.store import MediaStore

OLD = time.time() - 600


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    made = MediaStore(tmp_path)
    made.make_folders()
    return made


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    os.utime(path, (OLD, OLD))
    os.utime(path.parent, (OLD, OLD))
    return path


@pytest.fixture(params=[1, 2, 3], ids=["first", "second", "third"])
def vanish(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The file called by the one name in here goes right after it was looked at for so many times."""
    looks: Counter[str] = Counter()
    look = os.stat

    def stat(path: Any, **how: Any) -> os.stat_result:
        found = look(path, **how)
        if isinstance(path, str | Path) and (name := Path(path).name) in looks:
            looks[name] += 1
            if looks[name] == request.param:
                Path(path).unlink()
        return found

    monkeypatch.setattr(os, "stat", stat)
    return looks


@pytest.mark.parametrize("folder", ["results", "sources", "previews"])
def test_a_picture_that_goes_while_we_look_does_not_end_the_looking(
    media: MediaStore, vanish: Counter[str], folder: str
) -> None:
    going = old(media.root / folder / f"0{str(uuid.uuid4())[1:]}.jpg")
    staying = old(media.root / folder / f"f{str(uuid.uuid4())[1:]}.jpg")
    vanish[going.name] = 0
    assert str(staying) in [found.place for found in retention.old_files(media, folder, 180)]


def test_an_upload_that_goes_while_we_look_does_not_end_the_looking(
    media: MediaStore, vanish: Counter[str]
) -> None:
    going = old(media.root / "temp/slot-001" / f"0{str(uuid.uuid4())[1:]}" / "going")
    staying = old(media.root / "temp/slot-001" / f"f{str(uuid.uuid4())[1:]}" / "photo").parent
    vanish[going.name] = 0
    found = [one for one in retention.old_uploads(media, 180) if one.place == str(staying)]
    assert [one.size for one in found] == [5]


def test_what_has_gone_already_is_as_good_as_removed(media: MediaStore) -> None:
    gone = media.root / "results" / f"{uuid.uuid4()}.jpg"
    retention.remove(retention.Leftover(str(gone), None, 0))
    folder = old(media.root / "temp/slot-001" / str(uuid.uuid4()) / "photo").parent
    retention.remove(retention.Leftover(str(folder), None, 5))
    assert not folder.exists()
