"""A folder of another machine, over SFTP. Only the host key that was pinned is spoken to."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncssh

from appliance.backups.names import PARTIAL
from appliance.backups.target import SftpTarget
from appliance.lifecycle.backup.targets.base import BLOCK, STALLED, Reason, TargetFile, TargetProblem, Upload

_PATIENCE = 20.0  # seconds to connect, and to log in
_MEANS: tuple[tuple[tuple[type[asyncssh.Error], ...], Reason], ...] = (
    ((asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect), "not_writable"),
    ((asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded), "full"),
    ((asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost), "unreachable"),
    ((asyncssh.HostKeyNotVerifiable,), "host_key"),
    ((asyncssh.PermissionDenied,), "refused"),
)


async def host_key_of(address: SftpTarget) -> str:
    """The key that the machine shows, in OpenSSH's form."""
    with _told():
        async with asyncio.timeout(_PATIENCE):
            key = await asyncssh.get_server_host_key(address.host, address.port, config=None)
    if key is None:
        raise TargetProblem("failed", "it shows no host key")
    return key.export_public_key().decode().strip()


def fingerprint(host_key: str) -> str:
    """As ``ssh-keygen -l`` shows it."""
    return asyncssh.import_public_key(host_key).get_fingerprint()


@asynccontextmanager
async def over_sftp(
    address: SftpTarget, secrets: dict[str, str], host_key: str
) -> AsyncIterator[FolderOverSftp]:
    """The folder, while the connection lasts."""
    with _told():
        async with asyncio.timeout(_PATIENCE * 2):
            connection = await asyncssh.connect(
                address.host,
                address.port,
                username=address.user,
                password=secrets.get("password"),
                client_keys=_keys(secrets),
                known_hosts=([asyncssh.import_public_key(host_key)], [], []),
                config=None,
                agent_path=None,
                connect_timeout=_PATIENCE,
                login_timeout=_PATIENCE,
                keepalive_interval=15,
            )
        async with connection, connection.start_sftp_client() as client:
            yield FolderOverSftp(client, address.path)


def _keys(secrets: dict[str, str]) -> list[Any] | None:
    """The private key, if there is one; ``None`` keeps those of this machine out."""
    text = secrets.get("private_key")
    if not text:
        return None
    try:
        return [asyncssh.import_private_key(text.strip() + "\n")]
    except asyncssh.KeyImportError as error:
        raise TargetProblem("refused", f"The private key cannot be read: {error}") from None


class FolderOverSftp:
    """The folder ``path`` of the other machine."""

    def __init__(self, client: asyncssh.SFTPClient, path: str) -> None:
        self._client, self._path = client, path

    def _at(self, name: str) -> str:
        return posixpath.join(self._path, name)

    async def files(self) -> list[TargetFile]:
        with _told():
            found = await self._client.readdir(self._path)
        return [
            TargetFile(str(one.filename), int(one.attrs.size or 0))
            for one in found
            if one.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
        ]

    async def put(self, name: str, upload: Upload) -> None:
        partial = name + PARTIAL
        with _told():
            try:
                await self._write(partial, upload)
                await upload.compare(self.read(partial))
                await self._rename(partial, name)
            except BaseException:
                with contextlib.suppress(asyncssh.Error, OSError):
                    await self._client.remove(self._at(partial))
                raise

    async def _write(self, name: str, upload: Upload) -> None:
        async with self._client.open(self._at(name), "wb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
            async for block in upload.blocks():
                async with asyncio.timeout(STALLED):
                    await file.write(block)
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def _rename(self, partial: str, name: str) -> None:
        try:
            await self._client.posix_rename(self._at(partial), self._at(name))
        except asyncssh.SFTPOpUnsupported:
            await self.remove(name)  # the plain rename replaces nothing
            await self._client.rename(self._at(partial), self._at(name))

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        with _told():
            async with self._client.open(self._at(name), "rb") as file:
                while True:
                    async with asyncio.timeout(STALLED):
                        block = await file.read(BLOCK)
                    if not block:
                        return
                    yield block if isinstance(block, bytes) else block.encode()

    async def remove(self, name: str) -> None:
        with _told(), contextlib.suppress(FileNotFoundError):
            await self._remove(name)

    async def _remove(self, name: str) -> None:
        with _told():
            await self._client.remove(self._at(name))


@contextmanager
def _told() -> Iterator[None]:
    """What the other side says, as a ``TargetProblem``; that a file is missing stays so."""
    try:
        yield
    except (asyncssh.SFTPNoSuchFile, FileNotFoundError):
        raise FileNotFoundError from None
    except asyncssh.Error as error:
        reason: Reason = next((word for kinds, word in _MEANS if isinstance(error, kinds)), "failed")
        raise TargetProblem(reason, error.reason) from None
    except TimeoutError:
        raise TargetProblem("unreachable", "no answer in time") from None
    except OSError as error:
        raise TargetProblem("unreachable", error.strerror or type(error).__name__) from None
