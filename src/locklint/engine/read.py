"""Reading of files: the one place where bytes come from the disk, and how text is decoded.

A path in a checkout may be anything: a pipe that has no writer, a link to an endless device, a file
of many gigabytes. So every file is opened without waiting, must be a regular one, and is read up to
a limit.

Decoding follows PEP 263: a byte-order mark or a coding comment in the first two lines decides, else
the text is UTF-8. Line ends become ``\\n``, so that line numbers are those of editors; form feeds,
which Python's own tokenizer treats as blanks, are kept.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 64 << 20
"""The size above which a file is not read: no program is written in a file of 64 MiB."""

MOST_SETTINGS_BYTES = 1 << 20
"""The same for settings."""

_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOWING = getattr(os, "O_NOFOLLOW", 0)

# From PEP 263; it applies only in one of the first two lines, and in the second only where the
# first is blank or a comment.
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_NO_CODE = re.compile(rb"^[ \t\f]*(?:#.*)?$")
# The encodings of domain names: decoding takes time that grows with the square of the length.
_QUADRATIC = frozenset(["idna", "punycode"])
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile(rb"\r\n|\r|\n")


class ReadProblem(Exception):
    """A file that cannot be read as Python source; ``line`` is 1-based, 0 for the whole file."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@contextmanager
def opened(path: str | Path, *, follow: bool = True) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file to be read; give its descriptor and its state.

    Never waits for a named pipe or a device. Raise `OSError`, also for what is not a regular file
    or has a name that no file can have; without ``follow``, for a link too.
    """
    # The file at a path may change between a test and an open: so the open itself must not wait,
    # and the test comes after it.
    flags = os.O_RDONLY | _NO_WAITING | (0 if follow else _NO_FOLLOWING)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        raise OSError(errno.EINVAL, "not a valid path", str(path)) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        yield descriptor, status
    finally:
        os.close(descriptor)


def read_file(path: str | Path, most: int = MOST_BYTES, *, follow: bool = True) -> bytes:
    """Return the bytes of a file. Raise `OSError` as `opened` does, and for more than ``most``."""
    with opened(path, follow=follow) as (descriptor, status):
        if status.st_size > most:
            raise too_large(path, most)
        data = os.read(descriptor, status.st_size + 1)
        if len(data) != status.st_size:
            # It grows or shrinks, or the system makes it up and says no size.
            while piece := os.read(descriptor, max(len(data), 1 << 16)):
                data += piece
                if len(data) > most:
                    raise too_large(path, most)
        return data


def too_large(path: str | Path, most: int) -> OSError:
    """Return the error for a file that is larger than ``most`` bytes."""
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
    return OSError(errno.EFBIG, f"it is larger than {size}", str(path))


def read_settings(path: Path) -> bytes:
    """Return the bytes of a settings file. Raise `OSError` as `read_file` does."""
    return read_file(path, MOST_SETTINGS_BYTES)


def read_bytes(path: str) -> bytes:
    """Return the bytes of a source file. Raise `ReadProblem`."""
    try:
        return read_file(path)
    except OSError as error:
        if error.errno == errno.EFBIG:
            message = f"the file is larger than {MOST_BYTES >> 20} MiB"
            raise ReadProblem(message) from None
        raise ReadProblem(f"the file cannot be read: {error.strerror or error}") from None


def decode(data: bytes) -> str:
    """The text of a source file, with ``\\n`` line ends and without a byte-order mark.

    Raise `ReadProblem`, with the line, for a null byte, for bytes that are not of the file's
    encoding or are half of a surrogate pair, and for an encoding that Python does not know.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ReadProblem(
            "the file is in UTF-16 or UTF-32, which is not allowed for source files", 1
        )
    marked = data.startswith(codecs.BOM_UTF8)
    if marked:
        data = data[len(codecs.BOM_UTF8) :]
    null = data.find(b"\0")
    if null >= 0:
        raise ReadProblem(
            "the file contains a null byte, which is not allowed in source files", _line(data, null)
        )
    declared, declared_line = _declared(data)
    codec = "utf-8" if declared is None else _codec(declared, declared_line)
    if marked and codec != "utf-8":
        message = f"a byte-order mark says UTF-8, but the file declares the encoding {declared}"
        raise ReadProblem(message, declared_line)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x}" if error.start < len(data) else "the last byte"
        if declared is None:
            message = f"{byte} is not valid UTF-8, and no other encoding is declared"
        else:
            message = f"{byte} is not valid in the declared encoding, {declared}"
        raise ReadProblem(message, _line(data, error.start)) from None
    except ValueError as error:
        raise ReadProblem(
            f"the file cannot be decoded as {declared}: {error}", declared_line
        ) from None
    if codec != "utf-8":
        surrogate = _SURROGATE.search(text)
        if surrogate:
            line = len(re.findall(r"\r\n|\r|\n", text[: surrogate.start()])) + 1
            raise ReadProblem(
                "the file contains half of a surrogate pair, which is not a character", line
            )
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def encoding_name(data: bytes) -> str:
    """The name of the codec in which a file's bytes (after its mark, if any) are text.

    Raise `ReadProblem` for an encoding that Python does not know.
    """
    declared, line = _declared(data.removeprefix(codecs.BOM_UTF8))
    return "utf-8" if declared is None else _codec(declared, line)


def _declared(data: bytes) -> tuple[str | None, int]:
    """The encoding that a coding comment names, and the comment's line."""
    start = 0
    for line in (1, 2):
        end = _LINE_END.search(data, start)
        content = data[start : end.start() if end else len(data)]
        cookie = _COOKIE.match(content)
        if cookie:
            return cookie[1].decode("ascii"), line
        if end is None or not _NO_CODE.match(content):
            break
        start = end.end()
    return None, 0


def _codec(declared: str, line: int) -> str:
    """The name under which Python knows a declared encoding."""
    name = declared.lower().replace("_", "-")
    # Editors add the kind of line ends to the name; Python's tokenizer reads past it.
    if name == "utf-8" or name.startswith("utf-8-"):
        return "utf-8"
    for latin in ("latin-1", "iso-8859-1", "iso-latin-1"):
        if name == latin or name.startswith(latin + "-"):
            return "latin-1"
    try:
        codec = codecs.lookup(declared).name
        b" ".decode(codec)  # Refuses what turns bytes into bytes.
    except (LookupError, ValueError):
        codec = ""
    if not codec or codec in _QUADRATIC:
        raise ReadProblem(f"the declared encoding, {declared}, is unknown", line)
    return codec


def _line(data: bytes, position: int) -> int:
    """The 1-based line of a byte."""
    return len(_LINE_END.findall(data, 0, position)) + 1
