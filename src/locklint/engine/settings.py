"""The settings of a run: those of the project's root, and those that folders below it change.

Settings that decide what is analysed and how come from the root alone, so that a finding does not
depend on where the analysis began. Which rules run over a file, and which of their findings are
shown, is decided by the settings file nearest to it. Flags override all files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from locklint.core.config import ROOT, Config, scope_of
from locklint.engine.load_config import (
    LoadedConfig,
    Read,
    SettingsError,
    config_in,
    load_config,
    unheard_files,
)
from locklint.engine.patterns import FilePattern
from locklint.engine.read import read_settings
from locklint.engine.selection import (
    explicit_codes,
    find_rules,
    reject_unknown_in_patterns,
    select_rules,
)

if TYPE_CHECKING:
    from locklint.engine.toml_places import Origin
    from locklint.ir.event import EventKind
from locklint.rule import Rule


@cache
def _root_fields() -> tuple[str, ...]:
    return tuple(
        field.name
        for field in msgspec.structs.fields(Config)
        if scope_of(field.encode_name) == ROOT["scope"]
    )


def find_root(paths: Sequence[str], read: Read = read_settings) -> LoadedConfig:
    """Return the settings of the project that paths belong to, or the defaults.

    They are those of the nearest settings file from the working directory upwards. If some path is
    outside of that directory, or there is no such file, the search begins at the folder that holds
    all of the paths. ``read`` gives the bytes of a file. Raise `SettingsError` if they are faulty.
    """
    here = os.path.realpath(os.curdir)
    reals = [os.path.realpath(path) for path in paths]
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in reals] or [here]
    try:
        above = os.path.commonpath(folders)
        outside = os.path.commonpath([here, above]) != here
    except ValueError:  # On different drives.
        return load_config(Path(here), read)
    if not outside:
        loaded = load_config(Path(here), read)
        if loaded.path is not None:
            return loaded
    return load_config(Path(above), read)


class Settings:
    """The settings of each file of a run.

    ``root`` are those of the project's root. With ``per_folder``, files in folders with settings of
    their own follow these as to rules. ``override`` puts the flags on top of what a file says;
    ``read`` gives the bytes of the folders' files.
    """

    def __init__(
        self,
        root: LoadedConfig,
        *,
        per_folder: bool = False,
        override: Callable[[Config], Config] = lambda config: config,
        read: Read = read_settings,
    ) -> None:
        self.path = root.path
        self.config = override(root.config)
        self.notes: list[str] = []
        for folder in self.config.source_roots:
            # An index knows the names of its modules, and need not be read where they were.
            if read is read_settings and not os.path.isdir(folder):
                is_written = folder in root.config.source_roots
                place = root.origin.at("source-roots") if is_written else "--config"
                self.notes.append(f"{place}: `source-roots`: the folder {folder} does not exist")
        for other in unheard_files(root, read):
            self.notes.append(f"{other}: ignored, because {root.path} is the settings file")
        self._origins = {id(self.config): root.origin}  # Settings live as long as the run.
        self._override = override
        self._per_folder = per_folder
        self._read = read
        self._by_folder: dict[str, tuple[Config, Path | None]] = {}
        self._root_folder = str(root.path.parent.resolve()) if root.path else None

    @property
    def folder(self) -> str | None:
        """The folder of the root's settings file, if there is one."""
        return self._root_folder

    def origin(self, config: Config) -> Origin | None:
        """Return the place of settings in a file. Return None if they are in no file."""
        return self._origins.get(id(config))

    def of(self, path: str) -> Config:
        """The settings for one file. Raise `SettingsError` for a file that cannot be used."""
        return self.source_of(path)[0]

    def source_of(self, path: str) -> tuple[Config, Path | None]:
        """Return the settings for one file, and the settings file whose rules apply to it."""
        if not self._per_folder:
            return self.config, self.path
        return self._in_folder(os.path.dirname(os.path.realpath(path)))

    def _in_folder(self, folder: str) -> tuple[Config, Path | None]:
        climbed: list[str] = []
        while folder not in self._by_folder:
            if folder == self._root_folder:
                self._by_folder[folder] = (self.config, self.path)
                break
            loaded = config_in(Path(folder), self._read)
            if loaded is not None:
                self._by_folder[folder] = (self._below_root(loaded), loaded.path)
                break
            climbed.append(folder)
            parent = os.path.dirname(folder)
            if parent == folder:
                self._by_folder[folder] = (self.config, self.path)
                break
            folder = parent
        found = self._by_folder[folder]
        for each in climbed:
            self._by_folder[each] = found
        return found

    def _below_root(self, loaded: LoadedConfig) -> Config:
        """Return the rules from a folder's own settings, with everything else from the root's."""
        unheard = sorted(key for key in loaded.keys if scope_of(key) == ROOT["scope"])
        if unheard:
            names = ", ".join(f"`{key}`" for key in unheard)
            self.notes.append(
                f"{loaded.path}: ignored {names}: only the settings file of the project's root"
                f" ({self.path or 'there is none'}) can set them"
            )
        config = msgspec.structs.replace(
            self._override(loaded.config),
            **{name: getattr(self.config, name) for name in _root_fields()},
        )
        self._origins[id(config)] = loaded.origin
        return config


