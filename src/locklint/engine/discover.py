"""Search for the Python files to scan, under the paths that a user names.

The result never depends on the order of the arguments or of the file system: files are sorted, and
a file that is reached by several paths is listed once. A symbolic link to a directory is followed
only where the user names it, so that no loop of links can be walked. Nothing is opened here but
ignore files, and named files whose names do not say that they are Python.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import msgspec

from locklint.core.config import Config
from locklint.engine.ignore import IgnoreRules, read_rules, repository_excludes, repository_root
from locklint.engine.is_python import SUFFIXES, is_python
from locklint.engine.module_names import ModuleNames, module_name
from locklint.engine.patterns import anchored, top_of
from locklint.engine.progress import NoProgress, Progress
from locklint.reporting.printable import escaped

__all__ = [
    "DEFAULT_EXCLUDES",
    "Discovery",
    "FoundFile",
    "ModuleNames",
    "Problem",
    "discover",
    "module_name",
    "printable_path",
]

DEFAULT_EXCLUDES = (
    ".bzr/",
    ".direnv/",
    ".eggs/",
    ".git/",
    ".hg/",
    ".import_linter_cache/",
    ".ipynb_checkpoints/",
    ".locklint_cache/",
    ".mypy_cache/",
    ".nox/",
    ".pants.d/",
    ".pyenv/",
    ".pytest_cache/",
    ".pytype/",
    ".ruff_cache/",
    ".svn/",
    ".tox/",
    ".venv/",
    "__pycache__/",
    "__pypackages__/",
    "buck-out/",
    "build/",
    "dist/",
    "node_modules/",
    "site-packages/",
    "venv/",
    "*.egg-info/",
)
"""Directories that hold no code of the project's own, as ``.gitignore`` patterns."""

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FoundFile(msgspec.Struct, frozen=True, order=True):
    """A file to scan.

    ``path`` opens it and is what the user is shown: relative to the working directory where a
    relative path was given, absolute where an absolute one was. ``size`` is in bytes.
    """

    path: str
    size: int

    @property
    def shown(self) -> str:
        """The path as text that any stream can carry, as `printable_path` gives it."""
        return printable_path(self.path)


class Problem(msgspec.Struct, frozen=True, order=True):
    """Something that could not be scanned, and why.

    ``fatal`` says that the user named it, so that the run is no success.
    """

    path: str
    message: str
    fatal: bool = False


class Discovery(msgspec.Struct, frozen=True):
    """The files to scan, the problems, and named files that are not Python, by path."""

    files: tuple[FoundFile, ...] = ()
    problems: tuple[Problem, ...] = ()
    passed_over: tuple[str, ...] = ()


