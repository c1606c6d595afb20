"""Being told to stop: streams to browsers end at once, photos in flight go on."""

from __future__ import annotations

import asyncio


class Stopping(asyncio.Event):
    """Is set when the appliance is told to stop."""

    is_wanted = True
    """Not if it has grown too large: ``lifecycle/stack/watch.py`` says so by SIGINT."""
