"""Blobs under keys in an SQLite file, bounded in size, that may be lost at any time.

A store may be shared, corrupt, foreign, read-only or on a full disk: then it is made anew or passed
over, and never a reason to fail. Each blob has a checksum; whoever asks decodes it as data, so that
a poisoned store cannot run code.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from locklint.engine.write_file import replace_file

FOLDER = ".locklint_cache"
FORMAT = 3
"""The version of what is stored; a file of another one is made anew."""

_APPLICATION = 0x6C6B6C74
_PATIENCE = 2.0
"""How many seconds another process may take to write."""

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of locklint's.\n"


def digest(data: bytes) -> bytes:
    """What stands for some bytes in a key, and their checksum."""
    return hashlib.blake2b(data, digest_size=16).digest()


def joined(parts: Iterable[bytes]) -> bytes:
    """One key from several parts: no two lists of parts have the same."""
    found = hashlib.blake2b(digest_size=32)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def prepare(folder: Path) -> str:
    """Make a cache folder, marked as such, where it is not there yet; why not, if it cannot be."""
    tag = folder / "CACHEDIR.TAG"
    try:
        if not tag.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(str(folder / ".gitignore"), b"*\n")
            replace_file(str(tag), _TAG.encode())
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""


def clean(folder: Path) -> bool:
    """Remove a cache folder; whether there was one. Raises `OSError`.

    A folder without the mark that locklint makes is not one of its own, and is left alone.
    """
    try:
        own = (folder / "CACHEDIR.TAG").read_text() == _TAG
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        own = False
    if own:
        import shutil

        shutil.rmtree(folder)
    return own


class CacheStore:
    """One file of blobs. No method raises; ``trouble`` says what keeps it from being used.

    It holds at most ``max_entries`` blobs and ``max_bytes``; those that were not used for longest
    make room for others. One that ``stays_open`` is faster for many questions, until `close`.
    """

    def __init__(
        self, path: Path, max_bytes: int, max_entries: int, *, stays_open: bool = False
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.trouble = ""
        self._stays_open = stays_open
        self._kept: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file, if it is open; the next question opens it again."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def get(self, key: bytes) -> bytes | None:
        """The blob under a key; None where there is none that is whole."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The blobs under those of some keys that have one."""
        found: dict[bytes, bytes] = {}
        if self._kept is None and not self.path.is_file():
            return found
        with self._connection() as store:
            if store is not None:
                for key in keys:
                    row = store.execute(
                        "select data, checksum from blobs where key = ?", (key,)
                    ).fetchone()
                    if row is not None and isinstance(row[0], bytes) and row[1] == digest(row[0]):
                        found[key] = row[0]
        return found

    def touch(self, keys: Iterable[bytes]) -> None:
        """Note that the blobs under some keys were of use."""
        now = time.time_ns()
        with self._connection() as store:
            if store is not None:
                store.executemany(
                    "update blobs set used = ? where key = ?", [(now, key) for key in keys]
                )

    def put_all(self, blobs: Mapping[bytes, bytes]) -> None:
        """Keep some blobs, in place of those that have their keys."""
        now = time.time_ns()
        rows = [
            (key, data, digest(data), now)
            for key, data in blobs.items()
            if len(data) <= self.max_bytes
        ]
        if not rows or not self.prepare():
            return
        with self._connection() as store:
            if store is not None:
                store.executemany("insert or replace into blobs values (?, ?, ?, ?)", rows)
                self._evict(store)

    def prepare(self) -> bool:
        """Make the folder where it is not there yet; whether it is there."""
        trouble = prepare(self.path.parent)
        self.trouble = trouble or self.trouble
        return not trouble

    def _evict(self, store: sqlite3.Connection) -> None:
        """Keep the most recently used blobs, as many as the bounds allow."""
        entries, size = store.execute(
            "select count(*), coalesce(sum(length(data)), 0) from blobs"
        ).fetchone()
        if entries <= self.max_entries and size <= self.max_bytes:
            return
        rows = store.execute("select key, length(data) from blobs order by used desc, key")
        total = 0
        gone: list[tuple[bytes]] = []
        for before, (key, size) in enumerate(rows.fetchall()):
            total += size
            if before and (before >= self.max_entries or total > self.max_bytes):
                gone.append((key,))
        store.executemany("delete from blobs where key = ?", gone)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """The open store, None where there cannot be one; what goes wrong with it ends here."""
        store = self._kept
        try:
            if store is None:
                store = _open(self.path)
            if store is None:
                # Foreign, of another version, or broken: it holds nothing that cannot be had again.
                self.path.unlink(missing_ok=True)
                store = _open(self.path)
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{self.path}: {error}"
        self._kept = store if self._stays_open else None
        try:
            if store is None:
                yield None
            else:
                with store:
                    yield store
        except sqlite3.Error as error:
            self.trouble = f"{self.path}: {error}"
            self.close()
        finally:
            if store is not None and not self._stays_open:
                store.close()


def _open(path: Path) -> sqlite3.Connection | None:
    """The store in a file, made where there is none; None where the file is something else."""
    store = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        application = store.execute("pragma application_id").fetchone()[0]
        version = store.execute("pragma user_version").fetchone()[0]
        if (application, version) == (_APPLICATION, FORMAT):
            return store
        if (application, version) == (0, 0) and not _tables(store):
            with store:
                store.execute("begin immediate")
                if not _tables(store):
                    store.execute(
                        "create table blobs (key blob primary key, data blob, checksum blob, "
                        "used integer)"
                    )
                    store.execute(f"pragma application_id = {_APPLICATION}")
                    store.execute(f"pragma user_version = {FORMAT}")
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
