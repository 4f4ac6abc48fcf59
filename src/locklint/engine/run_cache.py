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
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import msgspec

from locklint import __version__
from locklint.core.diagnostic import Anchor, Diagnostic, Step
from locklint.core.not_analysed import NotAnalysed
from locklint.core.source import SourceFile
from locklint.engine.cache_store import (
    FOLDER,
    FORMAT,
    UNDECODABLE,
    CacheStore,
    clean,
    digest,
    joined,
    most_bytes,
    unpacked,
)
from locklint.engine.report import Report, Silenced, Statistics, UnknownName
from locklint.index.lock_holders import LockHolders

__all__ = ["FOLDER", "RunCache", "RunKeys", "clean", "digest", "marks"]

MAX_BYTES = 64_000_000
MAX_ENTRIES = 600
_STORE = "runs.sqlite"
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

    @classmethod
    def of(cls, parts: Iterable[bytes], contents: Mapping[str, bytes], size: int) -> RunKeys:
        """The keys of a run that these parts, besides the texts, decide in that order."""
        return cls(joined((_code(), _installed(), *parts)), contents, size)


def _pairs(contents: Mapping[str, bytes]) -> Iterator[bytes]:
    for path, content in contents.items():
        yield path.encode("utf-8", "surrogatepass")
        yield content


def marks(paths: Iterable[str]) -> tuple[FileMark, ...]:
    """The present state of some files; those that cannot be looked at have a size of -1."""
    return tuple(_mark(path) for path in sorted(set(paths)))


class RunCache:
    """The reports in a folder. No method raises; ``trouble`` says why it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = CacheStore(folder / _STORE, MAX_BYTES, MAX_ENTRIES)

    @property
    def trouble(self) -> str:
        """Return why the cache cannot be used; empty if nothing is wrong."""
        return self._store.trouble

    @property
    def is_refused(self) -> bool:
        """Return whether the folder is one that must not be written to: that deserves a message."""
        return self._store.is_refused

    def get(self, keys: RunKeys) -> Report | None:
        """The report of a run with these texts, if it is kept and what it was made from is there.

        Such a report says nothing of what was loaded, consulted and silent.
        """
        loose = self._store.get(keys.exact)
        return None if loose is None else self._entry(loose, keys, keys.exact)

    def get_changed(self, keys: RunKeys, silent: Iterable[str]) -> Report | None:
        """Return the report for any texts of the files ``silent`` that mention no lock."""
        return self._entry(keys.without(silent), keys)

    def silent_contents(self, keys: RunKeys) -> frozenset[bytes] | None:
        """The digests of files that mention no lock, from the last run of this shape."""
        data = self._store.get(joined((_SILENT, keys.shape)))
        if data is None:
            return None
        return frozenset(
            data[start : start + _DIGEST_BYTES] for start in range(0, len(data), _DIGEST_BYTES)
        )

    def holders(self, keys: RunKeys) -> LockHolders | None:
        """The names by which files that mention no lock use one, from the last such run."""
        data = self._store.get(joined((_HOLDERS, keys.shape)))
        if data is None:
            return None
        try:
            return msgspec.msgpack.decode(data, type=LockHolders)
        except UNDECODABLE:
            return None

    def _entry(self, loose: bytes, keys: RunKeys, *used: bytes) -> Report | None:
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
        names = [joined((kind, keys.shape)) for kind in (_SILENT, _HOLDERS)]
        self._store.touch((loose, *names, *used))
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
        try:
            data = msgspec.msgpack.encode(entry)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            return  # A text that is no text, such as a lone surrogate, is not worth keeping.
        if len(data) > keys.most_bytes:
            return
        data = zlib.compress(data, 1)
        loose = keys.without(report.silent)
        holders = {joined((_HOLDERS, keys.shape)): msgspec.msgpack.encode(report.holders)}
        self._store.put_all({loose: data, **holders, **self._names(keys, loose, report.silent)})

    def put_name(self, keys: RunKeys, silent: Iterable[str]) -> None:
        """Note that a report found by `get_changed` is that of a run with these very texts."""
        silent = frozenset(silent)
        self._store.put_all(self._names(keys, keys.without(silent), silent))

    def _names(self, keys: RunKeys, loose: bytes, silent: Iterable[str]) -> dict[bytes, bytes]:
        contents = (keys.contents[path] for path in sorted(silent))
        digests = b"".join(each for each in contents if len(each) == _DIGEST_BYTES)
        return {keys.exact: loose, joined((_SILENT, keys.shape)): digests}

    def prepare(self) -> bool:
        """Make the folder, marked as a cache, where it is not there yet; whether it is there."""
        return self._store.prepare()


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


@lru_cache(maxsize=1)
def _code() -> bytes:
    """Return a digest of the interpreter and locklint's own code.

    A changed rule must take effect at once: so all modules are looked at.
    """
    package = Path(__file__).parent.parent
    own = list(marks(str(path) for path in package.rglob("*.py")))
    interpreter = f"{FORMAT} {__version__} {sys.version} {sys.platform}"
    return joined((interpreter.encode(), repr(own).encode()))


def _installed() -> bytes:
    """Return a digest of the interpreter's packages: names in them may lead to kinds of locks."""
    places = [mark for mark in marks(filter(os.path.isdir, sys.path)) if _is_installed(mark[0])]
    return repr(places).encode()


def _is_installed(path: str) -> bool:
    # Of the working directory, which is in the path as well, the files themselves are looked at.
    return os.path.realpath(path) != os.path.realpath(os.curdir)
