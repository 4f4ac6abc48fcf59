"""Blobs under keys in an SQLite file, bounded in size, that may be lost at any time.

A store may be shared, corrupt, foreign, read-only or on a full disk: then it is replaced or
skipped, and never a reason to fail. It may also come with the code that is analysed, made by an
attacker. So a folder that holds a link or a special file is refused; a store is opened only if its
file begins as locklint's do, without the journal of another run, which SQLite would obey; it is
read with limits on size and work; and each blob has a checksum and is decoded as data.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from locklint.engine.read import opened, read_file
from locklint.engine.write_file import leads_out, replace_file

FOLDER = ".locklint_cache"
FORMAT = 3
"""The version of what is stored; a file of another version is replaced."""

MOST_BLOB_BYTES = 64_000_000
"""The size above which a blob is neither kept nor read."""

_APPLICATION = 0x6C6B6C74
_TABLE = "CREATE TABLE blobs (key blob primary key, data blob, checksum blob, used integer)"
_SCHEMA = [
    ("table", "blobs", "blobs", _TABLE),
    ("index", "sqlite_autoindex_blobs_1", "blobs", None),
]
_JOURNALS = ("-journal", "-wal", "-shm")
_PATIENCE = 2.0
"""The number of seconds that another process may take to write."""

_STEPS = 100_000
_MOST_STEPS = 100_000_000
"""The largest number of SQLite's steps of a connection; a full store needs a tenth of it."""

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of locklint's.\n"

_LEAST_BYTES = 16_384
_RATIO = 24

UNDECODABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError, MemoryError)
"""The exceptions that decoding raises for foreign bytes."""


def digest(data: bytes) -> bytes:
    """Return a digest of some bytes: their part of a key, and their checksum."""
    return hashlib.blake2b(data, digest_size=16).digest()


def joined(parts: Iterable[bytes]) -> bytes:
    """Return one key made of several parts: no two lists of parts have the same."""
    found = hashlib.blake2b(digest_size=32)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def unpacked(data: bytes, most: int) -> bytes:
    """Return the bytes that zlib has packed. Raise `ValueError` if they are more than ``most``.

    Packed bytes can be a thousand times as many, and packed once more a million times.
    """
    decompressor = zlib.decompressobj()
    try:
        found = decompressor.decompress(data, most + 1)  # One more, to see the end.
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not decompressor.eof or len(found) > most:
        raise ValueError("it is too large or incomplete")
    return found


def most_bytes(size: int) -> int:
    """Return the largest number of bytes of facts about files of ``size`` bytes.

    Of real files it is up to a fourth of that.
    """
    return _LEAST_BYTES + _RATIO * size


def refusal(folder: Path) -> str:
    """Return why a cache folder is left alone; empty if it holds plain files, or is not there.

    A checkout can bring a folder in which names are links to files of the user's, or pipes. Raise
    `OSError` where the folder cannot be looked at.
    """
    if leads_out(str(folder.parent)):
        return f"{folder}: a symbolic link leads there, out of the working directory"
    try:
        if stat.S_ISLNK(os.lstat(folder).st_mode):
            return f"{folder}: is a symbolic link"
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return ""
    for name in sorted(names):
        try:
            status = os.lstat(folder / name)
        except FileNotFoundError:
            continue  # It was a temporary file of another run.
        if stat.S_ISLNK(status.st_mode):
            return f"{folder / name}: is a symbolic link"
        if not stat.S_ISREG(status.st_mode):
            return f"{folder / name}: is not a regular file"
        if status.st_nlink > 1:
            return f"{folder / name}: is a hard link to another file"
    return ""


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
    """Remove a cache folder; whether there was one. Raise `OSError`, for a link too.

    A folder without the mark that locklint makes is not one of its own, and is left alone.
    """
    if folder.is_symlink():
        raise OSError(errno.EINVAL, "it is a symbolic link", str(folder))
    try:
        own = read_file(folder / "CACHEDIR.TAG", len(_TAG), follow=False) == _TAG.encode()
    except OSError:
        own = False
    if own:
        import shutil

        shutil.rmtree(folder)
    return own


