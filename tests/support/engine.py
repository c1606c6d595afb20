"""Stands in for the ``docker`` command as the scripts of the stack call it.

It knows only the calls that the scripts make and takes no option that Docker lacks; whatever it does not know
ends with an error, as there. How a version behaves (``faults`` of its image) is the test's choice; what the
scripts did is in ``events``. ``engine_docker.py`` has the calls that are not Compose's; ``engine_command.py``
is how a script calls it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

SERVICES = ("prepare", "db", "migrate", "app", "cleanup", "nginx")
ONE_SHOT = frozenset({"prepare", "migrate"})
OWN_IMAGE = frozenset({"prepare", "migrate", "app", "cleanup"})
FOREIGN = {"db": "db:1", "nginx": "nginx:1"}
# What the scripts say to the appliance program; a test puts each to its own parser. FILE stands for a backup.
VERBS = (
    ("busy",),
    ("check",),
    ("migrations",),
    ("smoke",),
    ("backup",),
    ("backup", "--database-only", "--keep", "5", "--json"),
    ("backup", "--database-only", "--recent-history", "--keep", "5", "--json"),
    ("restore", "FILE"),
    ("restore", "FILE", "--check"),
)


@dataclass
class Container:
    """One container. ``healthy`` is what its health check says."""

    service: str
    image: str
    image_id: str
    running: bool = False
    healthy: bool = False
    rolled_back_from: str = ""
    folder: str = ""  # of compose.yaml


@dataclass
class Engine:
    """What the engine holds, and the appliance's volumes as far as the scripts may change them."""

    images: dict[str, str] = field(default_factory=dict)  # reference: id
    registry: dict[str, str] = field(default_factory=dict)  # what can be pulled, likewise
    bundled: dict[str, str] = field(default_factory=dict)  # what is in a file of images, likewise
    built: str = ""  # the id of what is built from sources
    foreign: dict[str, str] = field(default_factory=lambda: dict(FOREIGN))  # in compose.yaml
    faults: dict[str, list[str]] = field(default_factory=dict)  # image id: verbs that fail
    containers: dict[str, Container] = field(default_factory=dict)
    database: list[str] = field(default_factory=list)  # who wrote to it, in order
    backups: dict[str, list[str]] = field(default_factory=dict)
    door_closed: bool = False
    in_flight: int = 0
    events: list[str] = field(default_factory=list)
    when: dict[str, Callable[[], None]] = field(default_factory=dict)  # what happens as an event begins

    # ---- containers ----

    def container(self, service: str) -> tuple[str, Container] | None:
        """A service's container with its id."""
        return next(((key, one) for key, one in self.containers.items() if one.service == service), None)

    def make(self, service: str) -> Container:
        """A new container of a service, of the version in force."""
        reference = wanted_image() if service in OWN_IMAGE else self.foreign[service]
        if reference not in self.images:
            fail(f"No such image: {reference}")
        made = Container(service, reference, self.images[reference])
        made.rolled_back_from = in_force().get("ROLLED_BACK_FROM", "")
        made.folder = str(CALL.get().folder)
        self.containers[f"{service}-{len(self.events)}-{len(self.containers)}"] = made
        return made

    def begin(self, one: Container) -> None:
        """Start a container; a one-shot step runs to its end."""
        self.note(f"start {one.service} {one.image_id}")
        if one.service in self.faults.get(one.image_id, []):
            fail(f"RuntimeError: {one.service} of {one.image_id} does not start")
        if one.service == "migrate" and self.database[-1] != one.image_id:
            self.database.append(one.image_id)
        if one.service == "nginx":
            self.door_closed = False
        one.running = one.service not in ONE_SHOT
        one.healthy = one.running and "health" not in self.faults.get(one.image_id, [])

    def is_ready(self) -> bool:
        """Whether a guest's request gets through Nginx to the app."""
        found = [self.container(service) for service in ("app", "nginx")]
        return all(one and one[1].healthy for one in found) and not self.door_closed

    def note(self, event: str) -> None:
        """Remember what was done, and whether guests could come in meanwhile."""
        self.events.append(event + (" (closed)" if self.door_closed else ""))
        if event in self.when:
            self.when[event]()


@dataclass
class Call:
    """One call of the command: in which folder, with which variables, and what it says."""

    folder: Path
    variables: dict[str, str]
    out: str = ""
    err: str = ""


CALL: ContextVar[Call] = ContextVar("call")


def say(text: object) -> None:
    """A line on standard output."""
    CALL.get().out += f"{text}\n"


def fail(said: str, code: int = 1) -> NoReturn:
    """End as Docker does when something cannot be done."""
    CALL.get().err += f"Error response from daemon: {said}\n"
    raise Failed(code)


class Failed(Exception):
    """The call ended with this exit code."""


def in_force() -> dict[str, str]:
    """What ``compose.yaml`` reads: the environment counts before ``.env``."""
    values, call = {}, CALL.get()
    if (env := call.folder / ".env").exists():
        lines = env.read_text(encoding="utf-8").splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values | call.variables


def wanted_image() -> str:
    """What ``compose.yaml`` names."""
    values = in_force()
    return f"{values.get('APPLIANCE_IMAGE', 'photochanger')}:{values.get('APPLIANCE_VERSION', '1.0')}"


# ---- docker compose ----

OTHER_WORDS = frozenset({"run", "exec", "port"})  # not services alone
# By verb: its flags, and an option with a value.
OPTIONS = {
    "ps": ("--all --quiet", ""),
    "run": ("--rm -T --no-deps", ""),
    "exec": ("-T", ""),
    "rm": ("--force --stop", ""),
    "up": ("--no-start --no-recreate --detach --wait", "--wait-timeout"),
    "start": ("", ""),
    "stop": ("", "--timeout"),
    "config": ("--images --quiet", "--hash"),
    "port": ("", ""),
}


