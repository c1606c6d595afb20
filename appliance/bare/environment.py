"""What the processes see of the world: one small environment, holding no secret."""

import os
import sys
from pathlib import Path

from appliance.bare import postgres
from appliance.bare.data_folder import CHECKOUT, DataFolder, Ports

_PASSED_ON = (
    *("PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("COVERAGE_PROCESS_START", "COVERAGE_FILE"),  # how `scripts/test --coverage` measures what it starts
    *("LD_PRELOAD", "MOVED_CLOCK"),  # how `tests/chaos` moves the clock of an appliance
)


def environment(folder: DataFolder, ports: Ports, app_processes: int = 1) -> dict[str, str]:
    """The user's own ``PHOTOCHANGER_`` settings stay, misspelt ones too: ``check`` refuses those."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PHOTOCHANGER_")}
    config = Path(env.get("PHOTOCHANGER_CONFIG_FILE", CHECKOUT / "config" / "appliance.toml"))
    return env | {
        "HOME": str(folder.run),
        "TMPDIR": str(folder.run / "tmp"),
        "XDG_CACHE_HOME": str(folder.run / "tmp"),
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",  # as in the image: -20 % at the peak of 12 photos, no slower (2026-11-27)
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(CHECKOUT),
        "VIRTUAL_ENV": sys.prefix,
        "PHOTOCHANGER_DATABASE_URL": postgres.url(ports),
        "PHOTOCHANGER_MEDIA_ROOT": str(folder.media),
        "PHOTOCHANGER_SECRETS_DIR": str(folder.secrets),
        "PHOTOCHANGER_CONFIG_FILE": str(config.absolute()),
        "PHOTOCHANGER_BACKUP_DIR": env.get("PHOTOCHANGER_BACKUP_DIR") or str(folder.backups),
        "PHOTOCHANGER_SITE_DIR": str(folder.site),
        "PHOTOCHANGER_LISTEN": f"unix:{folder.app_socket}",
        "APP_PROCESSES": str(app_processes),
        "PHOTOCHANGER_FRONT_DOOR": f"127.0.0.1:{ports.public}",
        "PHOTOCHANGER_TRUSTED_PROXIES": "*",  # whoever reaches the socket: this user alone
    }
