"""The reports of former runs, so that a run in which nothing changed reads files and no more.

A report is kept under a key that is made from everything that decides it: the texts and names of
all files, those without locks included, the settings of each, the words of the command line that
narrow the analysis, the interpreter, and locklint's own code. What it took from installed packages
is kept beside it and looked at again. So nothing has to be invalidated: whatever is different has
another key.

The store is one SQLite file. It may be shared, corrupt, foreign, read-only or on a full disk: then
it is made anew or passed over, and never a reason to fail. What it holds is decoded as data, so
that a poisoned one cannot run code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from locklint import __version__
from locklint.core.diagnostic import Diagnostic
from locklint.core.source import SourceFile
from locklint.engine.report import GivenUp, Report, Silenced, Statistics
from locklint.engine.write_file import replace_file

FOLDER = ".locklint_cache"
MAX_BYTES = 64_000_000
MAX_ENTRIES = 200
_FORMAT = 1
_APPLICATION = 0x6C6B6C74
_PATIENCE = 2.0
"""How many seconds another process may take to write."""

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of locklint's.\n"
_STORE = "runs.sqlite"

FileMark: TypeAlias = tuple[str, int, int]
"""A file outside of the analysed code: its path, its size, and when it was changed, in ns."""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a report."""

    diagnostics: tuple[Diagnostic, ...]
    statistics: Statistics
    sources: dict[str, SourceFile]
    too_complex: tuple[GivenUp, ...]
    files: tuple[str, ...]
    noqa: bool
    silenced: tuple[Silenced, ...]
    outside: tuple[FileMark, ...]


@dataclass(frozen=True)
class RunKey:
    """The name of a run: equal for runs whose reports cannot but be equal."""

    digest: bytes

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> RunKey:
        """The key of a run that all of these parts decide, in that order."""
        found = hashlib.blake2b(digest_size=32)
        for part in (*_own_parts(), *parts):
            found.update(len(part).to_bytes(8, "little"))
            found.update(part)
        return cls(found.digest())


def digest(data: bytes) -> bytes:
    """What stands for the bytes of a file in a key."""
    return hashlib.blake2b(data, digest_size=16).digest()


def marks(paths: Iterable[str]) -> tuple[FileMark, ...]:
    """The present state of some files; those that cannot be looked at have a size of -1."""
    return tuple(_mark(path) for path in sorted(set(paths)))