def compose(engine: Engine, words: list[str]) -> None:
    """``docker compose``, in the folder that has the file."""
    if words == ["version"]:
        return
    if not (CALL.get().folder / "compose.yaml").exists():
        fail("no configuration file provided: not found", 14)
    asked = parser().parse_args(words)
    if asked.verb not in OTHER_WORDS and (unknown := set(asked.words) - set(SERVICES)):
        fail(f"no such service: {', '.join(unknown)}")
    COMPOSE[asked.verb](engine, asked)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(message, 2)


def parser() -> argparse.ArgumentParser:
    """The options of Compose that the scripts may use."""
    made = _Parser(prog="docker compose")
    made.add_argument("--progress", required=True, choices=["quiet"])
    verbs = made.add_subparsers(dest="verb", required=True)
    for name, (flags, option) in OPTIONS.items():
        one = verbs.add_parser(name)
        for flag in flags.split():
            one.add_argument(flag, action="store_true")
        if option:
            one.add_argument(option)
        one.add_argument("words", nargs=argparse.REMAINDER if name in OTHER_WORDS else "*")
    return made


def is_as_wanted(engine: Engine, one: Container) -> bool:
    """Whether Compose would leave this container as it is."""
    if one.service in engine.foreign:
        return one.image == engine.foreign[one.service]
    told = one.service != "app" or one.rolled_back_from == in_force().get("ROLLED_BACK_FROM", "")
    return one.image == wanted_image() and told


def _ps(engine: Engine, asked: argparse.Namespace) -> None:
    for key, one in engine.containers.items():
        if one.service in asked.words and (asked.all or one.running):
            say(key)


def _run(engine: Engine, asked: argparse.Namespace) -> None:
    service, *words = asked.words
    image = engine.images.get(wanted_image())
    if service != "app" or image is None:
        fail(f"No such image: {wanted_image()}")
    verb(engine, image, words)


def _exec(engine: Engine, asked: argparse.Namespace) -> None:
    service, *words = asked.words
    found = engine.container(service)
    if service != "nginx" or found is None or not found[1].running:
        fail(f'service "{service}" is not running')
    if words == ["touch", "/tmp/nginx/closed"]:
        engine.door_closed = True
        engine.note("close")
    elif words == ["rm", "-f", "/tmp/nginx/closed"]:
        engine.note("open")
        engine.door_closed = False
    elif words[0] != "curl" or words[-1] != "http://127.0.0.1:8080/readyz":
        fail(f'exec: "{words[0]}": executable file not found in $PATH', 127)
    elif not engine.is_ready():
        raise Failed(22)


def _rm(engine: Engine, asked: argparse.Namespace) -> None:
    if not (asked.force and asked.stop):
        fail("it would ask whether to go on, or leave what runs")
    for key, one in list(engine.containers.items()):
        if one.service in asked.words:
            del engine.containers[key]


def _up(engine: Engine, asked: argparse.Namespace) -> None:
    for service in [one for one in SERVICES if not asked.words or one in asked.words]:
        found = engine.container(service)
        old = found is not None and not is_as_wanted(engine, found[1])
        if found is not None and old and not asked.no_recreate:
            del engine.containers[found[0]]
            found = None
        one = found[1] if found else engine.make(service)
        if asked.detach and not one.running:
            engine.begin(one)
    if asked.wait and not ((app := engine.container("app")) and app[1].healthy):
        fail("dependency failed to start: container app is unhealthy")


def _start(engine: Engine, asked: argparse.Namespace) -> None:
    for service in asked.words:
        found = engine.container(service) or fail(f'service "{service}" has no container to start')
        if not found[1].running:
            engine.begin(found[1])


def _stop(engine: Engine, asked: argparse.Namespace) -> None:
    for one in engine.containers.values():
        if one.service in asked.words and one.running:
            engine.note(f"stop {one.service} {one.image_id}")
            one.running = one.healthy = False
    if "app" in asked.words:
        engine.in_flight = 0  # it finishes what it began


def _config(engine: Engine, asked: argparse.Namespace) -> None:
    if asked.hash:
        say(f"{asked.hash} {engine.foreign[asked.hash]}")
    elif asked.images:
        foreign = [] if asked.words == ["prepare"] else engine.foreign.values()
        say("\n".join([wanted_image(), *foreign]))


COMPOSE: dict[str, Any] = {
    "ps": _ps, "run": _run, "exec": _exec, "rm": _rm, "up": _up, "start": _start, "stop": _stop,
    "config": _config,
    "port": lambda *_: say("0.0.0.0:8080"),
}  # fmt: skip


# ---- verbs of the appliance ----


def verb(engine: Engine, image: str, words: list[str]) -> None:
    """A verb of the program in a container of ``image``."""
    name = words[0]
    file = f"photochanger-{len(engine.backups)}.tar"
    if name == "restore":
        file, words[1] = words[1], "FILE"
    if tuple(words) not in VERBS:
        fail(f"appliance: error: unrecognized arguments: {' '.join(words)}", 2)
    engine.note(f"{name} {image}")
    if name in engine.faults.get(image, []):
        say(f"RuntimeError: {name} of {image} fails")
        raise Failed(1)
    if name == "busy" and engine.in_flight:
        say(engine.in_flight)
        raise Failed(1)
    if name == "backup":
        engine.backups[file] = list(engine.database)
        say(json.dumps({"path": f"/var/lib/photochanger/backups/{file}"}))
    if name == "restore":
        if file not in engine.backups:
            raise Failed(1)
        if "--check" not in words:
            engine.database = list(engine.backups[file])
