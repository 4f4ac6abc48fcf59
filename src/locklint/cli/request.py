"""The options of one run, and the settings that follow from them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from locklint.cli.check_options import CheckOptions
from locklint.cli.destinations import Destination, destinations, write_all
from locklint.cli.output import Failure, write_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locklint.core.config import Config
    from locklint.engine.cache_store import CacheFile
    from locklint.engine.facts_store import FactsStore
    from locklint.engine.load_config import LoadedConfig, Read
    from locklint.engine.report import Report
    from locklint.engine.settings import Settings
    from locklint.engine.workers import Workers
    from locklint.rule import Rule


# Settings that leave out no finding with any value, and values of others that only add some.
_HIDES_NOTHING = frozenset({"baseline", "docs_url", "extend_select", "fail_level"})
_ADDS_ONLY = (("force_exclude", False), ("preview", True), ("respect_gitignore", False))

# Settings whose options add to what a file says.
_ADDED = ("extend_select", "extend_ignore", "extend_exclude")


class Request(CheckOptions):
    """The options of a run, with what follows from them."""

    def settings(self) -> Settings:
        """Return the settings of the run: those of files, with the options on top.

        Raise `Failure` for settings that cannot be used.
        """
        settings = self.settings_unchecked()
        self.check_rules(settings)
        return settings

    def check_rules(self, settings: Settings) -> None:
        """Raise `Failure` if the settings name rules that do not exist.

        This is a step of its own because the rules are many modules, which a run that is answered
        from the cache need not import.
        """
        from locklint.engine.load_config import SettingsError
        from locklint.engine.selection import select_rules
        from locklint.rules import ALL_RULES

        try:
            selected = select_rules(settings.config, ALL_RULES, settings.origin(settings.config))
        except SettingsError as error:
            raise Failure(str(error)) from None
        if self.verbose:
            write_note(f"rules: {', '.join(rule.code for rule in selected) or 'none'}")

    def settings_unchecked(self, quiet: bool = False, read: Read | None = None) -> Settings:
        """Return the settings without checking the names of rules.

        With ``quiet``, do not print where they come from. ``read`` returns the bytes of settings
        files that the command line does not name.
        """
        from locklint.engine.load_config import SettingsError
        from locklint.engine.read import read_settings
        from locklint.engine.settings import Settings

        try:
            root, per_folder, values = self._files(read or read_settings)
            settings = Settings(
                root,
                per_folder=per_folder,
                override=lambda config: self._with_flags(_with_values(config, values)),
                read=read or read_settings,
            )
        except SettingsError as error:
            raise Failure(f"{error}{_option_hint(error.unknown)}") from None
        if self.verbose and not quiet:
            write_note(f"settings: {settings.path or 'all defaults'}")
        return settings

    def cache(self, settings: Settings) -> CacheFile | None:
        """Return the file of the cache. Return None if no cache is used."""
        from pathlib import Path

        from locklint.engine.cache_folder import FOLDER
        from locklint.engine.cache_store import CacheFile

        if self.no_cache:
            return None
        folder = self.cache_dir or os.path.join(settings.folder or os.curdir, FOLDER)
        return CacheFile(Path(folder))

    def facts(self, settings: Settings) -> FactsStore:
        """Return the facts about single files that the cache holds, if one is used."""
        from locklint.engine.cache_store import FACTS, CacheStore
        from locklint.engine.facts_store import FactsStore

        cache = self.cache(settings)
        is_used = cache is not None and cache.prepare()
        return FactsStore(CacheStore(cache, FACTS) if cache and is_used else None)

    def workers(self, work: int) -> Workers | None:
        """Return the workers for ``work`` bytes of files; None for this process.

        Raise `Failure` for an executor that cannot be used.
        """
        from locklint.engine.workers import SHARE_BYTES

        if self.executor is None and self.scheduler is None and work < 2 * SHARE_BYTES:
            return None  # Starting processes would take longer.
        from locklint.engine.executors import (
            DASK,
            PROCESS,
            ExecutorProblem,
            executors,
            lacks_room_for_processes,
            usable_cpus,
        )
        from locklint.engine.shares import OverExecutor

        if self.scheduler is not None and self.executor != DASK:
            raise Failure("--scheduler needs --executor=dask")
        jobs = self.jobs or usable_cpus()
        if self.executor is None and jobs == 1:
            return None
        if self.executor in (None, PROCESS) and lacks_room_for_processes():
            return None
        try:
            make = executors(self.executor or PROCESS, self.scheduler)
        except ExecutorProblem as error:
            raise Failure(f"--executor: {error}") from None
        return OverExecutor(make, jobs, lambda text: write_note(f"note: {text}"))

    @property
    def names_baseline(self) -> bool:
        """Return whether the command line names the baseline, and not a settings file."""
        named = any(_is_value(word) and "baseline" in word for word in self.config_words)
        return named or self.baseline is not None

    @property
    def writes_findings(self) -> bool:
        """Return whether findings are to be recorded, in a baseline or in comments."""
        return self.update_baseline or self.add_ignore is not None

    @property
    def hiding_options(self) -> tuple[str, ...]:
        """The options that may leave out findings, so that a missing one need not be fixed."""
        from locklint.core.config import Config

        found = ["--isolated"] if self.isolated else []
        for field in msgspec.structs.fields(Config):
            value = getattr(self, field.name, None)
            if _may_hide(field.name, value):
                found.append(f"--{'no-' if value is False else ''}{field.encode_name}")
        for word in filter(_is_value, self.config_words):
            if any(_may_hide(key, value) for key, value in _setting(word).items()):
                found.append(f"--config {word}")
        return tuple(found)

    def _files(self, read: Read) -> tuple[LoadedConfig, bool, dict[str, Any]]:
        """Return the root's settings, whether folders may differ, and values from ``--config``."""
        from pathlib import Path

        from locklint.core.config import Config
        from locklint.engine.load_config import LoadedConfig, SettingsError, load_file
        from locklint.engine.settings import find_root

        words = self.config_words
        named: list[str] = []
        values: dict[str, Any] = {}
        for word in words:
            if _is_value(word):
                values.update(_setting(word))
            else:
                named.append(word)
        if not named and not self.isolated and os.environ.get("LOCKLINT_CONFIG"):
            named.append(os.environ["LOCKLINT_CONFIG"])
        if len(named) > 1:
            raise SettingsError(f"--config: give one settings file, not {' and '.join(named)}")
        if named and self.isolated:
            raise SettingsError(f"--isolated ignores settings files, but {named[0]} is one")
        if named:
            return load_file(Path(named[0])), False, values
        if self.isolated:
            return LoadedConfig(Config()), False, values
        return find_root(self.paths, read), True, values

    def _with_flags(self, base: Config) -> Config:
        """Return settings with those that the command line gives by options of their names."""
        from pathlib import Path

        from locklint.engine.load_config import decode_table
        from locklint.engine.toml_places import Origin

        changes: dict[str, Any] = {}
        for field in msgspec.structs.fields(type(base)):
            value = getattr(self, field.name, None)
            if value is None:
                continue
            if field.name == "per_file_ignores":
                value = _ignores(value)
            key = field.encode_name
            changes |= decode_table({key: value}, Origin(f"--{key}"), Path.cwd())
        for name in _ADDED:
            # A selection on the command line replaces that of the file.
            is_replaced = name == "extend_select" and self.select is not None
            before = () if is_replaced else getattr(base, name)
            changes[name] = (*before, *changes.get(name, ()))
        return msgspec.structs.replace(base, **changes)

    def destinations(self) -> list[Destination]:
        """Return where the result goes. Raise `Failure` if it cannot be written there."""
        return destinations(self.output_format, self.output_file)

    def write(self, report: Report, config: Config) -> None:
        """Write a report to all destinations."""

        def rules() -> Sequence[Rule]:
            from locklint.rules import ALL_RULES

            return ALL_RULES

        write_all(
            report,
            self.destinations(),
            rules=rules,
            color=self.color,
            statistics=self.statistics,
            hidden=self.show_suppressed,
            quiet=self.quiet,
            verbose=self.verbose,
            docs_url=config.docs_url or "",
        )


