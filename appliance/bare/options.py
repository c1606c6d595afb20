import argparse
from dataclasses import dataclass
from pathlib import Path

from appliance.core.processes import MOST_PROCESSES


@dataclass(frozen=True)
class Options:
    """The command line of ``scripts/run``."""

    data: Path | None
    port: int
    verb: str
    json: bool
    demo_providers: bool = False
    processes: int = 1

    @property
    def detach(self) -> bool:
        return self.verb == "detach"

    def argv(self) -> list[str]:
        """The same again, with the folder's full name: to be read in another folder."""
        argv = ["--port", str(self.port)]
        if self.data:
            argv += ["--data", str(self.data.expanduser().resolve())]
        if self.processes != 1:
            argv += ["--processes", str(self.processes)]
        if self.demo_providers:
            argv.append("--demo-providers")
        if self.verb != "stay":
            argv.append(f"--{self.verb}")
        return [*argv, "--json"] if self.json else argv


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports are numbers from 1 to 65535")
    return int(text)


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PROCESSES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes; there may be 1 to {MOST_PROCESSES}"
        )
    return int(text)


def parse(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Run the appliance on this machine: PostgreSQL, Nginx, the app and the cleanup "
        "loop. Runs until Ctrl-C and writes only to one data folder.",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the data folder (default: data in the checkout)"
    )
    parser.add_argument(
        "--port", type=_port, default=8080, metavar="N", help="the public port (default: 8080)"
    )
    parser.add_argument(
        "--processes",
        type=_processes,
        default=1,
        metavar="N",
        help="equal processes of the app (default: 1); with 2, one keeps working while the other restarts",
    )
    verbs = parser.add_mutually_exclusive_group()
    for verb, text in (
        ("detach", "leave it running and return when it is ready"),
        ("stop", "stop what runs on this data folder, and wait"),
        ("restart", "restart the app's processes, one after the other"),
        ("status", "say what runs; exit code 0 only when everything is ready"),
    ):
        verbs.add_argument(f"--{verb}", dest="verb", action="store_const", const=verb, help=text)
    parser.add_argument(
        "--demo-providers",
        action="store_true",
        help="start stand-ins for the AI providers, so that their slots work without keys",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    found = parser.parse_args(argv)
    return Options(
        found.data, found.port, found.verb or "stay", found.json, found.demo_providers, found.processes
    )
