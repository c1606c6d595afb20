"""What a photo of 24 million pixels and about 7 MB costs before it is sent to a provider.

    python scripts/bench/photo.py [--photo FILE] [--rounds 5]

Milliseconds of processor time, in this one process. The floor is the decoding of the same photo at an
eighth of its size, with no check at all: no program can look at every byte for less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pyvips

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.core.decoding import load
from appliance.core.images import JPEG
from appliance.media.imaging import encode_blocking
from appliance.media.previews import whole
from scripts.bench._figures import Figures, cpu
from tests.support.photos import camera_jpeg_24mp, receive_blocking

MAX_PIXELS = 60_000_000
SIDE = 2048


def photo_of_7_mb() -> bytes:
    """24 million pixels at the quality that makes about 7 MB of it."""
    pixels = pyvips.Image.new_from_buffer(camera_jpeg_24mp(), "").copy_memory()
    for quality in range(90, 50, -2):
        data: bytes = pixels.jpegsave_buffer(Q=quality, keep="none")
        if len(data) < 7_200_000:
            break
    return data


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    data = given.photo.read_bytes() if given.photo else photo_of_7_mb()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo"

        def received(side: int | None) -> None:
            path.write_bytes(data)
            receive_blocking(path, MAX_PIXELS, side)

        floor = cpu(lambda: load(data, JPEG, shrink=8).avg(), given.rounds)
        figures = Figures("photo", "ms of processor time", "decoded at an eighth, unchecked", floor)
        figures.add("checked, to be sent as it is", cpu(lambda: received(None), given.rounds), 75)
        figures.add("checked and shrunk to 2048", cpu(lambda: received(SIDE), given.rounds), 180)
        figures.add(
            "shrunk again, for a provider of another size",
            cpu(lambda: encode_blocking(path, SIDE, 90), given.rounds),
        )
        figures.add("a preview of the photo itself", cpu(lambda: whole(path), given.rounds))
        small = Path(folder) / "small.jpg"
        small.write_bytes(encode_blocking(path, SIDE, 92))
        figures.add("a preview of a picture of 2048", cpu(lambda: whole(small), given.rounds))
    figures.tell()


if __name__ == "__main__":
    main()
