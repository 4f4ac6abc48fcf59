"""Index files: facts of some files, to be analysed elsewhere and together with others.

An index holds the bytes, the names and the facts of its files, and the settings of their folders,
under paths relative to the working directory. So indexes of all parts of a program are enough to
analyse it; stale facts, from another version or other settings, are computed again from the bytes.
It is decoded as data, and cannot run code.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from locklint.core.config import Config
from locklint.core.source import PlaceOrZero
from locklint.engine.discover import Discovery, FoundFile, Problem
from locklint.engine.facts_store import FactsStore
from locklint.engine.file_bytes import FileBytes
from locklint.engine.find_files import UsageError, find_files
from locklint.engine.load_config import Read
from locklint.engine.program_files import ProgramFiles
from locklint.engine.progress import NoProgress, Progress
from locklint.engine.read import MOST_BYTES, ReadProblem, read_file, read_settings
from locklint.engine.settings import Settings
from locklint.engine.store import UNDECODABLE, MemoryStore, digest, unpacked
from locklint.engine.workers import Workers
from locklint.engine.write_file import replace_file

_MAGIC = b"locklint index 2\n"
_ANY_MAGIC = b"locklint index "
_DIGEST_BYTES = 16
_EFFORT = 6
"""The effort of packing: an index is written once and carried."""

_MOST_INDEX_BYTES = 1 << 30
_MOST_SOURCE_BYTES = 2 << 30
"""The largest number of bytes of all files of an index together, unpacked."""

_Some = msgspec.Meta(max_length=1_000_000)


class IndexedFile(msgspec.Struct, frozen=True, array_like=True):
    """A file: its path with forward slashes, its bytes, or why it could not be read.

    The bytes are packed, and ``size`` of them otherwise. ``facts`` are encoded facts, and ``key``
    is what they depend on; both are empty where it mentions no lock.
    """

    path: bytes
    size: Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]
    module: str
    is_package: bool
    data: bytes = b""
    problem: str = ""
    line: PlaceOrZero = 0
    key: bytes = b""
    facts: bytes = b""


class Index(msgspec.Struct, frozen=True, array_like=True):
    """An index file.

    ``paths`` are those that were named, ``problems`` pairs of a path and what is wrong there,
    ``settings`` pairs of the path and the bytes of a settings file.
    """

    paths: Annotated[tuple[bytes, ...], _Some] = ()
    files: Annotated[tuple[IndexedFile, ...], _Some] = ()
    problems: Annotated[tuple[tuple[bytes, str], ...], _Some] = ()
    settings: Annotated[tuple[tuple[bytes, bytes], ...], _Some] = ()


_INDEX = msgspec.msgpack.Decoder(Index)


def make_index(
    paths: Sequence[str],
    settings: Callable[[Read], Settings],
    *,
    workers: Callable[[int], Workers | None] = lambda work: None,
    progress: Progress | None = None,
) -> Index:
    """Make an index of the Python files under ``paths``, which are in the working directory.

    ``settings`` makes the settings of the run from a reader of their files, ``workers`` gives the
    workers for single files, given the number of bytes of these. Raise `UsageError` as `find_files`
    does, and for a path that is elsewhere.
    """
    seen: dict[Path, bytes] = {}

    def recorded(path: Path) -> bytes:
        data = read_settings(path)
        if path.name != "pyproject.toml" or b"locklint" in data:
            seen[path] = data
        return data

    known = settings(recorded)
    progress = progress or NoProgress()
    discovery = find_files(paths, known.config, known.folder, progress=progress)
    for found in discovery.files:
        known.of(found.path)
    progress.begin("reading files", len(discovery.files))
    doing = workers(sum(found.size for found in discovery.files))
    made = _MadeIndex(known.config, doing)
    try:
        made.files.read_all(discovery.files, progress)
    finally:
        if doing is not None:
            doing.close()
    if made.files.errors:
        error = made.files.errors[0]
        raise UsageError(f"{error.path}: {error.description}")
    return Index(
        tuple(_stored(path) for path in paths),
        tuple(made.indexed(found) for found in discovery.files),
        tuple((_stored(each.path), each.message) for each in discovery.problems),
        tuple((_portable(path), seen[path]) for path in sorted(seen)),
    )


class _MadeIndex:
    """The files of an index, with the bytes and the facts that are found."""

    def __init__(self, config: Config, workers: Workers | None) -> None:
        self._bytes = _Recorded.of_disk(config)
        self._store = MemoryStore({}, is_written=True)
        facts = FactsStore(self._store, _EFFORT)
        self.files = ProgramFiles(config, self._bytes, workers, facts)

    def indexed(self, found: FoundFile) -> IndexedFile:
        """Return the index's entry of a file."""
        module, is_package = self._bytes.module_name(found.path)
        path = _stored(found.path)
        known = self._bytes.known[found.path]
        if isinstance(known, ReadProblem):
            return IndexedFile(path, 0, module, is_package, problem=known.message, line=known.line)
        data, size = known
        key = self.files.key(found.shown)
        facts = self._store.get(key) or b""
        return IndexedFile(
            path, size, module, is_package, data, key=key if facts else b"", facts=facts
        )


