"""Sealed backups are age files: others open them, we open theirs, and what earlier versions sealed."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import pty
import shutil
from pathlib import Path

import pyrage
import pytest

from appliance.lifecycle.backup import restore, sealing
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.sealing import MAGIC, WORK, Sealer, is_sealed

PASSPHRASE = "правильная лошадь battery"
CHUNK = 64 * 1024
NEEDS_AGE = pytest.mark.skipif(shutil.which("age") is None, reason="Debian's package age is not installed")
# Made by version 0.1.0 with the passphrase "correct horse".
EARLIER = base64.b64decode(
    "UEhPVE9DSEFOR0VSIFNFQUxFRCBCQUNLVVAgMQp7InNhbHQiOiAiMzI4ODE2MjdjMDM2OWFlYmRlM2RiZDYxMDUyYzIwZjAiLCAi"
    "Y2hlY2siOiAiNDRmMmE2YzA1YmJkODQyM2Y0ZTk1ZWJlZjQwN2E1YTciLCAibiI6IDMyNzY4LCAiciI6IDgsICJwIjogMX0K4Gxn"
    "cjN+Mf/HyPg90NTL2cR0Dn0p6jRZzq6IQu2MziR4QMc5vFaOu6gn9wmmEw=="
)


def sealed(content: bytes, work: int = 10) -> bytes:
    below = io.BytesIO()
    sealer = Sealer(below, PASSPHRASE, work)
    for start in range(0, len(content), 50_000):
        sealer.write(content[start : start + 50_000])
    sealer.close()
    return below.getvalue()


def opened(file: bytes, passphrase: str | None = PASSPHRASE) -> bytes:
    source, found = sealing.opened(io.BytesIO(file), passphrase), bytearray()
    while block := source.read(30_000):
        found += block
    return bytes(found)


def with_age(*arguments: str) -> int:
    """Run age, which asks for its passphrase on a terminal of its own."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp("age", ["age", *arguments])
    asked = b""
    with contextlib.suppress(OSError):  # the terminal is gone when age has ended
        while part := os.read(terminal, 1000):
            asked += part
            if b"assphrase" in asked and asked.rstrip().endswith((b":", b"[?25h")):
                os.write(terminal, PASSPHRASE.encode() + b"\n")
                asked = b""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000])
def test_another_implementation_of_age_opens_what_we_seal(size: int) -> None:
    content = os.urandom(size)
    assert pyrage.passphrase.decrypt(sealed(content), PASSPHRASE) == content


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 200_000])
def test_what_was_sealed_is_opened_again_whatever_its_size(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content


@NEEDS_AGE
def test_the_tool_age_opens_what_we_seal(tmp_path: Path) -> None:
    (tmp_path / "backup.tar.age").write_bytes(sealed(b"pictures" * 20_000, WORK))
    assert with_age("-d", "-o", f"{tmp_path}/backup.tar", f"{tmp_path}/backup.tar.age") == 0
    assert (tmp_path / "backup.tar").read_bytes() == b"pictures" * 20_000


def test_guessing_a_passphrase_costs_as_much_as_the_smallest_machine_can_pay() -> None:
    assert WORK == 16
    assert b" 16\n" in sealed(b"x", WORK)[:100]
    assert opened(sealed(b"x", WORK)) == b"x"


def test_what_earlier_versions_sealed_is_opened() -> None:
    assert is_sealed(EARLIER)
    assert opened(EARLIER, "correct horse") == b"what an earlier version sealed"
    for passphrase, said in (("wrong", "has another passphrase"), (None, "Give its passphrase")):
        with pytest.raises(BackupProblem, match=said):
            opened(EARLIER, passphrase)
    with pytest.raises(BackupProblem, match="damaged"):
        opened(EARLIER[:-1], "correct horse")


def test_a_wrong_passphrase_is_told_from_none() -> None:
    file = sealed(b"x")
    for passphrase, said in (("wrong", "has another passphrase"), ("", "Give its passphrase")):
        with pytest.raises(BackupProblem, match=said):
            opened(file, passphrase)


@pytest.mark.parametrize("at", [5, len(MAGIC) + 12, -1, -CHUNK, -2 * CHUNK])
def test_a_byte_that_changed_is_noticed(at: int) -> None:
    file = bytearray(sealed(os.urandom(3 * CHUNK)))
    file[at] ^= 1
    with pytest.raises(BackupProblem):
        opened(bytes(file))


@pytest.mark.parametrize("cut", [1, CHUNK + 16, CHUNK + 16 + 5, 3 * (CHUNK + 16)])
def test_a_file_that_was_cut_off_is_noticed(cut: int) -> None:
    with pytest.raises(BackupProblem, match="damaged or was cut off"):
        opened(sealed(os.urandom(3 * CHUNK))[:-cut])


def test_chunks_in_another_order_are_noticed() -> None:
    file, size = sealed(os.urandom(3 * CHUNK)), CHUNK + 16
    head, chunks = file[: -3 * size], [file[-3 * size : -2 * size], file[-2 * size : -size], file[-size:]]
    with pytest.raises(BackupProblem, match="damaged"):
        opened(head + chunks[1] + chunks[0] + chunks[2])


def test_work_that_would_take_all_memory_is_not_begun() -> None:
    lines = sealed(b"x").split(b"\n", 2)
    greedy = b"\n".join((lines[0], lines[1].rsplit(b" ", 1)[0] + b" 30", lines[2]))
    with pytest.raises(BackupProblem, match="first lines"):
        opened(greedy)


def test_neither_a_plain_file_nor_an_empty_one_counts_as_sealed() -> None:
    assert not is_sealed(b"manifest.json\0\0")
    assert not is_sealed(b"")


def test_a_backup_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(BackupProblem, match=r"no backup called photochanger-1\.tar here"),
        restore.opened("photochanger-1.tar", io.BytesIO(), None),
    ):
        pass
