"""Cleanup as a command: once for a person or cron, or on and on for the sidecar.

Exit codes: 0 done, or another cleanup is at work; 1 some files could not be removed.
"""

from __future__ import annotations

import asyncio
import json
import signal

import structlog

from appliance.core.tasks import wait_for_event
from appliance.housekeeping.cleanup import Cleanup, CleanupReport

log = structlog.get_logger()


def describe(report: CleanupReport) -> str:
    """The counts as one readable line."""
    if report.already_running:
        return "Another cleanup is at work; nothing was done."
    verb = "would remove" if report.dry_run else "removed"
    return (
        f"{verb} {report.expired_results} expired and {report.deleted_results} deleted results, "
        f"{report.kept_photos} kept photos, {report.orphan_files} orphan files and "
        f"{report.abandoned_uploads} abandoned uploads ({report.freed_bytes / 1e6:.1f} MB); "
        f"{'would close' if report.dry_run else 'closed'} {report.interrupted_jobs} interrupted jobs, "
        f"{'would recover' if report.dry_run else 'recovered'} {report.recovered_results} results, "
        f"{'would forget' if report.dry_run else 'forgot'} the answers of {report.forgotten_answers} guests, "
        f"{verb} {report.old_jobs} old jobs; "
        f"{report.failures} failures"
    )


async def run_once(cleanup: Cleanup, *, dry_run: bool, as_json: bool) -> int:
    """One run; prints what it did and returns the exit code."""
    report = await cleanup.run(dry_run=dry_run)
    print(json.dumps(report.as_dict()) if as_json else describe(report))  # noqa: T201 - a command's output
    return 1 if report.failures else 0


async def run_every(cleanup: Cleanup, seconds: int) -> int:
    """Run every ``seconds`` until SIGTERM or SIGINT. A run that fails is logged; the next one follows."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    while not stop.is_set():
        try:
            await cleanup.run()
        except Exception:
            log.exception("cleanup.failed")
        await wait_for_event(stop, seconds)
    return 0
