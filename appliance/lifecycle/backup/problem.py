"""What stops a backup or a restore."""

from __future__ import annotations


class BackupProblem(ValueError):
    """Why a backup cannot be made or used, in words for the person who wants it."""
