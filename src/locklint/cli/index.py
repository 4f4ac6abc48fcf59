"""``locklint index``: prepare some files now, to analyse them with others later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.check import progress_for
from locklint.cli.check_options import PROGRAM_OPTIONS, with_options_of_check
from locklint.cli.destinations import reject_unwritable
from locklint.cli.exit_status import ExitStatus
from locklint.cli.interrupt import stop_if_interrupted
from locklint.cli.option_groups import OptionGroup, option
from locklint.cli.output import Failure, write_error, write_note
from locklint.cli.scope import tell_passed_over

if TYPE_CHECKING:
    from locklint.cli.request import Request
    from locklint.engine.index_file import Index


@with_options_of_check(
    *PROGRAM_OPTIONS, short_help="Write an index file, for `check --from-index`."
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@option(
    OptionGroup.OUTPUT,
    "--output-file",
    "-o",
    type=click.Path(),
    metavar="FILE",
    required=True,
    help="The index file to write, such as part.lki.",
)
def index(paths: tuple[str, ...], output_file: str, **flags: Any) -> int:
    """Write the facts about files and folders (default: the current folder) to an index file.

    Each part of a program can be indexed on its own, in any order and on any machine, but from the
    folder that all paths are relative to. `locklint check --from-index part1.lki --from-index
    part2.lki` then analyses all parts together, with the same result as for the files themselves.
    It needs nothing but the index files.
    """
    from locklint.cli.request import Request

    request = Request(paths=paths or (os.curdir,), **flags)
    reject_unwritable(output_file)
    made = _make(request)
    stop_if_interrupted()
    from locklint.engine.index_file import write_index
    from locklint.engine.is_python import is_python

    try:
        write_index(made, output_file)
    except OSError as error:
        raise Failure(f"{output_file}: cannot be written: {error.strerror or error}") from None
    for path, message in made.problems:
        write_error(f"{os.fsdecode(path)}: {message}")
    if not request.quiet:
        tell_passed_over([path for path in paths if os.path.isfile(path) and not is_python(path)])
        from locklint.reporting.summary import files_with_locks

        mention = sum(bool(file.key) for file in made.files)
        write_note(f"Indexed {files_with_locks(len(made.files), mention)} in {output_file}.")
    return ExitStatus.CLEAN


def _make(request: Request) -> Index:
    from locklint.engine.executors import ExecutorProblem
    from locklint.engine.find_files import UsageError
    from locklint.engine.index_file import make_index
    from locklint.engine.load_config import SettingsError

    progress = progress_for(quiet=request.quiet)
    try:
        return make_index(
            request.paths,
            lambda read: request.settings_unchecked(read=read),
            workers=request.workers,
            progress=progress,
        )
    except (UsageError, SettingsError, ExecutorProblem) as error:
        raise Failure(str(error)) from None
    finally:
        if progress is not None:
            progress.end()
