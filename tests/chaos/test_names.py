"""A name server that answers nothing, as at a venue whose internet is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.booths import Booths
from tests.chaos.mounts import needs_root
from tests.standins import openai_app, running
from tests.support.installed import copied
from tests.support.photos import portrait_jpeg
from tests.support.slots import set_slot, with_gemini
from tests.support.stack import Stack, free_port, running_stack

pytestmark = [needs_root, pytest.mark.timeout(300)]

SLOTS = [f"slot-{number:03}" for number in range(1, 16)]
OPENAI = {"provider": "openai", "operation": "image_edit", "params": {"prompt": "a painting"}}
SILENT = "127.77.0.1"


@pytest.fixture(scope="module")
def openai_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, installed: Path, openai_port: int) -> Iterator[Stack]:
    """Gemini's name is answered by nobody; the other machine's is in this one's list."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "resolv.conf").write_text(f"nameserver {SILENT}\n")
    mount = f'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec "$@"'
    urls = f"gemini=https://gemini.example.com,openai=http://localhost:{openai_port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SILENT, 53))
        with running_stack(
            copied(installed, folder / "data"),
            inside=("unshare", "--mount", "sh", "-c", mount, "sh"),
            PHOTOCHANGER_PROVIDER_BASE_URLS=urls,
        ) as started:
            started.set_keys("gemini", "gemini-key-0001")
            started.set_keys("openai", "openai-key-0001")
            yield started


async def test_photos_are_made_by_a_machine_that_is_known_by_name_meanwhile(
    house: Stack, openai_port: int
) -> None:
    for slot in SLOTS:
        await set_slot(house, slot, **with_gemini(fallbacks=[OPENAI], deadline_seconds=12))
    async with running(openai_app(), port=openai_port):
        booths = Booths(house, portrait_jpeg())
        sent = await asyncio.gather(*(booths.post(slot) for slot in SLOTS))
    assert [one.statuses for one in sent] == [[200]] * len(SLOTS)
