"""Ignore patterns in the language of ``.gitignore``, matched one directory entry at a time.

The walk of `engine.discover` never enters an ignored directory, so a pattern has to be matched
against the entry itself only and never against its parents. That is git's own rule, and it makes
matching cheap: a pattern without a slash looks at the bare name, most of them in one dictionary.
pathspec translates the patterns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

import msgspec

from locklint.engine.read import read_file

_MOST_BYTES = 4 * 1024 * 1024
_ANY_NAME = "\x01\x02"  # Only a pattern that matches everything matches this.
_CONTENTS = re.compile(r"/\*\*(/?)\s*$")
_GLOB = re.compile(r"[*?\[\\]")
_PLAIN = re.compile(r"(\*?)(\.?[\w-][\w.-]*)/?", re.ASCII)
"""A bare name, or a star and how a name ends."""


class _Pattern(msgspec.Struct, frozen=True):
    """A translated line; ``order`` decides between several that match: the last one wins.

    Names and endings of names have no ``regex``: a name was found by looking it up, and of others
    the ``ending`` decides.
    """

    order: int
    ignores: bool
    regex: re.Pattern[str] | None
    directories_only: bool
    ending: str = ""

    def matches(self, entry: str) -> bool:
        """Return whether the entry itself matches; a directory's text ends with a slash."""
        if self.directories_only and not entry.endswith("/"):
            return False
        if self.regex is None:
            return entry.removesuffix("/").endswith(self.ending)
        match = self.regex.search(entry)
        if match is None:
            return False
        # The one group of pathspec's expressions marks the slash after a directory. A slash before
        # the end means that a parent matched, which is none of this entry's business.
        return match.lastindex is None or match.end(match.lastindex) == len(entry)

    def hides(self, entries: Iterable[str]) -> bool:
        """Return whether this pattern ignores one of the entries."""
        return self.ignores and any(self.matches(entry) for entry in entries)


class IgnoreRules:
    """The patterns of one file or setting, relative to the directory ``base``.

    ``base`` is an absolute path without symbolic links. Lines that git would not understand are
    passed over, as git does.
    """

    def __init__(self, base: str, lines: Iterable[str]) -> None:
        self.base = base
        self._literal: dict[str, list[_Pattern]] = {}
        self._names: list[_Pattern] = []
        self._paths: list[_Pattern] = []
        self._by_name: dict[tuple[str, bool], _Pattern | None] = {}
        for order, line in enumerate(lines):
            self._add(order, line)

    def _add(self, order: int, line: str) -> None:
        plain = _PLAIN.fullmatch(line)
        if plain is not None:
            # Translating it is useless, and importing the translator takes a while.
            star, name = plain.groups()
            pattern = _Pattern(order, True, None, line.endswith("/"), name if star else "")
            (self._names if star else self._literal.setdefault(name, [])).append(pattern)
            return
        from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

        # ``a/**`` speaks of all that is in ``a`` and not of ``a`` itself; the translation of the
        # long form keeps that difference.
        line = _CONTENTS.sub(r"/**/*\1", line)
        try:
            translated = GitIgnoreSpecPattern(line)
        except (ValueError, re.error):
            return
        if translated.regex is None or translated.include is None:
            return
        line = line.removeprefix("!").rstrip()
        body = line.rstrip("/")
        pattern = _Pattern(order, translated.include, translated.regex, line != body)
        if "/" in body:
            self._paths.append(pattern)
        elif _GLOB.search(body):
            self._names.append(pattern)
        else:
            self._literal.setdefault(body, []).append(pattern)

    def __bool__(self) -> bool:
        return bool(self._literal or self._names or self._paths)

    def verdict(self, directory: str, name: str, is_directory: bool) -> bool | None:
        """Return whether an entry is ignored. Return None if no pattern matches it.

        ``directory`` is the absolute path of the directory that holds it.
        """
        best = self._verdict_by_name(name, is_directory)
        if self._paths:
            entry = self._relative(directory, name)
            if entry is not None:
                best = _last(self._paths, entry + "/" if is_directory else entry, best)
        return None if best is None else best.ignores

    def _verdict_by_name(self, name: str, is_directory: bool) -> _Pattern | None:
        key = (name, is_directory)
        if key not in self._by_name:
            entry = name + "/" if is_directory else name
            best = _last(self._literal.get(name, ()), entry, None)
            self._by_name[key] = _last(self._names, entry, best)
        return self._by_name[key]

    def _relative(self, directory: str, name: str) -> str | None:
        if directory == self.base:
            return name
        below = self.base if self.base.endswith(os.sep) else self.base + os.sep
        if not directory.startswith(below):
            return None
        path = os.path.join(directory[len(below) :], name)
        return path if os.sep == "/" else path.replace(os.sep, "/")

    def admitting(self, directory: str) -> IgnoreRules:
        """Return these rules without patterns that would hide all of a directory that is named.

        Patterns that ignore any child of the directory, with any name, are dropped. An ignore file
        in the directory itself that names exceptions keeps all of its patterns: there, ignoring
        everything else is the point.
        """
        place = self._relative(directory, _ANY_NAME)
        if place is None:
            return self
        if directory == self.base and any(not pattern.ignores for pattern in self._all()):
            return self
        paths = (place, place + "/")
        names = (_ANY_NAME, _ANY_NAME + "/")
        kept = IgnoreRules(self.base, ())
        kept._literal = self._literal
        kept._names = [pattern for pattern in self._names if not pattern.hides(names)]
        kept._paths = [pattern for pattern in self._paths if not pattern.hides(paths)]
        return kept

    def _all(self) -> Iterator[_Pattern]:
        yield from self._names
        yield from self._paths
        for patterns in self._literal.values():
            yield from patterns


def _last(patterns: Iterable[_Pattern], entry: str, otherwise: _Pattern | None) -> _Pattern | None:
    """The last written pattern that matches, ``otherwise`` among them."""
    best = otherwise
    for pattern in patterns:
        if (best is None or pattern.order > best.order) and pattern.matches(entry):
            best = pattern
    return best


def read_rules(path: str, base: str) -> IgnoreRules | None:
    """Read an ignore file. Return None if there is none that can be read, or it says nothing."""
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError:
        return None
    # Names on disk decode the same way, so that any byte sequence matches itself.
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    rules = IgnoreRules(base, (line.rstrip("\r") for line in text.split("\n")))
    return rules if rules else None


def repository_root(directory: str) -> str | None:
    """The nearest directory, this one or above it, that holds ``.git``; None outside of any."""
    while not os.path.lexists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


def repository_excludes(root: str) -> IgnoreRules | None:
    """The patterns of a repository's ``info/exclude``, in worktrees and submodules too."""
    git = os.path.join(root, ".git")
    if not os.path.isdir(git):
        pointed = _first_line(git).removeprefix("gitdir:").strip()
        if not pointed:
            return None
        git = os.path.join(root, pointed)
        common = _first_line(os.path.join(git, "commondir"))
        if common:
            git = os.path.join(git, common)
    return read_rules(os.path.join(git, "info", "exclude"), root)


def _first_line(path: str) -> str:
    try:
        return os.fsdecode(read_file(path, _MOST_BYTES).partition(b"\n")[0]).strip()
    except OSError:
        return ""
