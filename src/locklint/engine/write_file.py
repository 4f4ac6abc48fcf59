"""Replaces a file as a whole: whatever happens, it holds the old bytes or the new ones."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

# A path such as /dev/stdout stands for a stream that others hold open, whatever it leads to.
_NAMES_OF_STREAMS = ("/dev/", "/proc/")


def replace_file(path: str, data: bytes) -> None:
    """Write ``data`` to a file, which keeps its permissions; a link stays a link.

    What is no regular file (a device, a pipe) is written to directly, and so is a file in a folder
    where none may be made. Raises `OSError`.
    """
    import tempfile

    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or os.path.abspath(path).startswith(_NAMES_OF_STREAMS):
            _write_directly(path, data)
            return
        mode = stat.S_IMODE(status.st_mode)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    path = os.path.realpath(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".locklint-", dir=os.path.dirname(path))
    except PermissionError:
        if mode is None:
            raise
        _write_directly(path, data)
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, _default_mode() if mode is None else mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _write_directly(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
