"""Draws the sample photo: ``python -m appliance.bare.sample FILE.svg FILE.jpg``."""

import sys
from pathlib import Path

import pyvips


def draw(svg: Path, jpg: Path) -> None:
    """A JPEG as a camera would make it, by way of a temporary file."""
    half_made = jpg.with_name(f".{jpg.name}")
    picture = pyvips.Image.thumbnail(str(svg), 1800, height=1200).flatten(background=255)
    picture.jpegsave(str(half_made), Q=90)
    half_made.replace(jpg)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
