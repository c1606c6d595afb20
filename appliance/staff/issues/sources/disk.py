"""The disk: low, or so full that no photo is taken."""

from __future__ import annotations

from appliance.housekeeping.disk_guard import DiskGuard
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source


def disk_source(guard: DiskGuard) -> Source:
    """Looks at what the disk's guard knows."""

    async def look() -> list[Finding]:
        disk = await guard.look()
        if disk.state == "ok":
            return []
        parameters = {
            "free_bytes": disk.free_bytes // 10**7 * 10**7,
            "low_bytes": disk.low_bytes,
            "pictures": disk.offer.pictures if disk.offer else 0,
        }
        action = Action("free_space", method="POST", path="/api/disk/free")
        if disk.state == "full":
            return [Finding("disk.full", "disk.full", "stops_photos", parameters, (), action, None, AT_ONCE)]
        return [Finding("disk.low", "disk.low", "will_stop", parameters, (), action)]

    return Source("disk", frozenset({"disk.full", "disk.low"}), look, every=15.0)
