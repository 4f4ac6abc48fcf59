"""The exit statuses of the process."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses, the same in every output format."""

    CLEAN = 0
    FINDINGS = 1
    TROUBLE = 2  # In usage, in settings, or in locklint itself.
    INTERRUPTED = 130
