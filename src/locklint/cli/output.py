"""Writing to the standard streams and to files, and what each of them can show."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

import click

from locklint.cli.exit_status import ExitStatus


class Failure(click.ClickException):
    """Raised to end a run that cannot continue, with a message for the user."""

    exit_code = ExitStatus.TROUBLE

    def show(self, file: object = None) -> None:
        """Write the message to standard error, where each of its lines is an error."""
        for line in self.message.splitlines():
            write_error(line)


def write_error(message: str) -> None:
    """Write one message to standard error."""
    write_note(f"error: {message}")


def write_note(message: str) -> None:
    """Write a line to standard error, in any encoding, and continue if that fails.

    What a terminal or a service would obey, for instance in the name of a file, is replaced.
    """
    if sys.stderr is None:
        return
    from locklint.reporting.printable import harmless

    text = harmless(message.expandtabs()) + "\n"
    with contextlib.suppress(OSError):
        sys.stderr.write(encodable(text, encoding_of(sys.stderr)))
        sys.stderr.flush()


def write_result(text: str, path: str | None = None, *, has_commands: bool = False) -> None:
    """Write a command's result to standard output, or as UTF-8 to a file that it replaces.

    Unless the text ``has_commands``, services that run jobs see none on standard output. A reader
    that has closed the pipe is no error. Raise `Failure` if it cannot be written.
    """
    try:
        if path is None:
            from locklint.reporting.printable import without_commands

            _write_stdout(text if has_commands else without_commands(text))
        else:
            from locklint.engine.write_file import replace_file

            replace_file(path, text.encode("utf-8", "backslashreplace"))
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        if path is None:
            silence_stdout()  # Else the interpreter would try, and complain, once more.
        raise Failure(f"{path or 'standard output'}: cannot be written: {reason(error)}") from None


def silence_stdout() -> None:
    """Send what is still to be written to standard output nowhere."""
    if sys.stdout is None:
        return
    with contextlib.suppress(OSError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reason(error: OSError) -> str:
    """Return the message of the operating system, in lower case."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def encoding_of(stream: TextIO | None) -> str:
    """The encoding of a text stream."""
    return getattr(stream, "encoding", None) or "utf-8"


def encodable(text: str, encoding: str) -> str:
    """The text with backslash escapes for what an encoding does not have."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def wants_color(choice: str, stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Return whether to colour a stream: as chosen, by the environment, or for a terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return environment["FORCE_COLOR"] != "0"
    return is_terminal(stream) and environment.get("TERM") != "dumb"


def width_of(stream: TextIO | None) -> int | None:
    """Return the columns of a terminal. Return None if lines may have any length."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if not is_terminal(stream):
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _write_stdout(text: str) -> None:
    if sys.stdout is None:
        return
    sys.stdout.write(encodable(text, encoding_of(sys.stdout)))
    sys.stdout.flush()
