"""Attacks that send much: large bodies, guessed passwords, uploads without one, pictures that swell."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

from tests.support.attacks.wire import JSON, Attack, request
from tests.support.camera import BOUNDARY, body_of, file_part, text_part
from tests.support.photos import png_bomb, portrait_jpeg

NESTED = b"[" + b"[]," * 7_000_000 + b"[]]"  # 21 MB that take a parser seconds
SLOT = "/api/ingest/slot-001"
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"


async def large_bodies(attack: Attack) -> None:
    """21 MB of JSON where no file is expected, four at a time."""
    doors = itertools.cycle(
        [
            ("POST", "/api/login"),
            ("PUT", "/api/settings"),
            ("POST", "/admin/login"),
            ("PUT", "/api/slots/slot-001"),
        ]
    )
    await attack.repeat(lambda: attack.ask(request(*next(doors), NESTED, JSON)), 4)


async def wrong_passwords(attack: Attack) -> None:
    """Guesses of the ingest password, four at a time, from four addresses."""
    numbers = itertools.count()

    async def guess() -> None:
        number = next(numbers)
        body = body_of([text_part("password", f"guess-{number}"), file_part(portrait_jpeg())])
        await attack.ask(request("POST", SLOT, body, MULTIPART), f"127.0.0.{20 + number % 4}")

    await attack.repeat(guess, 4)


async def guessed_pins_and_codes(attack: Attack) -> None:
    """PINs of ``facts["gallery"]`` and codes of pictures, eight at a time, from two hundred addresses."""
    numbers = itertools.count()

    async def guess() -> None:
        number = next(numbers)
        address = f"127.1.0.{1 + number % 200}"
        if number % 2:
            await attack.ask(request("GET", f"/s/{number:06}"), address)
        else:
            await attack.ask(
                request("POST", attack.facts["gallery"], f"pin={number:06}".encode(), FORM), address
            )

    await attack.repeat(guess, 8)


async def uploads_without_password(attack: Attack) -> None:
    """Fifty photos of 19 MB, from five addresses, each held until the end."""
    photo = f"--{BOUNDARY}\r\n".encode() + file_part(portrait_jpeg() + bytes(19_000_000))
    head = request("POST", SLOT, b"", MULTIPART, "Transfer-Encoding: chunked")
    head = head.replace(b"Content-Length: 0\r\n", b"")

    async def hold(number: int) -> None:
        while attack.goes_on:
            with contextlib.suppress(OSError, TimeoutError, EOFError):
                async with attack.connection(f"127.0.0.{30 + number % 5}") as (reader, writer):
                    writer.write(head)
                    for start in range(0, len(photo), 1_000_000):
                        piece = photo[start : start + 1_000_000]
                        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                        await writer.drain()
                    line = await asyncio.wait_for(
                        reader.readline(), max(0.1, attack.until - time.monotonic())
                    )
                    attack.answers[line.split()[1].decode() if b" " in line else "closed"] += 1
            await asyncio.sleep(1)

    attack.begin()
    await asyncio.gather(*(hold(number) for number in range(50)))


async def swelling_pictures(attack: Attack) -> None:
    """Small files that want to become very large pictures, sent with the right password, four at a time."""
    bombs = [
        png_bomb(1, 20_000_000),
        png_bomb(7_000, 5_000, 16, interlaced=True),
        png_bomb(16_000, 3_700),
        png_bomb(20_000, 10_000),
    ]
    password = text_part("password", attack.facts["password"])
    bodies = itertools.cycle([body_of([password, file_part(bomb, "a.png", "image/png")]) for bomb in bombs])
    await attack.repeat(lambda: attack.ask(request("POST", f"{SLOT[:-1]}2", next(bodies), MULTIPART)), 4)
