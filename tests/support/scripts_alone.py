"""The scripts of the stack in a folder of their own, with a ``docker`` that only listens."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.stack import CHECKOUT

# In place of docker: an app is there but no Nginx, HTTPS cannot have port 1, and what is run in a container
# keeps what it was given.
_DOCKER = """\
#!/bin/bash
folder=$(dirname "$0")
printf '%s\\n' "$*" >>"$folder/calls"
case "$*" in
  *"ps --all --quiet"*) [ -e "$folder/none" ] || echo 0123 ;;
  inspect*working_dir*) cat "$folder/started-from" 2>/dev/null ;;
  inspect*Config.Image*) echo photochanger:1 ;;
  inspect*Health*) cat "$folder/state" 2>/dev/null || echo missing ;;
  inspect*) echo 'False 0123' ;;
  version*) echo 26 ;;
  *"config --quiet") [ ! -e "$folder/mistake" ] || { cat "$folder/mistake" >&2; exit 1; } ;;
  *"config --images"*)
    echo "photochanger:$(cat "$folder/newer" 2>/dev/null || echo 1)"
    [[ $* = *prepare ]] || sed -n 's/^NGINX_IMAGE=//p' .env ;;
  "volume inspect"*) [ -e "$folder/volume" ] ;;
  "image inspect"*) [ ! -e "$folder/no-image" ] ;;
  pull*) printf '%s\n' 'Using default tag' 'dial tcp: no such host' >&2; exit 1 ;;
  load*) cat >"$folder/loaded" ;;
  save*) printf images ;;
  info*RootDir*) echo "$folder" ;;
  info*) echo 8000000000 ;;
  *" port nginx"*) exit 1 ;;
  *" up --detach --wait --wait-timeout 120"*) [ ! -e "$folder/interrupted" ] || exit 130 ;;
  *" up "*) [ "$(grep -c -e '^HTTPS_PORT=1$' -e tls .env)" != 2 ] || { echo 'port 1 is used' >&2; exit 1; } ;;
  *"doctor --help"*) cat "$folder/help" 2>/dev/null ;;
  *" run "*"app sh -c :") [ ! -e "$folder/refused" ] || { cat "$folder/refused"; exit 1; } ;;
  *" run "*"appliance prepare") [ ! -e "$folder/wrong" ] || { cat "$folder/wrong"; exit 2; } ;;
  *" run "*) cat >"$folder/given" ;;
esac
"""


class Folder:
    """A copy of the scripts, with a ``compose/.env`` of its own and a ``docker`` that only listens."""

    def __init__(self, root: Path) -> None:
        self.path = root
        self._bin = root / "bin"
        shutil.copytree(CHECKOUT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("bench"))
        (root / "compose").mkdir()
        self._bin.mkdir()
        (self._bin / "docker").write_text(_DOCKER)
        (self._bin / "docker").chmod(0o755)

    def write(self, *lines: str) -> None:
        (self.path / "compose" / ".env").write_text("".join(f"{line}\n" for line in lines))

    def says(self, call: str) -> str:
        """What a function of the library prints."""
        program = f". '{self.path}/scripts/_lib.sh'; {call}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout

    def runs(self, command: str) -> subprocess.CompletedProcess[str]:
        """A line of bash in the folder, in which a script may be called."""
        path = f"{self._bin}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.path,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def knows(self, options: str) -> None:
        """What the program in the image says that it can do."""
        (self._bin / "help").write_text(options)

    def given(self) -> bytes:
        """What the container that ran last read from its standard input."""
        return (self._bin / "given").read_bytes()

    def holds(self) -> list[str]:
        """The lines of ``compose/.env``."""
        return (self.path / "compose" / ".env").read_text().splitlines()

    def calls(self) -> list[str]:
        """How docker was called."""
        return (self._bin / "calls").read_text().splitlines()
