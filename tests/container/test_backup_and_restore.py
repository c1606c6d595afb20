"""A backup, everything destroyed, restored elsewhere: the same bytes under the same links."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.container.stack import ContainerStack
from tests.support.photos import camera_jpeg_24mp


def test_what_was_destroyed_comes_back_byte_by_byte(
    lay_out: Callable[[str], ContainerStack], tmp_path: Path
) -> None:
    first = lay_out("first")
    first.install()
    shot = first.shot(camera_jpeg_24mp())
    jobs = [first.send(f"/api/ingest/slot-00{n}?reply=json", shot).json() for n in (1, 2, 3)]
    pictures = {job["public_url"]: first.get(job["public_url"]) for job in jobs}
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase for the backup\n")
    said = first.script("backup", "--to", str(tmp_path / "kept"), "--passphrase-file", str(passphrase)).stdout
    file = Path(said.splitlines()[-1])
    assert shot.password
    assert shot.password.encode() not in file.read_bytes()
    first.destroy()

    second = lay_out("second")
    second.install()
    damaged = tmp_path / "damaged"
    damaged.write_bytes(file.read_bytes()[:-1000])
    refused = second.script("restore", str(damaged), "--passphrase-file", str(passphrase), check=False)
    assert refused.returncode == 1
    assert "Nothing was changed" in refused.stderr
    second.script("restore", str(file), "--passphrase-file", str(passphrase))
    for link, picture in pictures.items():
        again = second.get(link)
        assert again.status_code == 200
        assert again.content == picture.content
        assert again.headers["etag"] == picture.headers["etag"]
    reply = second.send("/api/ingest/slot-001?reply=json", shot)  # with the first one's password
    assert reply.status == 200
