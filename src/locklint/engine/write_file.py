"""Replaces a file as a whole: whatever happens, it holds the old bytes or the new ones."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile


def replace_file(path: str, data: bytes) -> None:
    """Write ``data`` to a file, which keeps its permissions; a link stays a link.

    What is no regular file (a device, a pipe) is written to directly. Raises `OSError`.
    """
    path = os.path.realpath(path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            with open(path, "wb") as file:
                file.write(data)
            return
        mode = stat.S_IMODE(status.st_mode)
    folder = os.path.dirname(path)
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "permission denied", path)
    descriptor, temporary = tempfile.mkstemp(prefix=".locklint-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _default_mode() if mode is None else mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