class RuleSelection:
    """The rules that run over each file. Raise `SettingsError` if a rule does not exist."""

    def __init__(self, settings: Settings, rules: Sequence[Rule]) -> None:
        self._settings = settings
        self._rules = tuple(rules)
        self._known: dict[int, tuple[Config, frozenset[str], frozenset[str]]] = {}
        self._patterns: dict[int, list[tuple[FilePattern, frozenset[str]]]] = {}
        self._by_file: dict[str, frozenset[str]] = {}
        self._codes(settings.config)

    def prepare(self, paths: Iterable[str]) -> None:
        """Read the settings of files before the work begins, so that a wrong one stops it."""
        for folder in {os.path.dirname(path): path for path in paths}.values():
            self.running(folder)

    def config(self, path: str) -> Config:
        """The settings for a file."""
        return self._settings.of(path)

    def running(self, path: str) -> frozenset[str]:
        """The codes of the rules that run over a file."""
        if path not in self._by_file:
            config = self.config(path)
            codes = self._codes(config)[0]
            real = os.path.realpath(path)
            for pattern, ignored in self._ignores(config):
                if not ignored.isdisjoint(codes) and pattern.matches(real):
                    codes -= ignored
            self._by_file[path] = codes
        return self._by_file[path]

    def explicit(self, path: str) -> frozenset[str]:
        """Return the codes of the rules that are selected for a file explicitly."""
        return self._codes(self.config(path))[1]

    def rules(self) -> tuple[Rule, ...]:
        """Return all rules that run over the root or a file that `running` was called for."""
        codes = frozenset().union(*(running for _, running, _ in self._known.values()))
        return tuple(rule for rule in self._rules if rule.code in codes)

    def wants(self) -> frozenset[EventKind]:
        """Return the kinds of events that some of these rules look at."""
        return frozenset().union(*(rule.wants for rule in self.rules()))

    def _codes(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        key = id(config)  # Settings are few and live as long as the run.
        if key not in self._known:
            origin = self._settings.origin(config)
            reject_unknown_in_patterns(config, self._rules, origin)
            running = frozenset(rule.code for rule in select_rules(config, self._rules, origin))
            self._known[key] = (config, running, explicit_codes(config, self._rules))
        return self._known[key][1:]

    def _ignores(self, config: Config) -> list[tuple[FilePattern, frozenset[str]]]:
        key = id(config)
        if key not in self._patterns:
            self._patterns[key] = [
                (
                    FilePattern(pattern),
                    frozenset(r.code for s in selectors for r in find_rules(s, self._rules)),
                )
                for pattern, selectors in config.per_file_ignores.items()
            ]
        return self._patterns[key]


__all__ = ["RuleSelection", "Settings", "SettingsError", "find_root"]