class _Recorded(FileBytes):
    """A record, compressed, of what was read, so that facts and bytes of an index fit together."""

    def __init__(
        self, source_roots: Sequence[str] = (), overlay: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__(source_roots, overlay)
        self.known: dict[str, tuple[bytes, int] | ReadProblem] = {}

    def fetch(self, path: str) -> bytes:
        """Return the bytes of a file, from the disk only once. Raise `ReadProblem`."""
        known = self.known.get(path)
        if isinstance(known, tuple):
            return unpacked(*known)
        try:
            data = super().fetch(path)
        except ReadProblem as problem:
            self.known[path] = problem
            raise
        self.known[path] = (zlib.compress(data, _EFFORT), len(data))
        return data


def write_index(index: Index, path: str) -> None:
    """Write an index file, all of it or nothing. Raise `OSError` if that fails."""
    body = msgspec.msgpack.encode(index)
    replace_file(path, _MAGIC + digest(body) + body)


def read_index(path: str) -> Index:
    """Read an index file. Raise `UsageError` for one that cannot be used."""
    try:
        data = read_file(path, _MOST_INDEX_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data.startswith(_MAGIC):
        if data.startswith(_ANY_MAGIC):
            raise UsageError(f"{path}: is an index of another version of locklint: create it again")
        raise UsageError(f"{path}: is not an index of `locklint index`")
    body = data[len(_MAGIC) + _DIGEST_BYTES :]
    if data[len(_MAGIC) :][:_DIGEST_BYTES] != digest(body):
        raise UsageError(f"{path}: is damaged: create it again")
    try:
        index = _INDEX.decode(body)
    except UNDECODABLE as error:
        raise UsageError(f"{path}: is damaged: {error}") from None
    if sum(file.size for file in index.files) > _MOST_SOURCE_BYTES:
        raise UsageError(f"{path}: holds more than {_MOST_SOURCE_BYTES >> 30} GiB of source")
    named = (*index.paths, *(file.path for file in index.files), *(at for at, _ in index.problems))
    for place in named:
        if not _is_inside(os.fsdecode(place)):
            raise UsageError(f"{path}: is damaged: it names {os.fsdecode(place)!r}")
    return index


@dataclass(frozen=True)
class _Known:
    """A file of an index, and which index that is."""

    file: IndexedFile
    origin: str


class IndexedProgram(FileBytes):
    """The files of several indexes together, in the place of those of the disk."""

    is_disk = False

    def __init__(self, indexes: Mapping[str, Index]) -> None:
        """Add indexes, by the names of their files.

        Raise `UsageError` if two of them hold different bytes for one path.
        """
        super().__init__()
        self.indexes = indexes
        self._files: dict[str, _Known] = {}
        self._folders: set[str] = set()
        self._settings: dict[bytes, tuple[bytes, str]] = {}
        for origin, index in indexes.items():
            for stored, data in index.settings:
                settled = self._settings.setdefault(stored, (data, origin))
                if settled[0] != data:
                    path = _restored(stored)
                    raise UsageError(
                        f"{settled[1]} and {origin} contain different settings of {path}"
                    )
            for file in index.files:
                path = _restored(file.path)
                known = self._files.setdefault(path, _Known(file, origin))
                if (known.file.data, known.file.problem) != (file.data, file.problem):
                    raise UsageError(
                        f"{known.origin} and {origin} contain different versions of {path}"
                    )
                folder = os.path.dirname(path)
                while folder and folder not in self._folders:
                    self._folders.add(folder)
                    folder = os.path.dirname(folder)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that were named when the indexes were made."""
        named = {_restored(path) for index in self.indexes.values() for path in index.paths}
        return tuple(sorted(named))

    @property
    def discovery(self) -> Discovery:
        """The files, and what was wrong when they were looked for."""
        problems = {
            Problem(_restored(path), message)
            for index in self.indexes.values()
            for path, message in index.problems
        }
        files = sorted(FoundFile(path, known.file.size) for path, known in self._files.items())
        return Discovery(tuple(files), tuple(sorted(problems)))

    def fetch(self, path: str) -> bytes:
        """Return the bytes of a file from the indexes. Raise `ReadProblem`."""
        known = self._files.get(path)
        if known is None:
            raise ReadProblem("the file is not in the indexes")
        if known.file.problem:
            raise ReadProblem(known.file.problem, known.file.line)
        try:
            return unpacked(known.file.data, known.file.size)
        except ValueError as error:
            raise ReadProblem(f"the index is damaged: {error}") from None

    def module_name(self, path: str) -> tuple[str, bool]:
        """The dotted name of a file's module, and whether it is a package."""
        file = self._files[path].file
        return file.module, file.is_package

    def read_settings(self, path: Path) -> bytes:
        """The bytes of a settings file: as they were, for the folders of the indexes and above.

        Raise `OSError` if there is none.
        """
        stored = _portable(path)
        if stored in self._settings:
            return self._settings[stored][0]
        if os.path.relpath(path.parent) in self._folders:
            raise FileNotFoundError(2, "is in none of the indexes", str(path))
        return read_settings(path)


def indexed_facts(indexes: Iterable[Index]) -> FactsStore:
    """Return the facts that are in indexes, for those files of which they still hold."""
    blobs = {file.key: file.facts for index in indexes for file in index.files if file.facts}
    return FactsStore(MemoryStore(blobs, is_written=False))


def _stored(path: str) -> bytes:
    """A path of the working directory as an index holds it. Raise `UsageError` for any other."""
    inside = os.path.relpath(path)
    if inside == os.pardir or inside.startswith(os.path.join(os.pardir, "")):
        raise UsageError(
            f"{path}: is outside the working directory, which the paths of an index are relative to"
        )
    return _portable(path)


def _portable(path: str | Path) -> bytes:
    return os.fsencode(os.path.relpath(path).replace(os.sep, "/"))


def _is_inside(path: str) -> bool:
    """Return whether a path with forward slashes can be one of the working directory."""
    if path == os.curdir:
        return True
    odd = "\0" in path or (os.sep != "/" and os.sep in path) or os.path.splitdrive(path)[0]
    return not odd and {"", os.curdir, os.pardir}.isdisjoint(path.split("/"))


def _restored(path: bytes) -> str:
    return os.fsdecode(path).replace("/", os.sep)
