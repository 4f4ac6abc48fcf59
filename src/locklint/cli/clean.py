"""``locklint clean``: forget what is remembered of former runs."""

from __future__ import annotations

import click

from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, write_note


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@click.option(
    "--cache-dir",
    type=click.Path(),
    envvar="LOCKLINT_CACHE_DIR",
    metavar="FOLDER",
    help="The folder to remove: .locklint_cache beside the settings if not given.",
)
@click.option("--isolated", is_flag=True, help="Read no configuration file.")
def clean(paths: tuple[str, ...], cache_dir: str | None, isolated: bool) -> int:
    """Remove the cache of the project that PATHS (by default the current folder) belong to."""
    from locklint.cli.request import Request
    from locklint.engine.run_cache import clean as remove

    request = Request(paths=paths or (".",), cache_dir=cache_dir, isolated=isolated)
    cache = request.cache(request.settings())
    assert cache is not None
    try:
        found = remove(cache.folder)
    except OSError as error:
        raise Failure(f"{cache.folder}: cannot be removed: {error.strerror or error}") from None
    write_note(f"{cache.folder}: {'removed' if found else 'there is no cache of locklint here'}")
    return ExitStatus.CLEAN
