"""What ``free-space`` says."""

from __future__ import annotations

from appliance.housekeeping.disk_guard import DiskState, FreedReport


def describe(found: DiskState | FreedReport) -> str:
    """One line for a person: what would go, or what went."""
    if isinstance(found, FreedReport):
        room = _room(found.disk)
        if not found.pictures and found.disk.state == "ok":
            return f"Nothing was removed: {room}."
        waits = " The files are removed when the backup or cleanup has ended." if found.waiting else ""
        return f"Removed {found.pictures} results, {found.freed_bytes / 1e6:.1f} MB; {room}.{waits}"
    if found.offer is None:
        return f"Nothing would be removed: {_room(found)}."
    enough = "" if found.offer.enough else " That is not enough."
    size = found.offer.bytes / 1e6
    return f"Would remove {found.offer.pictures} results, {size:.1f} MB; {_room(found)}.{enough}"


def _room(disk: DiskState) -> str:
    free, mark = disk.free_bytes / 1e6, disk.low_bytes / 1e6
    return f"{free:.0f} MB are free, the limit is {mark:.0f} MB"
