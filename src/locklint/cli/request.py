"""What one ``locklint check`` was asked for, and the settings that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locklint.cli.destinations import Destination, destinations, write_all
from locklint.cli.output import Failure, write_note
from locklint.cli.scope import Scope, scope

if TYPE_CHECKING:
    from locklint.core.config import Config
    from locklint.engine.report import Report


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; None where a flag was not given."""

    paths: tuple[str, ...]
    select: tuple[str, ...] | None
    ignore: tuple[str, ...] | None
    extend_select: tuple[str, ...] | None
    extend_ignore: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    extend_exclude: tuple[str, ...] | None
    force_exclude: bool | None
    respect_gitignore: bool | None
    min_severity: str | None
    exit_zero: bool
    isolated: bool
    no_cache: bool
    cache_dir: str | None
    jobs: int | None
    quiet: bool
    verbose: bool
    color: str
    output_format: tuple[Destination, ...]
    output_file: str | None
    report_only_for: bool
    stdin_filename: str | None
    statistics: bool
    show_files: bool

    def config(self) -> Config:
        """The settings in force: those of the nearest file, with the flags on top."""
        from pathlib import Path

        import msgspec

        from locklint.core.config import Config
        from locklint.core.diagnostic import Severity
        from locklint.engine.load_config import LoadedConfig, SettingsError, load_config
        from locklint.engine.selection import select_rules
        from locklint.rules import ALL_RULES

        try:
            loaded = LoadedConfig(Config()) if self.isolated else load_config(Path.cwd())
            base = loaded.config
            changes: dict[str, Any] = {
                "extend_select": (*base.extend_select, *(self.extend_select or ())),
                "extend_ignore": (*base.extend_ignore, *(self.extend_ignore or ())),
                "extend_exclude": (*base.extend_exclude, *(self.extend_exclude or ())),
            }
            if self.select is not None:
                # A selection on the command line says what runs; it is not added to the file's.
                changes["extend_select"] = self.extend_select or ()
            if self.min_severity is not None:
                changes["min_severity"] = Severity[self.min_severity.upper()]
            for key in ("select", "ignore", "exclude", "force_exclude", "respect_gitignore"):
                if getattr(self, key) is not None:
                    changes[key] = getattr(self, key)
            config = msgspec.structs.replace(base, **changes)
            selected = select_rules(config, ALL_RULES)
        except SettingsError as error:
            raise Failure(str(error)) from None
        if self.verbose:
            write_note(f"settings: {loaded.path or 'the defaults'}")
            write_note(f"rules: {', '.join(rule.code for rule in selected) or 'none'}")
        return config

    def scope(self) -> Scope:
        """What is analysed and reported; reads standard input if it is asked for."""
        return scope(
            self.paths,
            only_for=self.report_only_for,
            stdin_filename=self.stdin_filename,
            isolated=self.isolated,
        )

    def destinations(self) -> list[Destination]:
        """Where the result goes; raises `Failure` where it cannot."""
        return destinations(self.output_format, self.output_file)

    def write(self, report: Report) -> None:
        """Write a report where it was asked for."""
        from locklint.rules import ALL_RULES

        write_all(
            report,
            self.destinations(),
            rules=ALL_RULES,
            color=self.color,
            statistics=self.statistics,
            quiet=self.quiet,
        )
