"""Archives of pictures, opened by other people's programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.guests.service import friendly_name
from appliance.guests.zipping import ArchiveEntry, zipped

AT = datetime(2026, 11, 26, 21, 40, 5, tzinfo=UTC)
TABLE = "имя,file\r\nАнна,a.jpg\r\n".encode() * 50
# What an Android phone or a server in Java does: it reads while it receives.
_STREAMING = """
import java.io.*; import java.nio.charset.StandardCharsets; import java.nio.file.*; import java.util.zip.*;
public class Streaming {
  public static void main(String[] words) throws IOException {
    Path folder = Paths.get(words[0]);
    try (ZipInputStream zip = new ZipInputStream(System.in, StandardCharsets.UTF_8)) {
      for (ZipEntry entry; (entry = zip.getNextEntry()) != null; )
        Files.copy(zip, folder.resolve(entry.getName()));
    }
  }
}
"""


def unpack_with_unzip(archive: Path, target: Path) -> list[str]:
    return ["unzip", "-q", "-d", str(target), str(archive)]


def unpack_with_7zip(archive: Path, target: Path) -> list[str]:
    return ["7zz", "x", "-y", f"-o{target}", str(archive)]


def unpack_with_bsdtar(archive: Path, target: Path) -> list[str]:
    return ["bsdtar", "-x", "-f", str(archive), "-C", str(target)]


def unpack_with_bsdtar_from_a_pipe(archive: Path, target: Path) -> list[str]:
    return ["bsdtar", "-x", "-f", "-", "-C", str(target)]


def unpack_with_java_from_a_pipe(archive: Path, target: Path) -> list[str]:
    source = archive.with_name("Streaming.java")
    source.write_text(_STREAMING)
    return ["java", str(source), str(target)]


READERS = [
    unpack_with_unzip,
    unpack_with_7zip,
    unpack_with_bsdtar,
    unpack_with_bsdtar_from_a_pipe,
    unpack_with_java_from_a_pipe,
]


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, bytes]:
    """Files with names of every kind; one holds what looks like the end of an entry."""
    composed, marks = "Мария-и-Сергей.jpg", friendly_name("हिन्दी शादी", AT, "image/jpeg")
    return {
        composed: os.urandom(300_000),
        marks: b"\xff\xd8PK\x07\x08" + os.urandom(40) + b"PK\x03\x04" + os.urandom(1000),
        "empty.jpg": b"",
    }


def archive_of(folder: Path, pictures: dict[str, bytes]) -> Path:
    entries = []
    for number, (name, content) in enumerate(pictures.items()):
        stored = folder / f"stored-{number}"
        stored.write_bytes(content)
        entries.append(ArchiveEntry(name, AT, stored))
    archive = folder / "pictures.zip"
    archive.write_bytes(b"".join(zipped([*entries, ArchiveEntry("pictures.csv", AT, TABLE)])))
    return archive


@pytest.mark.parametrize("reader", READERS)
def test_an_archive_is_read_back_whole(
    tmp_path: Path, pictures: dict[str, bytes], reader: Callable[[Path, Path], list[str]]
) -> None:
    archive, target = archive_of(tmp_path, pictures), tmp_path / "unpacked"
    target.mkdir()
    command = reader(archive, target)
    if shutil.which(command[0]) is None:
        pytest.skip(f"!! there is no {command[0]}: whether it reads our archives is not tested")
    with archive.open("rb") as stream:
        done = subprocess.run(
            command,
            stdin=stream,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    assert done.returncode == 0, done.stderr.decode()
    assert {one.name: one.read_bytes() for one in target.iterdir()} == {**pictures, "pictures.csv": TABLE}


def test_pictures_are_packed_without_a_second_compression(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    archive = archive_of(tmp_path, pictures)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        sizes = {info.filename: (info.file_size, info.compress_size) for info in opened.infolist()}
    whole, packed = sizes["Мария-и-Сергей.jpg"]
    assert whole <= packed <= whole * 1.001
    assert sizes["pictures.csv"][1] < len(TABLE) / 5


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("हिन्दी शादी", "हिन्दी-शादी"),
        ("งานแต่ง 2026", "งานแต่ง-2026"),
        (unicodedata.normalize("NFD", "Йога & Müller"), "Йога-Müller"),
        ("  Anna_und/Paul! ", "Anna-und-Paul"),
        ("…", "photo"),
    ],
)
def test_letters_keep_their_marks_in_names_of_files(title: str, name: str) -> None:
    assert friendly_name(title, AT, "image/jpeg") == f"{name}-2026-11-26-214005.jpg"
