"""``locklint check --show-settings``: print the effective settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, write_result
from locklint.cli.settings_problems import tell_notes

if TYPE_CHECKING:
    from locklint.cli.request import Request
    from locklint.engine.settings import Settings


def show_settings(request: Request, settings: Settings) -> int:
    """Print the root's settings as TOML, then those of folders that have settings of their own."""
    from locklint.core.config import scope_of
    from locklint.engine.discover import discover
    from locklint.engine.load_config import SettingsError
    from locklint.engine.settings import RuleSelection
    from locklint.engine.settings_table import as_toml
    from locklint.rules import ALL_RULES

    try:
        selection = RuleSelection(settings, ALL_RULES)
        discovery = discover(request.paths, settings.config, settings.folder)
        fatal = [problem for problem in discovery.problems if problem.fatal]
        if fatal:
            raise Failure("\n".join(f"{problem.path}: {problem.message}" for problem in fatal))
        by_source = {settings.path: settings.config}
        for found in discovery.files:
            config, source = settings.source_of(found.path)
            by_source.setdefault(source, config)
        selection.prepare(found.path for found in discovery.files)
    except SettingsError as error:
        raise Failure(str(error)) from None
    parts = [f"# {settings.path or 'No settings file: all defaults.'}\n{as_toml(settings.config)}"]
    for source, config in sorted(by_source.items(), key=lambda item: str(item[0])):
        if source != settings.path:
            only = as_toml(config, lambda key: scope_of(key) == "folder")
            parts.append(f"# {source}, for the files in its folder\n{only}")
    write_result("\n".join(parts), request.output_file)
    tell_notes(settings)
    return ExitStatus.CLEAN
