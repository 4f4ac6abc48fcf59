"""Settings, decoded and checked. Nothing here reads a file or the environment."""

from __future__ import annotations

import msgspec

from locklint.core.diagnostic import Severity


class LockType(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A kind of lock declared by the user in ``[tool.locklint.lock-types."pkg.MyLock"]``."""

    acquire: tuple[str, ...] = ("acquire",)
    release: tuple[str, ...] = ("release",)
    reentrant: bool = False
    is_async: bool = msgspec.field(default=False, name="async")
    blocking_argument: str | None = "blocking"
    timeout_argument: str | None = "timeout"
    failure: str = "false"  # or "raises"
    context_manager: bool = True
    acquire_gives_context: bool = False


class Config(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """All settings of one run."""

    select: tuple[str, ...] = ()  # empty: every rule whose severity is above info
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] | None = None  # None: the built-in list
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    min_severity: Severity = Severity.INFO
    fail_level: Severity = Severity.WARNING
    source_roots: tuple[str, ...] = ()
    lock_order: tuple[str, ...] = ()
    immediate_callers: tuple[str, ...] = ()
    lock_types: dict[str, LockType] = {}
