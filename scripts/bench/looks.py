"""How long each local look takes on a 24-megapixel JPEG, beside a plain resize in the same run.

    python scripts/bench/looks.py [--photo FILE] [--rounds 3] [--max-side 3000]

Without ``--photo`` a 6000 by 4000 test photo is made. Each look also runs once in a process of its own,
for its peak memory. Prints and keeps two tables: processor time, which other work on the machine hardly
changes, and peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyvips

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.core.clock import Deadline
from appliance.core.images import EncodedImage
from appliance.providers.base import EditRequest
from appliance.providers.local.driver import LocalDriver
from scripts.bench._figures import Figures, cpu

PLAIN = "plain"
GOAL_MS, GOAL_MIB = 600, 400  # for each look, of a photo of 24 megapixels


@dataclass(frozen=True)
class FilePhoto:
    """A photo file as the driver wants it; the local looks read the path alone."""

    path: Path
    media_type: str = "image/jpeg"
    width: int = 6000
    height: int = 4000

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        raise NotImplementedError


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-side", type=int, default=3000)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        measure(given.peak, given.photo, given.max_side, 1)
        print(peak_of_this_process())
        return
    with tempfile.TemporaryDirectory() as folder:
        photo = given.photo or make_photo(Path(folder) / "photo.jpg")
        plain = measure(PLAIN, photo, given.max_side, given.rounds)
        times = Figures("looks", "ms of processor time", "decode, resize, encode", plain)
        plain_peak = peak(PLAIN, photo, given.max_side)
        memory = Figures("looks-memory", "MiB at the peak", "decode, resize, encode", plain_peak)
        for look in LocalDriver.operations:
            times.add(look, measure(look, photo, given.max_side, given.rounds), GOAL_MS)
            memory.add(look, peak(look, photo, given.max_side), GOAL_MIB)
    times.tell()
    memory.tell()


def measure(look: str, photo: Path, max_side: int, rounds: int) -> float:
    """Milliseconds of processor time of the quickest of ``rounds`` runs."""
    driver = LocalDriver()

    def once() -> None:
        if look == PLAIN:
            image = pyvips.Image.thumbnail(str(photo), max_side, height=max_side)
            image.jpegsave_buffer(Q=90)
        else:
            params = driver.operations[look].params.model_validate({"max_side": max_side})
            request = EditRequest("bench", FilePhoto(photo), look, params)
            asyncio.run(driver.edit(request, Deadline.after(60)))

    try:
        return cpu(once, rounds)
    finally:
        driver.close()


def peak(look: str, photo: Path, max_side: int) -> float:
    """The peak memory in MiB of a fresh process that makes one picture."""
    command = [sys.executable, __file__, "--peak", look, "--photo", str(photo), "--max-side", str(max_side)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_of_this_process() -> float:
    """In MiB; from /proc, because ``getrusage`` counts the parent from before the exec too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def make_photo(path: Path) -> Path:
    """A 6000 by 4000 JPEG with soft shapes and a little noise, stored as cameras do."""
    shapes = pyvips.Image.perlin(6000, 4000, cell_size=700, seed=1).linear(110, 128)
    colours = shapes.bandjoin([shapes.rot180(), shapes.flip("vertical")])
    noise = pyvips.Image.gaussnoise(6000, 4000, sigma=4, mean=0, seed=2)
    photo = (colours + noise).cast("uchar").copy(interpretation="srgb")
    photo.jpegsave(str(path), Q=92, subsample_mode="on")
    return path


if __name__ == "__main__":
    main()
