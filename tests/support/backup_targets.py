"""Real targets for backups, on ports of their own: SeaweedFS for S3, OpenSSH and AsyncSSH for SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import obstore
from obstore.store import S3Store

from tests.support.stack import free_port
from tests.support.waiting import until

WEED = str(Path(sys.executable).with_name("weed"))
ACCESS, SECRET, BUCKET = "backup-access", "backup-secret", "backups"
CAP_SYS_ADMIN = 1 << 21
USER, PASSWORD = "keeper", "over the wire"


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """An S3 service; its address."""
    with seaweed_with_filer(folder) as (address, _):
        yield address


@contextmanager
def seaweed_with_filer(folder: Path) -> Iterator[tuple[str, str]]:
    """The same; and what ``weed mount`` is told to mount a bucket as a folder."""
    port, filer, grpc = free_port(), free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    with _running(_seaweed(folder, port, filer, grpc), folder / "log"):
        end = time.monotonic() + 60
        while not _takes_files(address):
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.1)
        yield address, f"127.0.0.1:{filer}.{grpc}"


def may_mount() -> bool:
    """Whether we may mount a folder here: root may, but for most containers."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        return False
    found = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) & CAP_SYS_ADMIN)


@contextmanager
def mounted(filer: str, bucket: str, folder: Path) -> Iterator[Path]:
    """The bucket as a folder, as one machine has it: with a cache of its own."""
    cache = folder.with_name(f"{folder.name}-cache")
    for one in (folder, cache):
        one.mkdir()
    command = [
        *(WEED, "mount", f"-filer={filer}", f"-filer.path=/buckets/{bucket}", f"-dir={folder}"),
        *(f"-cacheDir={cache}", "-cacheMetaTtlSec=1"),
    ]
    with _running(command, folder.with_name(f"{folder.name}-log")):
        end = time.monotonic() + 30
        while not folder.is_mount():
            assert time.monotonic() < end, folder.with_name(f"{folder.name}-log").read_text()
            time.sleep(0.05)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True, timeout=30)


def _seaweed(folder: Path, port: int, filer: int, grpc: int) -> list[str]:
    config = folder / "s3.json"
    config.write_text(
        '{"identities": [{"name": "backup", "actions": ["Admin", "Read", "Write", "List", "Tagging"],'
        f' "credentials": [{{"accessKey": "{ACCESS}", "secretKey": "{SECRET}"}}]}}]}}'
    )
    others = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "s3.port.grpc")
    ports = [f"-{name}={free_port()}" for name in others]
    ports += [f"-filer.port={filer}", f"-filer.port.grpc={grpc}"]
    return [
        WEED,
        *("server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"),
        *(f"-s3.config={config}", f"-s3.port={port}", *ports),
        *("-master.volumeSizeLimitMB=64", "-volume.max=20"),
        # Two more servers, at ports that every other one would want too.
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
    ]


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.kill()  # SeaweedFS takes 25 s to end by itself, and nothing of it is kept


def _takes_files(address: str) -> bool:
    """It answers before it has room for one; a bucket is made for the first."""
    with contextlib.suppress(obstore.exceptions.BaseError):
        obstore.put(store(address), "ready", b"ready")
        return True
    return False


def store(address: str, prefix: str | None = None) -> S3Store:
    """The bucket, by a client that is not the appliance's."""
    return S3Store(
        BUCKET,
        prefix=prefix,
        endpoint=address,
        region="us-east-1",
        access_key_id=ACCESS,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@dataclass(frozen=True)
class SftpFolder:
    """A folder that is reached over SFTP."""

    port: int
    folder: Path
    user: str
    secrets: dict[str, str]
    host_key: str

    def address(self, **changes: Any) -> dict[str, Any]:
        """As it is entered."""
        usual = {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "path": str(self.folder),
        }
        return {**usual, **changes}


class _Passwords(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@asynccontextmanager
async def asyncssh_server(folder: Path, port: int = 0) -> AsyncIterator[SftpFolder]:
    """AsyncSSH's own server, with a password."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", port, server_factory=_Passwords, server_host_keys=[key], sftp_factory=True
    )
    try:
        shown = key.export_public_key().decode().strip()
        yield SftpFolder(server.get_port(), folder, USER, {"password": PASSWORD}, shown)
    finally:
        server.close()
        await server.wait_closed()


SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
HAS_SSHD = Path(SSHD).exists()


@asynccontextmanager
async def openssh_server(folder: Path) -> AsyncIterator[SftpFolder]:
    """OpenSSH's server as the user who runs the tests, with a key."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    own, port = folder.parent / "sshd", free_port()
    with _running(_sshd(own, port), own / "log"):
        await until(lambda: _listens(port), seconds=20)
        user = pwd.getpwuid(os.geteuid()).pw_name
        shown = " ".join((own / "host.pub").read_text().split()[:2])
        yield SftpFolder(port, folder, user, {"private_key": (own / "user").read_text()}, shown)


def _sshd(own: Path, port: int) -> list[str]:
    own.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own / name], check=True)
    (own / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {own / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {own / 'user.pub'}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    return [SSHD, "-D", "-e", "-f", str(own / "config")]


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