def _may_hide(key: str, value: object) -> bool:
    """Return whether a setting on the command line may leave out findings; None if not given."""
    return value is not None and key not in _HIDES_NOTHING and (key, value) not in _ADDS_ONLY


def _option_hint(key: str) -> str:
    """Return a clause that says that what is no setting is an option; empty if it is none."""
    from locklint.cli.check_options import named_option

    option = named_option(f"--{key}") if key else None
    if option is None:
        return ""
    variable = f", or the variable {option.envvar}" if option.envvar else ""
    return f": use the option `--{key}`{variable}"


def _is_value(word: str) -> bool:
    """Return whether a value of ``--config`` is a setting, not a file."""
    return "=" in word and not os.path.exists(word)


def _setting(word: str) -> dict[str, Any]:
    """Return one setting in TOML; patterns and paths are relative to the working directory."""
    import tomllib
    from pathlib import Path

    from locklint.engine.load_config import SettingsError, decode_table
    from locklint.engine.toml_places import Origin

    try:
        table = tomllib.loads(word)
    except tomllib.TOMLDecodeError as error:
        key, _, value = word.partition("=")
        hint = f' (a text needs quotes: `{key.strip()}="{value.strip()}"`)'
        raise SettingsError(
            f"--config {word}: is neither a file nor a setting in TOML: {error}"
            f"{hint if value.strip().isalnum() else ''}"
        ) from None
    return decode_table(table, Origin(f"--config {word}"), Path.cwd())


def _with_values(config: Config, values: dict[str, Any]) -> Config:
    return msgspec.structs.replace(config, **values) if values else config


def _ignores(words: Iterable[str]) -> dict[str, list[str]]:
    """Return the rules of ``pattern:rule`` pairs by pattern."""
    from locklint.engine.load_config import SettingsError

    found: dict[str, list[str]] = {}
    for word in words:
        pattern, colon, rule = word.rpartition(":")
        if not colon or not pattern or not rule:
            raise SettingsError(f"--per-file-ignores {word}: expected `pattern:rule`")
        found.setdefault(pattern.strip(), []).append(rule.strip())
    return found
