"""``--demo-providers``: stand-ins for the AI providers, so that their slots work without keys."""

from __future__ import annotations

import sys

from appliance.bare.data_folder import DataFolder
from appliance.bare.ports import free_port
from appliance.bare.supervision import Program

PROVIDERS = ("bfl", "comfyui", "fal", "gemini", "openai", "turbotext")
_WITHOUT_KEY = {"comfyui"}
_KEY = "demo-key\n"
_SECONDS = "2.5"  # how long each picture takes, so that waiting can be seen


class DemoProviders:
    """The stand-ins of one start."""

    def __init__(self) -> None:
        self._ports = {name: free_port() for name in PROVIDERS}

    def environment(self) -> dict[str, str]:
        """Where the app finds the providers."""
        pairs = (f"{name}=http://127.0.0.1:{port}" for name, port in self._ports.items())
        return {"PHOTOCHANGER_PROVIDER_BASE_URLS": ",".join(pairs)}

    def program(self) -> Program:
        """What supervisord runs."""
        options = [part for name, port in self._ports.items() for part in (f"--{name}-port", str(port))]
        command = [sys.executable, "-m", "tests.standins", "--seconds", _SECONDS, *options]
        return Program("demo-providers", command, 35)


def put_demo_keys(folder: DataFolder, *, wanted: bool) -> None:
    """Give providers without a key one that the stand-ins take; remove those when not wanted."""
    keys = folder.secrets / "provider-keys"
    if wanted:
        keys.mkdir(mode=0o700, exist_ok=True)
    for name in sorted({*PROVIDERS} - _WITHOUT_KEY):
        file = keys / name
        if wanted and not file.exists():
            file.write_text(_KEY, encoding="utf-8")
            file.chmod(0o600)
        elif not wanted and file.exists() and file.read_text(encoding="utf-8") == _KEY:
            file.unlink()
