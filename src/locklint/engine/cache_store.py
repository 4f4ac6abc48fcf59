"""A store in an SQLite file of a cache folder, bounded in size, that may be lost at any time.

The file may be shared, corrupt, foreign, read-only or on a full disk: then it is replaced or
skipped, and never a reason to fail. It may also come with the code that is analysed, made by an
attacker. So it is opened only if it begins as locklint's do, without the journal of another run,
which SQLite would obey; it is read with limits on size and work; and each blob has a checksum and
is decoded as data.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from locklint.engine.cache_folder import prepare, refusal
from locklint.engine.read import opened
from locklint.engine.store import FORMAT

MOST_BLOB_BYTES = 64_000_000
"""The size above which a blob is neither kept nor read."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of blobs: its table, and the bounds of that, so that no kind makes room for others."""

    table: str
    max_bytes: int
    max_entries: int


REPORTS = Kind("reports", 64_000_000, 600)
FACTS = Kind("facts", 512_000_000, 200_000)

_NAME = "store.sqlite"
_OLD_NAMES = ("runs.sqlite", "facts.sqlite")
"""The files of older versions."""

_APPLICATION = 0x6C6B6C74
_COLUMNS = "(key blob primary key, data blob, checksum blob, used integer)"
_TABLES = [f"CREATE TABLE {kind.table} {_COLUMNS}" for kind in (REPORTS, FACTS)]
_SCHEMA: list[tuple[str, str, str, str | None]] = [
    row
    for kind, sql in zip((REPORTS, FACTS), _TABLES, strict=True)
    for row in (
        ("table", kind.table, kind.table, sql),
        ("index", f"sqlite_autoindex_{kind.table}_1", kind.table, None),
    )
]
_MOST_FILE_BYTES = 2 * (REPORTS.max_bytes + FACTS.max_bytes) + MOST_BLOB_BYTES
_JOURNALS = ("-journal", "-wal", "-shm")
_PATIENCE = 2.0
"""The number of seconds that another process may take to write."""

_MOST_WAITING = 16_000_000
"""The number of bytes that wait to be written together."""

_STEPS = 100_000
_MOST_STEPS = 100_000_000
"""The largest number of SQLite's steps of a connection; a full store needs a tenth of it."""


