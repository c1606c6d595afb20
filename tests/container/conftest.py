"""The container tests' engine, image, and one running stack."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.stack import ContainerStack, run
from tests.support.stack import CHECKOUT

# Of this checkout alone: another one may be testing on the same engine.
MINE = "pctest" + hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:6]
IMAGE = f"{MINE}-image"
WHY_NOT = "NO CONTAINER ENGINE: the stack, its upgrade and its recovery were NOT tested here"


def engine_answers() -> bool:
    """Whether Docker and Compose can be used."""
    if shutil.which("docker") is None:
        return False
    return all(
        subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
        for command in (["docker", "info"], ["docker", "compose", "version"])
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here; skip it, and say so, where there is no engine."""
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    answers = engine_answers() if own else True
    for item in own:
        item.add_marker("container")
        item.add_marker(pytest.mark.timeout(400))
        if not answers:
            item.add_marker(pytest.mark.skip(reason=WHY_NOT))
    if not answers:
        warnings.filterwarnings("default", message=WHY_NOT)
        print(f"\n{'!' * 80}\n{WHY_NOT}\n{'!' * 80}")  # noqa: T201 - to be seen


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of this checkout, called 1.0; built by whichever worker comes first, for all of them."""
    folder = tmp_path_factory.getbasetemp()
    built = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "image-is-built"
    with built.open("a") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        if not os.fstat(mark.fileno()).st_size:
            dockerfile = str(CHECKOUT / "image" / "Dockerfile")
            named = ("--build-arg", "VERSION=1.0", "-t", f"{IMAGE}:1.0")
            run("docker", "build", "-q", "-f", dockerfile, *named, str(CHECKOUT))
            mark.write("1.0")
    return IMAGE


# Of the package: containers that nobody needs any more would have their health looked at until the run ends.
@pytest.fixture(scope="package")
def lay_out(
    image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ContainerStack]]:
    """Makes stacks; their containers and volumes are removed after the last test here."""
    made: list[ContainerStack] = []

    def lay(name: str, image_name: str = image) -> ContainerStack:
        folder = tmp_path_factory.mktemp("container") / name
        stack = ContainerStack.laid_out(folder, f"{MINE}-{name}", image_name, "1.0")
        stack.destroy()  # what an earlier run that was cut off has left
        made.append(stack)
        return stack

    yield lay
    for stack in made:
        stack.destroy()


# A media folder of 300 MB; the mark below which no photo is taken is 256 MiB.
_SMALL = """\
volumes:
  media:
    driver: local
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=300m,uid=10001,gid=10001,mode=0750"}
"""


@pytest.fixture(scope="module")
def small(lay_out: Callable[[str], ContainerStack]) -> Iterator[ContainerStack]:
    """Another machine, with a small disk for its pictures."""
    stack = lay_out("small")
    (stack.folder / "compose" / "compose.override.yaml").write_text(_SMALL)
    stack.install()
    yield stack
    stack.destroy()


@pytest.fixture(scope="package")
def box(lay_out: Callable[[str], ContainerStack]) -> ContainerStack:
    """One installed appliance, for all tests that leave it working."""
    stack = lay_out("box")
    stack.install()
    stack.first_words = stack.compose("logs", "--no-color", "migrate")
    return stack
