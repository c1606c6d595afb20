"""A further machine of a stack: its app's container has a network of its own, the cable between them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from appliance.core.node_secret import FRONT_DOOR_HEADER, NodeSecret
from tests.container.stack import ContainerStack, run
from tests.support.stack import free_port

PORT = 8100

_FIRST = """\
services:
  app: {{networks: [cable]}}
  nginx: {{networks: [cable]}}
networks:
  cable: {{name: {cable}, external: true}}
"""
# Both machines are one here: a port of it that is published is reached by way of a proxy of Docker's, which
# accepts for an app that does not listen. Between machines there is none.
_NODE = """\
services:
  app:
    ports: !reset []
    networks: {{cable: {{ipv4_address: {address}}}}}
networks:
  cable: {{name: {cable}, external: true}}
"""


@dataclass
class Node:
    """The machine ``address``; ``folder`` is what was unpacked there."""

    folder: Path
    project: str
    address: str

    def compose(self, *arguments: str) -> str:
        return run("docker", "compose", *arguments, cwd=self.folder, COMPOSE_PROJECT_NAME=self.project)

    def set(self, **values: str) -> None:
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())

    def container(self) -> str:
        return self.compose("ps", "--all", "--quiet", "app").split()[0]

    def doctor(self) -> list[dict[str, Any]]:
        """What its own doctor finds, well or not."""
        done = subprocess.run(
            ["docker", "exec", self.container(), "appliance", "doctor", "--json"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def client(self, **headers: str) -> httpx.Client:
        """Somebody who reaches its port, past Nginx."""
        return httpx.Client(
            base_url=f"http://{self.address}:{PORT}", headers=headers, timeout=10, trust_env=False
        )

    def as_nginx(self) -> httpx.Client:
        """The first machine's Nginx."""
        return self.client(**{FRONT_DOOR_HEADER: NodeSecret.of(self.folder / "secrets").front_door})

    def destroy(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")


def laid_out_first(stack: ContainerStack, cable: str, address: str) -> None:
    """A stack that will be installed as the first machine of two."""
    (stack.folder / "compose" / "compose.cable.yaml").write_text(_FIRST.format(cable=cable))
    stack.set(
        COMPOSE_FILE="compose.yaml:compose.first.yaml:compose.cable.yaml",
        FIRST_ADDRESS=gateway("bridge"),
        DB_PORT=str(free_port()),
        NODES=f"{address}:{PORT}",
    )


def added(stack: ContainerStack, cable: str, address: str, folder: Path) -> Node:
    """What ``scripts/add-node`` packs, unpacked on the other machine; nothing is started."""
    bundle = folder / "node-2.tar"
    stack.script("add-node", "2", address, "--to", str(bundle))
    run("tar", "-C", str(folder), "-xpf", str(bundle))
    node = Node(folder / "photochanger-node", f"{stack.project}-node", address)
    shared = json.loads(run("docker", "volume", "inspect", f"{stack.project}_media"))[0]["Mountpoint"]
    node.set(MEDIA_TYPE="none", MEDIA_OPTIONS="bind", MEDIA_DEVICE=shared)
    (node.folder / "compose.override.yaml").write_text(_NODE.format(cable=cable, address=address))
    return node


def made_cable(name: str) -> str:
    """A network called ``name``; the address in it that the node gets."""
    remove_cable(name)
    run("docker", "network", "create", name)
    subnet = json.loads(run("docker", "network", "inspect", name))[0]["IPAM"]["Config"][0]["Subnet"]
    remove_cable(name)
    run(
        "docker", "network", "create", "--subnet", subnet, name
    )  # addresses can be given in one that was named
    return subnet.rpartition(".")[0] + ".77"


def remove_cable(name: str) -> None:
    """Where it is, with the containers on it: a run that was cut off leaves the other machine's."""
    left = run("docker", "ps", "--all", "--quiet", "--filter", f"network={name}").split()
    if left:
        run("docker", "rm", "--force", "--volumes", *left)
    subprocess.run(["docker", "network", "rm", name], capture_output=True, check=False, timeout=60)


def gateway(network: str) -> str:
    """This machine's address in a network."""
    found: str = json.loads(run("docker", "network", "inspect", network))[0]["IPAM"]["Config"][0]["Gateway"]
    return found
