"""From an address to an open target."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.backups.target import FolderTarget, SftpTarget, TargetConfig
from appliance.lifecycle.backup.targets.base import Target, TargetProblem


@asynccontextmanager
async def opened(config: TargetConfig) -> AsyncIterator[Target]:
    """The target; raises ``TargetProblem``. What a kind of target needs is loaded when it is used."""
    address, secrets = config.address, config.secrets.plain()
    if isinstance(address, FolderTarget):
        from appliance.lifecycle.backup.targets.folder import FolderAtHand  # noqa: PLC0415

        yield FolderAtHand(Path(address.path))
    elif isinstance(address, SftpTarget):
        from appliance.lifecycle.backup.targets.sftp import over_sftp  # noqa: PLC0415

        if not config.host_key:
            raise TargetProblem("host_key", "none is pinned yet")
        async with over_sftp(address, secrets, config.host_key) as folder:
            yield folder
    else:
        # Else one thread for each processor: the sidecar's container may have 64 threads and processes.
        os.environ.setdefault("TOKIO_WORKER_THREADS", "2")
        from appliance.lifecycle.backup.targets.s3 import Bucket  # noqa: PLC0415

        yield Bucket(address, secrets)