def printable_path(path: str) -> str:
    """A path as one line of text, with escapes for what no stream can carry or terminals obey.

    Such are lone surrogates, by which Python carries bytes that are not UTF-8, and control
    characters.
    """
    if path.isprintable():
        return path
    return escaped(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def discover(
    paths: Sequence[str], config: Config, root: str | None = None, progress: Progress | None = None
) -> Discovery:
    """Find the Python files under the given paths.

    A directory gives its ``*.py`` files and notebooks, except what git ignores and what the
    settings exclude. A file that the user names is scanned if it is Python, whether or not it is
    ignored, unless ``config.force_exclude`` is set: then only if no pattern excludes it. ``root``
    is the directory to which patterns with a slash are relative, by default the working directory;
    those that begin with a slash are absolute. Never raise for anything that is wrong with a path.
    """
    search = _Search(config, os.path.realpath(root or os.curdir), progress or NoProgress())
    for path in paths:
        search.add(path)
    return search.result()


class _Directory(msgspec.Struct, frozen=True):
    """A directory of the walk: its path, its shown path, and what is ignored in it."""

    real: str
    shown: str
    rules: tuple[IgnoreRules, ...]  # The strongest first: settings, then from near to far.


class _Search:
    def __init__(self, config: Config, root: str, progress: Progress) -> None:
        progress.begin("finding files")
        self._progress = progress
        self.config = config
        self.root = root
        self.problems: list[Problem] = []
        excludes = config.exclude if config.exclude is not None else DEFAULT_EXCLUDES
        patterns = (*excludes, *config.extend_exclude)
        self._excludes = IgnoreRules(
            top_of(root),
            (line if line.startswith("/") else anchored(line, root) for line in patterns),
        )
        # The shown path of each real path: one file is listed once. The smallest key wins: named
        # before linked, relative before absolute.
        self._found: dict[str, tuple[tuple[bool, bool, str], int]] = {}
        self._passed_over = False  # Whether the walk left out something that is excluded.
        self._not_python: set[str] = set()

    def result(self) -> Discovery:
        files = sorted(FoundFile(key[2], size) for key, size in self._found.values())
        if any(not found.path.isprintable() for found in files):
            files = self._told_apart(files)
        passed_over = tuple(sorted(map(printable_path, self._not_python)))
        return Discovery(tuple(files), tuple(sorted(set(self.problems))), passed_over)

    def _told_apart(self, files: list[FoundFile]) -> list[FoundFile]:
        """Return the files, without those whose names are shown like those of others."""
        names = Counter(found.shown for found in files)
        kept: list[FoundFile] = []
        for found in files:
            if names[found.shown] == 1 or found.path == found.shown:
                kept.append(found)
            else:
                self._problem(found.path, "is not analysed: its name is shown like another file's")
        return kept

    def add(self, path: str) -> None:
        """Add one path that the user has named."""
        shown = str(PurePath(path)) if path else path
        try:
            status = os.stat(path)
            real = os.path.realpath(path, strict=True)
        except (OSError, ValueError) as error:
            self._problem(shown, _why(error), fatal=True)
            return
        is_directory = stat.S_ISDIR(status.st_mode)
        if self.config.force_exclude and self._hidden(real, is_directory):
            return
        if stat.S_ISREG(status.st_mode):
            if is_python(path):
                self._take(real, shown, status.st_size, linked=False)
            else:
                self._not_python.add(shown)
        elif is_directory:
            known, self._passed_over = len(self.problems), False
            met = self._walk(real, "" if shown == os.curdir else shown)
            # With force-exclude, a list of paths of which nothing is left is no mistake.
            allowed = self.config.force_exclude and self._passed_over
            if not met and len(self.problems) == known and not allowed:
                self._problem(shown, "contains no Python files", fatal=True)
        else:
            self._problem(shown, _special(status.st_mode), fatal=True)

    def _take(self, real: str, shown: str, size: int, *, linked: bool) -> None:
        self._progress.advance()
        key = (linked, os.path.isabs(shown), shown)
        known = self._found.get(real)
        if known is None or key < known[0]:
            self._found[real] = (key, size)

    def _problem(self, path: str, message: str, *, fatal: bool = False) -> None:
        self.problems.append(Problem(printable_path(path), message, fatal))

    def _walk(self, real: str, shown: str) -> bool:
        """Walk a directory that the user has named; return whether any Python file was found."""
        rules = (self._excludes, *self._rules_above(real))
        if not self.config.force_exclude:
            # A user who names a directory wants to see its files.
            rules = tuple(rule.admitting(real) for rule in rules)
        top = _Directory(real, shown, rules)
        met = False
        pending = [top]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(directory.real) as scan:
                    entries = list(scan)
            except OSError as error:
                self._problem(directory.shown or os.curdir, _why(error), fatal=directory is top)
                continue
            rules = self._rules_inside(directory, entries, named=directory is top)
            for entry in entries:
                try:
                    met |= self._entry(entry, directory, rules, pending)
                except OSError as error:
                    why = "is a broken symbolic link" if entry.is_symlink() else _why(error)
                    self._problem(os.path.join(directory.shown, entry.name), why)
        return met

    def _entry(
        self,
        entry: os.DirEntry[str],
        directory: _Directory,
        rules: tuple[IgnoreRules, ...],
        pending: list[_Directory],
    ) -> bool:
        name = entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not name.endswith(SUFFIXES):
            return False
        if _ignored(directory.real, name, is_directory, rules):
            self._passed_over = True
            return False
        shown = os.path.join(directory.shown, name)
        if is_directory:
            pending.append(_Directory(os.path.join(directory.real, name), shown, rules))
            return False
        linked = entry.is_symlink()
        if linked and name.startswith(".#"):
            return False  # An editor's mark that the file is open: a link to nothing, on purpose.
        status = entry.stat()
        if stat.S_ISDIR(status.st_mode):
            return False
        if not stat.S_ISREG(status.st_mode):
            self._problem(shown, _special(status.st_mode))
            return False
        real = os.path.join(directory.real, name)
        self._take(os.path.realpath(real) if linked else real, shown, status.st_size, linked=linked)
        return True

    def _rules_above(self, real: str) -> tuple[IgnoreRules, ...]:
        """Return the repository's rules above a directory, nearest first."""
        repository = repository_root(real) if self.config.respect_gitignore else None
        if repository is None:
            return ()
        found = [repository_excludes(repository)]
        steps = PurePath(real).relative_to(repository).parts
        for count in range(len(steps)):
            above = os.path.join(repository, *steps[:count])
            found.append(read_rules(os.path.join(above, ".gitignore"), above))
        return tuple(rules for rules in reversed(found) if rules is not None)

    def _rules_inside(
        self, directory: _Directory, entries: list[os.DirEntry[str]], *, named: bool
    ) -> tuple[IgnoreRules, ...]:
        if not self.config.respect_gitignore:
            return directory.rules
        names = {entry.name for entry in entries if entry.name in (".git", ".gitignore")}
        settings = directory.rules[0]
        above: list[IgnoreRules | None] = list(directory.rules[1:])
        if ".git" in names and not named:
            # A repository within a repository: what the outer one ignores says nothing here.
            above = [repository_excludes(directory.real)]
        if ".gitignore" in names:
            own = read_rules(os.path.join(directory.real, ".gitignore"), directory.real)
            above.insert(0, own.admitting(directory.real) if own and named else own)
        return (settings, *(rules for rules in above if rules is not None))

    def _hidden(self, real: str, is_directory: bool) -> bool:
        """Return whether a walk from the root skips a path; outside of it, its name decides."""
        path = PurePath(real)
        inside = path.is_relative_to(self.root)
        rules = (self._excludes, *self._rules_above(real))
        ways = [path, *path.parents]
        for way in ways if inside else ways[:1]:
            if str(way) == self.root:
                break
            if _ignored(str(way.parent), way.name, is_directory or way is not path, rules):
                return True
        return False


def _ignored(directory: str, name: str, is_directory: bool, rules: tuple[IgnoreRules, ...]) -> bool:
    """Return whether the strongest rules that match an entry ignore it."""
    for rule in rules:
        verdict = rule.verdict(directory, name, is_directory)
        if verdict is not None:
            return verdict
    return False


def _special(mode: int) -> str:
    return f"is {_SPECIAL.get(stat.S_IFMT(mode), 'not a regular file')}, not a file of source text"


def _why(error: OSError | ValueError) -> str:
    """Return the operating system's error as one clause, without the path."""
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return "cannot be read: not a valid path"