class CacheStore:
    """A file of blobs. No method raises; ``trouble`` says why it cannot be used.

    ``is_refused`` says that the trouble is what `refusal` returns. The store holds at most
    ``max_entries`` blobs and ``max_bytes``; those that were not used for longest make room for
    others. One that ``stays_open`` is faster for many queries, until `close`.
    """

    def __init__(
        self, path: Path, max_bytes: int, max_entries: int, *, stays_open: bool = False
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.trouble = ""
        self.is_refused = False
        self._stays_open = stays_open
        self._kept: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file, if it is open; the next question opens it again."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def get(self, key: bytes) -> bytes | None:
        """Return the blob under a key. Return None if there is none that is whole."""
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
                    if row is None or not isinstance(row[0], bytes):
                        continue
                    if row[1] == _checksum(key, row[0]):
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
        most = min(self.max_bytes, MOST_BLOB_BYTES)
        rows = [
            (key, data, _checksum(key, data), now)
            for key, data in blobs.items()
            if len(data) <= most
        ]
        if not rows or not self.prepare():
            return
        with self._connection() as store:
            if store is not None:
                store.executemany("insert or replace into blobs values (?, ?, ?, ?)", rows)
                self._evict(store)

    def prepare(self) -> bool:
        """Make the folder where it is not there yet; whether it is there and can be used."""
        try:
            trouble = refusal(self.path.parent)
            self.is_refused = bool(trouble)
        except OSError as error:
            trouble = f"{self.path.parent}: {error.strerror or error}"
        trouble = trouble or prepare(self.path.parent)
        self.trouble = trouble or self.trouble
        return not trouble

    def _evict(self, store: sqlite3.Connection) -> None:
        """Keep the most recently used blobs, as many as the bounds allow."""
        entries, size = store.execute(
            "select count(*), coalesce(sum(length(data)), 0) from blobs"
        ).fetchone()
        if entries <= self.max_entries and size <= self.max_bytes:
            return
        rows = store.execute(
            "select rowid, length(data) from blobs order by cast(used as integer) desc, rowid"
        )
        total = 0
        gone: list[tuple[int]] = []
        for before, (row, size) in enumerate(rows.fetchall()):
            total += size
            if before and (before >= self.max_entries or total > self.max_bytes):
                gone.append((row,))
        store.executemany("delete from blobs where rowid = ?", gone)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """Return the open store, or None if there cannot be one; its errors end here."""
        store = self._kept
        try:
            store = store or self._opened()
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{self.path}: {error}"
        self._kept = store if self._stays_open else None
        try:
            if store is None:
                yield None
            else:
                with store:
                    yield store
        except (sqlite3.Error, MemoryError) as error:
            self.trouble = f"{self.path}: {error or 'out of memory'}"
            self.close()
            # Locked, read-only, or a full disk: the file is not to blame. Else it is.
            is_blameless = isinstance(error, (sqlite3.OperationalError, MemoryError))
            if not is_blameless or str(error) == "interrupted":
                with contextlib.suppress(OSError):
                    self._remove()
        finally:
            if store is not None and not self._stays_open:
                store.close()

    def _opened(self) -> sqlite3.Connection | None:
        """The store, made where there is none or something else. Raise `OSError` and `Error`."""
        if not self.prepare():
            return None
        if self._is_ours():
            store = _connected(self.path)
            if store is not None:
                return store
        # Foreign, of another version, or broken: it holds nothing that cannot be computed again.
        self._remove()
        return _connected(self.path)

    def _is_ours(self) -> bool:
        """Return whether the file begins as a store of this version, or is new, without a journal.

        A store of this version leaves no journal behind. One that is there nevertheless was not
        made by it, and would be followed: it can even name other files to be deleted.
        """
        if any(os.path.lexists(f"{self.path}{end}") for end in _JOURNALS):
            return False
        try:
            with opened(self.path, follow=False) as (descriptor, status):
                if status.st_size > 2 * self.max_bytes + MOST_BLOB_BYTES:
                    return False
                head = os.read(descriptor, 105)
        except FileNotFoundError:
            return True
        return (
            not head
            or (
                head.startswith(b"SQLite format 3\0")
                and head[18:20] == b"\1\1"  # Without a write-ahead log.
                and head[60:64] == FORMAT.to_bytes(4, "big")
                and head[68:72] == _APPLICATION.to_bytes(4, "big")
                # The schema is one page, with as many rows as ours.
                and head[100:101] == b"\x0d"
                and head[103:105] == len(_SCHEMA).to_bytes(2, "big")
            )
        )

    def _remove(self) -> None:
        for end in ("", *_JOURNALS):
            Path(f"{self.path}{end}").unlink(missing_ok=True)


class _Steps:
    """Stops SQLite when it has done more than a store of locklint's can be worth."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS // _STEPS

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0


def _checksum(key: bytes, data: bytes) -> bytes:
    """Return a checksum that proves that a blob is whole and was stored under this key."""
    return hashlib.blake2b(data, digest_size=16, key=key[:64]).digest()


def _connected(path: Path) -> sqlite3.Connection | None:
    """Return the store in a file, made if there is none, or None if the file is another."""
    store = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        store.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BLOB_BYTES + 1000)
        store.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1000)
        store.set_progress_handler(_Steps(), _STEPS)
        for setting in (
            "trusted_schema = off",
            "cell_size_check = on",
            # A store that a crash leaves broken is replaced, so that nothing has to be safe on the
            # disk.
            "journal_mode = memory",
            "synchronous = off",
        ):
            store.execute(f"pragma {setting}")
        found = _schema(store)
        if not found:
            with store:
                store.execute("begin immediate")
                found = _schema(store)
                if not found:
                    store.execute(_TABLE)
                    store.execute(f"pragma application_id = {_APPLICATION}")
                    store.execute(f"pragma user_version = {FORMAT}")
                    found = _SCHEMA
        if found == _SCHEMA:
            return store
    except sqlite3.DatabaseError as error:
        store.close()
        if isinstance(error, sqlite3.OperationalError):
            raise  # Locked, read-only, or a full disk: the file is not to blame.
        return None
    store.close()
    return None


def _schema(store: sqlite3.Connection) -> list[tuple[str, str, str, str | None]]:
    rows = store.execute("select type, name, tbl_name, sql from sqlite_master")
    return rows.fetchmany(len(_SCHEMA) + 1)
