"""Runs the stand-ins: ``python -m tests.standins --gemini-port 9101 --turbotext-port 9102``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack

from tests.standins import (
    Script,
    Step,
    bfl_app,
    by_chance,
    comfyui_app,
    fal_app,
    gemini_app,
    openai_app,
    running,
    turbotext_app,
)

APPS = {
    "gemini": gemini_app,
    "turbotext": turbotext_app,
    "openai": openai_app,
    "fal": fal_app,
    "bfl": bfl_app,
    "comfyui": comfyui_app,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.standins", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    for name in APPS:
        parser.add_argument(
            f"--{name}-port", type=int, help=f"where the {name} stand-in listens; absent: none"
        )
    parser.add_argument("--key", action="append", help="a key to accept, repeatable; absent: any key")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each picture takes (1.0)")
    parser.add_argument("--fail-share", type=float, default=0.0, help="share of pictures that fail with 503")
    parser.add_argument(
        "--no-image-share", type=float, default=0.0, help="share of pictures without an image"
    )
    parser.add_argument("--stall-share", type=float, default=0.0, help="share of pictures that stall")
    parser.add_argument("--seed", type=int, default=1, help="of the shares' dice")
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shares = {
        Step("unavailable"): options.fail_share,
        Step("no_image"): options.no_image_share,
        Step("stall"): options.stall_share,
    }
    async with AsyncExitStack() as stack:
        for name, make in APPS.items():
            port = getattr(options, f"{name}_port")
            if port is None:
                continue
            app = make(
                Script(by_chance(shares, seed=options.seed)), keys=options.key, seconds=options.seconds
            )
            app.keep_calls = 100
            server = await stack.enter_async_context(running(app, host=options.host, port=port))
            sys.stdout.write(f"{name} {server.base_url}\n")
            sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
