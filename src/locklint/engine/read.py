"""Reads one source file into text, or says clearly why that cannot be done.

Decoding follows PEP 263: a byte-order mark or a coding comment in the first two lines decides,
else the text is UTF-8. Line ends become ``\\n``, so that line numbers are those of editors; form
feeds, which Python's own tokenizer takes for blanks, are kept.
"""

from __future__ import annotations

import codecs
import os
import re
import stat

MOST_BYTES = 64 * 1024 * 1024
"""The size above which a file is not read: no program is written in a file of 64 MiB."""

# From PEP 263; it counts only in one of the first two lines, and in the second only where the first
# is blank or a comment.
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


def read_bytes(path: str) -> bytes:
    """The bytes of a regular file of at most `MOST_BYTES`.

    Never waits for a named pipe or a device. Raises `ReadProblem`.
    """
    try:
        # Opening a pipe that nobody writes to would wait for ever, and what stands at a path may
        # change between a look and an open: so the open itself must not wait.
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ReadProblem("the file cannot be read: it is not a regular file")
            if status.st_size > MOST_BYTES:
                raise ReadProblem(f"the file is larger than {MOST_BYTES >> 20} MiB and is not read")
            return file.read()
    except OSError as error:
        reason = error.strerror or error
        raise ReadProblem(f"the file cannot be read: {reason}") from None
    except ValueError:
        raise ReadProblem("the file cannot be read: not a valid path") from None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode(data: bytes) -> str:
    """The text of a source file, with ``\\n`` line ends and without a byte-order mark.

    Raises `ReadProblem`, with the line, for a null byte, for bytes that are not of the file's
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
            "the file holds a null byte, which is not allowed in source files", _line(data, null)
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
                "the file holds half of a surrogate pair, which is no character", line
            )
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def encoding_name(data: bytes) -> str:
    """The name of the codec in which a file's bytes (behind its mark, if any) are text.

    Raises `ReadProblem` for an encoding that Python does not know.
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
