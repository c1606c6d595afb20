"""A venue with an appliance whose scripts run against a stand-in of the ``docker`` command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.engine import Container, Engine
from tests.support.stack import CHECKOUT

OLD, NEW = "sha256:old", "sha256:new"
READY_WITHIN = "1"


def unpacked(folder: Path) -> None:
    """The files of a version."""
    shutil.copytree(CHECKOUT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("bench"))
    (folder / "compose").mkdir()
    shutil.copy(CHECKOUT / "compose/compose.yaml", folder / "compose")


class Venue:
    """An appliance of version 1.0; 1.1 can be pulled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        unpacked(folder)
        self._env = folder / "compose/.env"
        self._env.write_text("APPLIANCE_IMAGE=place/photochanger\nAPPLIANCE_VERSION=1.0\n")
        (folder / "bin").mkdir()
        self.docker = folder / "bin/docker"
        own = dict.fromkeys(("prepare", "migrate", "app", "cleanup"), ("place/photochanger:1.0", OLD))
        foreign = {name: (f"{name}:1", f"sha256:{name}") for name in ("db", "nginx")}
        containers = {
            f"{name}-first": Container(name, image, image_id, running, running)
            for name, (image, image_id) in (own | foreign).items()
            for running in [name not in {"prepare", "migrate"}]
        }
        containers["app-first"].folder = str(folder / "compose")
        self.engine = Engine(
            images={"place/photochanger:1.0": OLD, "db:1": "sha256:db", "nginx:1": "sha256:nginx"},
            registry={"place/photochanger:1.1": NEW},
            containers=containers,
            database=[OLD],
        )

    def call(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        with self._begun(script, *words) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def call_and_interrupt(self, events: list[str], script: str, *words: str) -> tuple[int, str]:
        """Run a script and press Ctrl-C, which all that it started hears, at each of these events."""
        with self._begun(script, *words) as process:
            for event in events:
                self.engine.when[event] = lambda: os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.engine.when.clear()
        return process.returncode, out + err

    def call_and_kill(self, event: str, script: str, *words: str) -> None:
        """Run a script, and kill it with all that it started as soon as the engine begins to do something."""
        with self._begun(script, *words) as process:
            self.engine.when[event] = lambda: os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
        del self.engine.when[event]

    def _begun(self, script: str, *words: str) -> subprocess.Popen[str]:
        self.engine.events.clear()
        environment = os.environ | {
            "PATH": f"{self.docker.parent}:{os.environ['PATH']}",
            "UPGRADE_READY_WITHIN": READY_WITHIN,
        }
        # Where the suite itself runs in the background, what it starts would not hear Ctrl-C.
        program = ["env", "--default-signal=INT", str(self._folder / "scripts" / script), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            program, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def unpack_bundle(self) -> None:
        """From now on its scripts are those of a folder that was unpacked beside it: 1.1, and no internet."""
        self.engine.bundled = {"place/photochanger:1.1": NEW}
        self.engine.registry.clear()
        self._folder /= "photo changer-1.1"
        self._env = self._folder / "compose/.env"
        unpacked(self._folder)
        (self._folder / "images.tar.gz").touch()
        names = "APPLIANCE_IMAGE=place/photochanger\nAPPLIANCE_VERSION=1.1\nNGINX_IMAGE=nginx:digest-0123\n"
        (self._folder / "bundle.env").write_text(names)

    def get_sources(self, version: str) -> None:
        """It was built from the sources in its folder, which are those of another version by now."""
        for one in self.engine.containers.values():
            one.image = one.image.removeprefix("place/")
        self.engine.images["photochanger:1.0"] = OLD
        self.engine.registry.clear()
        self.engine.built = NEW
        self._env.write_text("APPLIANCE_VERSION=1.0\n")
        (self._folder / "image").mkdir()
        (self._folder / "image/Dockerfile").write_text(f"FROM python\nARG VERSION={version}\n")

    def go_back_to(self, folder: Path) -> None:
        """Use the scripts of another folder."""
        self._folder, self._env = folder, folder / "compose/.env"

    def app(self) -> Container:
        """The app's container; fails if there are several."""
        (found,) = [one for one in self.engine.containers.values() if one.service == "app"]
        return found

    def runs(self, image_id: str) -> bool:
        """Whether guests are served by this version, and no other has a container."""
        own = [one for one in self.engine.containers.values() if one.service not in {"db", "nginx"}]
        return self.engine.is_ready() and {one.image_id for one in own} == {image_id}

    def env(self) -> dict[str, str]:
        """What the next start goes by."""
        return dict(line.split("=", 1) for line in self._env.read_text().splitlines())

    def at(self, event: str) -> int:
        """When something was done; fails if it was not."""
        return next(index for index, one in enumerate(self.engine.events) if one.startswith(event))