class CacheFile:
    """The SQLite file of a cache folder, open from the first question up to `close`.

    No method raises; ``trouble`` says why the file cannot be used, and ``is_refused`` that this is
    what `locklint.engine.cache_folder.refusal` returns.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / _NAME
        self.trouble = ""
        self.is_refused = False
        self._is_given_up = False
        self._open: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file, if it is open; the next question opens it again."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def prepare(self) -> bool:
        """Make the folder where it is not there yet; whether it is there and can be used."""
        try:
            trouble = refusal(self.folder)
            self.is_refused = bool(trouble)
        except OSError as error:
            trouble = f"{self.folder}: {error.strerror or error}"
        trouble = trouble or prepare(self.folder)
        self.trouble = trouble or self.trouble
        return not trouble

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection | None]:
        """Give the open file, or None if there cannot be one; its errors end here.

        A file that is locked, read-only or on a full disk is not asked again, for each question
        might have to wait.
        """
        try:
            if self._open is None and not self._is_given_up:
                self._open = self._opened()
                self._is_given_up = self._open is None
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{self.path}: {error}"
            self._is_given_up = True
        try:
            if self._open is None:
                yield None
            else:
                with self._open:
                    yield self._open
        except (sqlite3.Error, MemoryError) as error:
            self.trouble = f"{self.path}: {error or 'out of memory'}"
            self.close()
            is_blameless = isinstance(error, (sqlite3.OperationalError, MemoryError))
            self._is_given_up = is_blameless and str(error) != "interrupted"
            if not self._is_given_up:
                with contextlib.suppress(OSError):
                    self._remove()

    def _opened(self) -> sqlite3.Connection | None:
        """The file, made where there is none or something else. Raise `OSError` and `Error`."""
        if not self.prepare():
            return None
        if not os.path.lexists(self.path):
            _remove_old(self.folder)
        if self._is_ours():
            connection = _connected(self.path)
            if connection is not None:
                return connection
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
                if status.st_size > _MOST_FILE_BYTES:
                    return False
                head = os.read(descriptor, 105)
        except FileNotFoundError:
            return True
        return (
            not head
            or (
                _is_of_locklint(head)
                and head[18:20] == b"\1\1"  # Without a write-ahead log.
                and head[60:64] == FORMAT.to_bytes(4, "big")
                # The schema is one page, with as many rows as ours.
                and head[100:101] == b"\x0d"
                and head[103:105] == len(_SCHEMA).to_bytes(2, "big")
            )
        )

    def _remove(self) -> None:
        for end in ("", *_JOURNALS):
            Path(f"{self.path}{end}").unlink(missing_ok=True)


class CacheStore:
    """The blobs of one kind in a cache file. No method raises.

    Those that were not used for longest make room for others.
    """

    is_written = True

    def __init__(self, file: CacheFile, kind: Kind) -> None:
        self._file = file
        self._kind = kind
        self._waiting: dict[bytes, bytes] = {}
        self._waiting_bytes = 0
        self._used: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """Return the blob under a key. Return None if there is none that is whole."""
        if key in self._waiting:
            return self._waiting[key]
        row = None
        with self._file.connection() as connection:
            if connection is not None:
                question = f"select data, checksum from {self._kind.table} where key = ?"
                row = connection.execute(question, (key,)).fetchone()
        if row is None or not isinstance(row[0], bytes) or row[1] != _checksum(key, row[0]):
            return None
        self._used.append(key)
        return row[0]

    def put(self, key: bytes, data: bytes) -> None:
        """Keep a blob, in place of one that has the key, when enough of them wait."""
        if len(data) > min(self._kind.max_bytes, MOST_BLOB_BYTES):
            return
        self._waiting[key] = data
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _MOST_WAITING:
            self._write()

    def flush(self) -> None:
        """Write what waits, note which blobs were of use, and close the file."""
        used, self._used = self._used, []
        if used:
            now = time.time_ns()
            change = f"update {self._kind.table} set used = ? where key = ?"
            with self._file.connection() as connection:
                if connection is not None:
                    connection.executemany(change, [(now, key) for key in used])
        self._write()
        self._file.close()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._waiting_bytes = 0
        if not waiting:
            return
        now = time.time_ns()
        rows = [(key, data, _checksum(key, data), now) for key, data in waiting.items()]
        change = f"insert or replace into {self._kind.table} values (?, ?, ?, ?)"
        with self._file.connection() as connection:
            if connection is not None:
                connection.executemany(change, rows)
                self._evict(connection)

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Keep the most recently used blobs, as many as the bounds allow."""
        kind = self._kind
        entries, size = connection.execute(
            f"select count(*), coalesce(sum(length(data)), 0) from {kind.table}"
        ).fetchone()
        if entries <= kind.max_entries and size <= kind.max_bytes:
            return
        rows = connection.execute(
            f"select rowid, length(data) from {kind.table} order by cast(used as integer) desc,"
            " rowid"
        )
        total = 0
        gone: list[tuple[int]] = []
        for before, (row, size) in enumerate(rows.fetchall()):
            total += size
            if before and (before >= kind.max_entries or total > kind.max_bytes):
                gone.append((row,))
        connection.executemany(f"delete from {kind.table} where rowid = ?", gone)


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


def _is_of_locklint(head: bytes) -> bool:
    """Return whether a file begins as a database of locklint's, of any version."""
    is_database = head.startswith(b"SQLite format 3\0")
    return is_database and head[68:72] == _APPLICATION.to_bytes(4, "big")


def _remove_old(folder: Path) -> None:
    """Remove the files of older versions, which nothing else would make smaller again."""
    for name in _OLD_NAMES:
        with contextlib.suppress(OSError):
            with opened(folder / name, follow=False) as (descriptor, _):
                head = os.read(descriptor, 72)
            if _is_of_locklint(head):
                (folder / name).unlink()


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
                    for table in _TABLES:
                        store.execute(table)
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
