"""The files that a run analyses, and those for which it reports, from the command line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from locklint.cli.output import Failure, reason, write_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locklint.cli.check_options import CheckOptions
    from locklint.core.diagnostic import Diagnostic
    from locklint.engine.stdin import StdinText

STDIN = "-"

MOST_NAMED = 5
"""The largest number of files that a note names."""


class Scope(NamedTuple):
    """The paths to analyse, text that replaces a file, and the files that findings must touch.

    ``named`` is None where everything is reported; no paths at all are a list with nothing in it.
    """

    paths: tuple[str, ...]
    stdin: StdinText | None = None
    named: tuple[str, ...] | None = None

    def of(self, diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
        """The findings to report."""
        if self.named is None:
            return tuple(diagnostics)
        from locklint.engine.narrow import touching

        return touching(diagnostics, self.named)


def scope(options: CheckOptions, *, nothing_named: bool = False) -> Scope:
    """Return the files to analyse and to report on; read standard input if it is among them.

    Without paths the current folder is meant, unless a list was given in which nothing is named.
    Files to report on that are not Python are passed over, with a note unless the run is quiet.
    Raise `Failure` for a name that does not exist, and for settings that cannot be used.
    """
    from_stdin = STDIN in options.paths or options.stdin_filename is not None
    named = tuple(path for path in options.paths if path != STDIN)
    stdin = _read(options.stdin_filename) if from_stdin else None
    if not options.report_only_for:
        everything = not (named or from_stdin or nothing_named)
        return Scope((os.curdir,) if everything else named, stdin)
    from locklint.engine.is_python import is_python
    from locklint.engine.load_config import SettingsError
    from locklint.engine.narrow import project_folder

    missing = [path for path in named if not os.path.lexists(path)]
    if missing:
        raise Failure("\n".join(f"{path}: does not exist" for path in missing))
    passed_over = [path for path in named if os.path.isfile(path) and not is_python(path)]
    if not options.quiet:
        tell_passed_over(passed_over)
    named = tuple(path for path in named if path not in passed_over)
    if stdin is not None:
        named = (*named, stdin.path)
    if not named:
        write_note("no files named: nothing to report")
        return Scope((), None, ())
    try:
        folder = project_folder(os.curdir, isolated=options.isolated)
    except SettingsError as error:
        raise Failure(str(error)) from None
    return Scope((folder,), stdin, named)


def tell_passed_over(files: Sequence[str]) -> None:
    """Print which of the named files were passed over because they are not Python."""
    if not files:
        return
    shown = ", ".join(files[:MOST_NAMED])
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    write_note(f"note: passed over, not Python: {shown}{more}")


def _read(filename: str | None) -> StdinText:
    from locklint.engine.read import MOST_BYTES, too_large
    from locklint.engine.stdin import UNNAMED, StdinText

    if sys.stdin is None:
        raise Failure("standard input is closed")
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise too_large("standard input", MOST_BYTES)
        return StdinText(filename or UNNAMED, data)
    except OSError as error:
        raise Failure(f"cannot read standard input: {reason(error)}") from None
    except ValueError as error:
        raise Failure(f"cannot read standard input: {error}") from None
