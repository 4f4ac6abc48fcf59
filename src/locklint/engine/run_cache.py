"""The reports of former runs, so that a run in which nothing changed reads files and no more.

A report is kept under a key that is made from everything that decides it: the texts and names of
all files, the settings of each, the words of the command line that narrow the analysis, the
interpreter, and locklint's own code. The installed packages that it used are kept beside it and
checked again. So nothing has to be invalidated: any difference makes another key.

Of most files only this decides, that they mention no lock. A second key, in which nothing else is
said of them, finds the report again when such files were edited; those of them that the analysis
used anyway are kept beside the report with their texts' digests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from locklint.core.diagnostic import Anchor, Diagnostic, Step
from locklint.core.not_analysed import NotAnalysed
from locklint.core.source import SourceFile
from locklint.engine.report import Report, Silenced, Statistics, UnknownName
from locklint.engine.store import (
    BYTES,
    UNDECODABLE,
    Store,
    code,
    joined,
    most_bytes,
    packed,
    unpacked,
)
from locklint.index.lock_holders import LockHolders

_SILENT = b"silent"
_HOLDERS = b"holders"
_DIGEST_BYTES = 16
_LEAST_BYTES = 1_000_000

FileMark: TypeAlias = tuple[str, int, int]
"""A file outside of the analysed code: its path, its size, and when it was changed, in ns."""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """A cached report; ``loaded`` are files without locks, with their digests."""

    diagnostics: tuple[Diagnostic, ...]
    statistics: Statistics
    sources: dict[str, SourceFile]
    not_analysed: tuple[NotAnalysed, ...]
    files: tuple[str, ...]
    noqa: bool
    silenced: tuple[Silenced, ...]
    unknown_names: tuple[UnknownName, ...]
    outside: tuple[FileMark, ...]
    loaded: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class RunKeys:
    """The keys of a run: ``shape`` is everything but texts, ``contents`` are these, by path.

    A content is the digest of a file's bytes, or the reason why there are none. ``size`` is that of
    all files together; a report of more than `most_bytes` of that is neither kept nor believed.
    """

    shape: bytes
    contents: Mapping[str, bytes]
    size: int = 0

    @property
    def most_bytes(self) -> int:
        """Return the largest number of bytes of the encoded report of such a run."""
        return _LEAST_BYTES + most_bytes(self.size)

    @property
    def exact(self) -> bytes:
        """Return the key of runs whose reports are certain to be equal."""
        return joined((b"exact", self.shape, *_pairs(self.contents)))

    def without(self, silent: Iterable[str]) -> bytes:
        """The key of runs that differ at most in the texts of files that mention no lock."""
        passed = {**self.contents, **dict.fromkeys(silent, _SILENT)}
        return joined((b"loose", self.shape, *_pairs(passed)))


def shape_of(parts: Iterable[bytes]) -> bytes:
    """Return the shape of a run that these parts, besides the texts, decide in that order."""
    return joined((code(), _environment(), *parts))


def _pairs(contents: Mapping[str, bytes]) -> Iterator[bytes]:
    for path, content in contents.items():
        yield path.encode(*BYTES)
        yield content


def marks(paths: Iterable[str]) -> tuple[FileMark, ...]:
    """The present state of some files; those that cannot be looked at have a size of -1."""
    return tuple(_mark(path) for path in sorted(set(paths)))


class RunCache:
    """The reports in a store. No method raises."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, keys: RunKeys) -> Report | None:
        """The report of a run with these texts, if it is kept and what it was made from is there.

        Such a report says nothing of what was loaded, consulted and silent.
        """
        loose = self._store.get(keys.exact)
        return None if loose is None else self._entry(loose, keys)

    def get_changed(self, keys: RunKeys, silent: Iterable[str]) -> Report | None:
        """Return the report for any texts of the files ``silent`` that mention no lock."""
        return self._entry(keys.without(silent), keys)

    def silent_contents(self, shape: bytes) -> frozenset[bytes] | None:
        """The digests of files that mention no lock, from the last run; None if there was none."""
        data = self._store.get(joined((_SILENT, shape)))
        if data is None:
            return None
        return frozenset(
            data[start : start + _DIGEST_BYTES] for start in range(0, len(data), _DIGEST_BYTES)
        )

    def holders(self, shape: bytes) -> LockHolders | None:
        """The names by which files that mention no lock use one, from the last run."""
        data = self._store.get(joined((_HOLDERS, shape)))
        if data is None:
            return None
        try:
            return msgspec.msgpack.decode(data, type=LockHolders)
        except UNDECODABLE:
            return None

    def _entry(self, loose: bytes, keys: RunKeys) -> Report | None:
        data = self._store.get(loose)
        if data is None:
            return None
        try:
            entry = _DECODER.decode(unpacked(data, keys.most_bytes))
        except UNDECODABLE:
            return None
        if not _is_sound(entry):
            return None
        if marks(path for path, _, _ in entry.outside) != entry.outside:
            return None
        if any(keys.contents.get(path) != content for path, content in entry.loaded):
            return None
        self._store.flush()
        return Report(
            diagnostics=entry.diagnostics,
            statistics=entry.statistics,
            sources=entry.sources,
            not_analysed=entry.not_analysed,
            files=entry.files,
            noqa=entry.noqa,
            silenced=entry.silenced,
            unknown_names=entry.unknown_names,
        )

    def put(self, keys: RunKeys, report: Report, outside: Iterable[FileMark]) -> None:
        """Keep a report; the least recently used ones make room for it."""
        entry = _Entry(
            report.diagnostics,
            report.statistics,
            dict(report.sources),
            report.not_analysed,
            report.files,
            report.noqa,
            report.silenced,
            report.unknown_names,
            tuple(outside),
            tuple((path, keys.contents[path]) for path in sorted(report.loaded)),
        )
        data = packed(entry, most=keys.most_bytes)
        if data is None:
            return
        loose = keys.without(report.silent)
        self._store.put(loose, data)
        self._store.put(joined((_HOLDERS, keys.shape)), msgspec.msgpack.encode(report.holders))
        self.put_name(keys, report.silent)

    def put_name(self, keys: RunKeys, silent: Iterable[str]) -> None:
        """Note that a report found by `get_changed` is that of a run with these very texts."""
        silent = frozenset(silent)
        contents = (keys.contents[path] for path in sorted(silent))
        digests = b"".join(each for each in contents if len(each) == _DIGEST_BYTES)
        self._store.put(keys.exact, keys.without(silent))
        self._store.put(joined((_SILENT, keys.shape)), digests)
        self._store.flush()


_DECODER = msgspec.msgpack.Decoder(_Entry)


def _is_sound(entry: _Entry) -> bool:
    """Return whether all places are in their files, as far as the texts of these exist."""
    lines = {path: len(source.lines) for path, source in entry.sources.items()}
    places: list[Diagnostic | Step | Anchor | NotAnalysed] = [*entry.not_analysed]
    for found in (*entry.diagnostics, *(each.diagnostic for each in entry.silenced)):
        places += (found, *found.steps, *found.anchors)
    return all(
        each.span.line <= each.span.end_line <= lines.get(each.path, each.span.end_line)
        for each in places
    )


def _mark(path: str) -> FileMark:
    try:
        status = os.stat(path)
    except OSError:
        return (path, -1, 0)
    return (path, status.st_size, status.st_mtime_ns)


def _environment() -> bytes:
    """Return the system and the installed packages: names in these may lead to kinds of locks."""
    places = [mark for mark in marks(filter(os.path.isdir, sys.path)) if _is_installed(mark[0])]
    return repr((sys.version, sys.platform, places)).encode(*BYTES)


def _is_installed(path: str) -> bool:
    # Of the working directory, which is in the path as well, the files themselves are looked at.
    return os.path.realpath(path) != os.path.realpath(os.curdir)
