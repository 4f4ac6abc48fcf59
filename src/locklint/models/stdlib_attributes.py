"""Locks that other parts of the standard library keep in attributes and globals (3.11 to 3.13)."""

from __future__ import annotations

from locklint.models.library import (
    CallResult,
    Library,
    ModuleLock,
    PassedOn,
    TypeAttribute,
    dotted,
)

_HANDLERS = (
    *dotted(
        ("logging",),
        "Handler",
        "StreamHandler",
        "FileHandler",
        "NullHandler",
    ),
    *dotted(
        ("logging.handlers",),
        "BufferingHandler",
        "DatagramHandler",
        "HTTPHandler",
        "MemoryHandler",
        "NTEventLogHandler",
        "QueueHandler",
        "RotatingFileHandler",
        "SMTPHandler",
        "SocketHandler",
        "SysLogHandler",
        "TimedRotatingFileHandler",
        "WatchedFileHandler",
    ),
)

LIBRARY = Library(
    attributes=(
        # NullHandler, and a handler before createLock, hold None there.
        TypeAttribute(_HANDLERS, "lock", "threading.RLock"),
        TypeAttribute(("http.cookiejar.CookieJar",), "_cookies_lock", "threading.RLock"),
        TypeAttribute(("sched.scheduler",), "_lock", "threading.RLock"),
        TypeAttribute(("subprocess.Popen",), "_waitpid_lock", "threading.Lock"),
    ),
    passed_on=(PassedOn(_HANDLERS, ("acquire", "release"), "lock"),),
    module_locks=(
        ModuleLock("logging._lock", "threading.RLock"),
        ModuleLock("threading._active_limbo_lock", "threading.RLock"),
        ModuleLock("tempfile._once_lock", "threading.Lock"),
    ),
    # Effects of a logger's methods are in `locklint.models.calls`.
    results=(CallResult(("logging.getLogger", "logging.Logger.getChild"), "logging.Logger"),),
)
