"""The command line. The modules that a command needs are imported when it runs, not before."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import click

from locklint import __version__
from locklint.cli.baseline import baseline
from locklint.cli.check import check
from locklint.cli.clean import clean
from locklint.cli.config import config
from locklint.cli.debug import debug
from locklint.cli.diff import diff
from locklint.cli.exit_status import ExitStatus
from locklint.cli.graph import graph
from locklint.cli.index import index
from locklint.cli.interrupt import interrupts_noted, stop_if_interrupted, was_interrupted
from locklint.cli.option_groups import GroupedCommand
from locklint.cli.output import reason, silence_stdout, write_error, write_note
from locklint.cli.rule import rule
from locklint.cli.verbs import VerbGroup

# Resources that the system lacks: the fault is not in locklint.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})


@click.group(
    cls=VerbGroup,
    default_verb="check",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=False,
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def command() -> None:
    """Find faults in the use of locks: leaks, wrong releases, ignored results, deadlocks.

    `locklint PATHS` is short for `locklint check PATHS`.
    """


command.add_command(check)
command.add_command(baseline)
command.add_command(diff)
command.add_command(rule)
command.add_command(graph)
command.add_command(index)
command.add_command(config)
command.add_command(clean)
command.add_command(debug)


@command.command(cls=GroupedCommand)
def version() -> None:
    """Print the version."""
    click.echo(f"locklint {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with ``arguments``, by default those of the process.

    Return the exit status: 0 for no findings, 1 for findings, 2 for errors in usage, settings or
    locklint itself, 130 after an interrupt. Never raise, and never end the process.
    """
    try:
        with interrupts_noted():
            status = command.main(arguments, prog_name="locklint", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
            stop_if_interrupted()
            return int(status or ExitStatus.CLEAN)
    except click.NoSuchOption as error:
        _with_suggestion(error).show()
    except click.ClickException as error:
        error.show()
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        # The reader has read enough, as `head` does.
        silence_stdout()
        return ExitStatus.CLEAN
    except MemoryError:
        write_error("not enough memory")
    except Exception as error:
        from locklint.engine.report import NO_MEMORY, lacks_memory

        if was_interrupted():
            return _interrupted()
        if lacks_memory(error):
            write_error(NO_MEMORY)
            return ExitStatus.TROUBLE
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            write_error(reason(error))
            return ExitStatus.TROUBLE
        import traceback

        write_error(f"{traceback.format_exc()}\ninternal error: this is a bug in locklint")
    return ExitStatus.TROUBLE


def _with_suggestion(error: click.NoSuchOption) -> click.UsageError:
    """Return the error for an unknown option, with the option that is most like it."""
    from locklint.engine.did_you_mean import did_you_mean

    options = error.ctx.command.get_params(error.ctx) if error.ctx else ()
    names = [name for each in options for name in (*each.opts, *each.secondary_opts)]
    known = [name for name in names if name.startswith("--")]
    hint = did_you_mean(error.option_name, known)
    return click.UsageError(f"No such option `{error.option_name}`{hint}", error.ctx)


def _interrupted() -> int:
    write_note("interrupted")
    return ExitStatus.INTERRUPTED