class RunCache:
    """The store in a folder. No method raises; ``trouble`` says what keeps it from being used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble = ""

    def get(self, key: RunKey) -> Report | None:
        """The report of a run with that key, if it is kept and what it was made from is there."""
        if not (self.folder / _STORE).is_file():
            return None
        data: bytes | None = None
        with self._connection() as store:
            if store is not None:
                row = store.execute(
                    "select data, checksum from runs where key = ?", (key.digest,)
                ).fetchone()
                if row is not None and row[1] == digest(row[0]):
                    data = row[0]
        if data is None:
            return None
        try:
            entry = _DECODER.decode(zlib.decompress(data))
        except (msgspec.DecodeError, zlib.error, ValueError):
            return None
        if marks(path for path, _, _ in entry.outside) != entry.outside:
            return None
        with self._connection() as store:
            if store is not None:
                now = time.time_ns()
                store.execute("update runs set used = ? where key = ?", (now, key.digest))
        return Report(
            diagnostics=entry.diagnostics,
            statistics=entry.statistics,
            sources=entry.sources,
            too_complex=entry.too_complex,
            files=entry.files,
            noqa=entry.noqa,
            silenced=entry.silenced,
        )

    def put(self, key: RunKey, report: Report, outside: Iterable[FileMark]) -> None:
        """Keep a report; the least recently used ones make room for it."""
        entry = _Entry(
            report.diagnostics,
            report.statistics,
            dict(report.sources),
            report.too_complex,
            report.files,
            report.noqa,
            report.silenced,
            tuple(outside),
        )
        try:
            data = zlib.compress(msgspec.msgpack.encode(entry), 1)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            return  # A text that is no text, such as a lone surrogate, is not worth keeping.
        if len(data) > MAX_BYTES:
            return
        if not self.prepare():
            return
        with self._connection() as store:
            if store is not None:
                store.execute(
                    "insert or replace into runs values (?, ?, ?, ?)",
                    (key.digest, data, digest(data), time.time_ns()),
                )
                _evict(store)

    def prepare(self) -> bool:
        """Make the folder, marked as a cache, where it is not there yet; whether it is there."""
        tag = self.folder / "CACHEDIR.TAG"
        try:
            if not tag.is_file():
                self.folder.mkdir(parents=True, exist_ok=True)
                replace_file(str(self.folder / ".gitignore"), b"*\n")
                replace_file(str(tag), _TAG.encode())
        except OSError as error:
            self.trouble = f"{self.folder}: {error.strerror or error}"
            return False
        return True

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """The open store, None where there cannot be one; what goes wrong with it ends here."""
        path = self.folder / _STORE
        store: sqlite3.Connection | None = None
        try:
            store = _open(path)
            if store is None:
                # Foreign, of another version, or broken: it holds nothing that cannot be had again.
                path.unlink(missing_ok=True)
                store = _open(path)
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{path}: {error}"
        try:
            if store is None:
                yield None
            else:
                with store:
                    yield store
        except sqlite3.Error as error:
            self.trouble = f"{path}: {error}"
        finally:
            if store is not None:
                store.close()


def clean(folder: Path) -> bool:
    """Remove a cache folder; whether there was one. Raises `OSError`.

    A folder without the mark that locklint makes is not one of its own, and is left alone.
    """
    try:
        own = (folder / "CACHEDIR.TAG").read_text() == _TAG
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        own = False
    if own:
        shutil.rmtree(folder)
    return own


_DECODER = msgspec.msgpack.Decoder(_Entry)


def _open(path: Path) -> sqlite3.Connection | None:
    """The store in a file, made where there is none; None where the file is something else."""
    store = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        application = store.execute("pragma application_id").fetchone()[0]
        version = store.execute("pragma user_version").fetchone()[0]
        if (application, version) == (_APPLICATION, _FORMAT):
            return store
        if (application, version) == (0, 0) and not _tables(store):
            with store:
                store.execute("begin immediate")
                if not _tables(store):
                    store.execute(
                        "create table runs (key blob primary key, data blob, checksum blob, "
                        "used integer)"
                    )
                    store.execute(f"pragma application_id = {_APPLICATION}")
                    store.execute(f"pragma user_version = {_FORMAT}")
            return store
    except sqlite3.DatabaseError as error:
        store.close()
        if isinstance(error, sqlite3.OperationalError):
            raise  # Locked, read-only, or a full disk: the file is not to blame.
        return None
    store.close()
    return None


def _tables(store: sqlite3.Connection) -> int:
    found: int = store.execute("select count(*) from sqlite_master").fetchone()[0]
    return found


def _evict(store: sqlite3.Connection) -> None:
    """Keep the most recently used entries, as many as the bounds allow."""
    total = 0
    rows = store.execute("select key, length(data) from runs order by used desc, key").fetchall()
    for before, (key, size) in enumerate(rows):
        total += size
        if before and (before >= MAX_ENTRIES or total > MAX_BYTES):
            store.execute("delete from runs where key = ?", (key,))


def _mark(path: str) -> FileMark:
    try:
        status = os.stat(path)
    except OSError:
        return (path, -1, 0)
    return (path, status.st_size, status.st_mtime_ns)


def _own_parts() -> Iterator[bytes]:
    """What stands for the interpreter, its packages and locklint's own code."""
    yield f"{_FORMAT} {__version__} {sys.version} {sys.platform}".encode()
    # Where a name of an installed package leads depends on what is installed.
    places = [mark for mark in marks(filter(os.path.isdir, sys.path)) if _is_installed(mark[0])]
    yield repr(places).encode()
    yield repr(_own_code()).encode()


def _is_installed(path: str) -> bool:
    # Of the working directory, which is in the path as well, the files themselves are looked at.
    return os.path.realpath(path) != os.path.realpath(os.curdir)


def _own_code() -> list[FileMark]:
    """The state of locklint's own modules: who changes a rule wants to see what it says now."""
    package = Path(__file__).parent.parent
    return list(marks(str(path) for path in package.rglob("*.py")))
