"""``locklint clean``: remove the cache."""

from __future__ import annotations

import click

from locklint.cli.exit_status import ExitStatus
from locklint.cli.option_groups import GroupedCommand
from locklint.cli.output import Failure, write_note


@click.command(cls=GroupedCommand, short_help="Remove the cache.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@click.option(
    "--cache-dir",
    type=click.Path(),
    envvar="LOCKLINT_CACHE_DIR",
    metavar="FOLDER",
    help="The cache folder (default: .locklint_cache next to the settings file, or in the working"
    " directory without one).",
)
@click.option("--isolated", is_flag=True, help="Ignore all settings files.")
def clean(paths: tuple[str, ...], cache_dir: str | None, isolated: bool) -> int:
    """Remove the cache of the project that PATHS (default: the current folder) belong to."""
    from locklint.cli.request import Request
    from locklint.engine.cache_folder import clean as remove

    request = Request(paths=paths or (".",), cache_dir=cache_dir, isolated=isolated)
    cache = request.cache(request.settings())
    assert cache is not None
    try:
        found = remove(cache.folder)
    except OSError as error:
        raise Failure(f"{cache.folder}: cannot be removed: {error.strerror or error}") from None
    write_note(f"{cache.folder}: {'removed' if found else 'no cache found'}")
    return ExitStatus.CLEAN
