"""Replacing of a file as a whole: in all cases it holds the old bytes or the new ones.

A written file is where its name says. In a checkout a name may be a link to any file of the user's,
so no link is followed, neither in place of the file nor in a folder of its path that leads out of
the working directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat

# Names of streams that processes hold open, for any target.
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")

_NO_FOLLOWING = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)


def replace_file(path: str, data: bytes) -> None:
    """Write ``data`` to a file, which keeps its permissions, or to a stream such as /dev/stdout.

    A file in a folder where none may be made is written to directly. Raise `OSError`, also where
    `misplaced` says something.
    """
    import tempfile

    if is_stream(path):
        with open(path, "wb") as stream:
            stream.write(data)
        return
    problem = misplaced(path)
    if problem:
        raise OSError(errno.EINVAL, problem, path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
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


def is_stream(path: str) -> bool:
    """Return whether a path names a device, or a stream that a process holds open."""
    place = os.path.abspath(path)
    if _STREAM.fullmatch(place):
        return True
    try:
        kind = stat.S_IFMT(os.lstat(place).st_mode)
    except OSError:
        return False
    return place.startswith("/dev/") and kind in (stat.S_IFCHR, stat.S_IFBLK)


def misplaced(path: str) -> str:
    """Return why nothing is written to a path; empty if its file is where its name says.

    A file that does not exist yet is where its folder is.
    """
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return "it is a symbolic link"
        if not stat.S_ISREG(status.st_mode):
            return "it is not a regular file"
    if leads_out(os.path.dirname(path)):
        return "a symbolic link leads there, out of the working directory"
    return ""


def leads_out(folder: str) -> bool:
    """Return whether a folder is in the working directory by its name, and outside by links."""
    here = os.getcwd()
    real = os.path.realpath(folder)
    return _is_below(os.path.abspath(folder), here) and not _is_below(real, os.path.realpath(here))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _write_directly(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0) | _NO_FOLLOWING | _NO_WAITING
    with os.fdopen(os.open(path, flags), "wb") as file:
        file.write(data)


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
