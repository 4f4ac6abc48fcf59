"""Facts of single files from former runs, by the bytes of each and all else that decides them."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec

from locklint import __version__
from locklint.core.source import SourceFile
from locklint.engine.cache_store import (
    FORMAT,
    UNDECODABLE,
    CacheStore,
    digest,
    joined,
    most_bytes,
    unpacked,
)
from locklint.engine.facts import FactSettings, FileFacts, FileInput
from locklint.engine.sound_facts import are_facts_of, are_graphs_of
from locklint.index.declarations import ModuleIndex
from locklint.ir.cfg import Function

MAX_BYTES = 512_000_000
MAX_ENTRIES = 200_000
_STORE = "facts.sqlite"
_MOST_WAITING = 16_000_000
"""The number of bytes that wait to be written together."""

Graphs = dict[str, tuple[Function, ...]]


class FactsStore(Protocol):
    """Keeps facts. ``settings`` None: of the declarations alone."""

    is_used: bool

    def key(self, file: FileInput, settings: FactSettings | None) -> bytes:
        """Return a key made from a file and everything else that decides its facts."""

    def facts(self, key: bytes, file: FileInput) -> FileFacts | None:
        """The facts of a file, if they are known."""

    def keep_facts(self, key: bytes, facts: FileFacts) -> None:
        """Keep what was found."""

    def graphs(self, key: bytes, source: SourceFile, index: ModuleIndex) -> Graphs:
        """Return the graphs of further functions of a file that a former run made."""

    def keep_graphs(self, key: bytes, graphs: Graphs) -> None:
        """Keep all such graphs of a file."""

    def flush(self) -> None:
        """Write what was kept so far."""


def facts_key(file: FileInput, settings: FactSettings | None) -> bytes:
    """A key from the code of locklint, the file's bytes and names, and the settings.

    Where and when locklint was installed makes no difference, so that facts can be carried from
    one machine to others.
    """
    names = repr((file.shown, file.module, file.is_package, file.unique, file.oldest))
    methods = "" if settings is None else repr((sorted(settings.methods), settings.compiles))
    parts = (_code(), names.encode("utf-8", "surrogatepass"), methods.encode())
    return joined((*parts, b"index" if settings is None else b"facts", digest(file.data)))


@lru_cache(maxsize=1)
def _code() -> bytes:
    """Return a digest of the interpreter and the text of locklint's own modules."""
    package = Path(__file__).parent.parent
    modules = sorted(package.rglob("*.py"))
    parts = [f"{FORMAT} {sys.version_info} {__version__}".encode()]
    for module in modules:
        parts += [module.relative_to(package).as_posix().encode(), module.read_bytes()]
    return joined(parts)


class NoStore:
    """A store that keeps nothing: the default of a run."""

    is_used = False

    def key(self, file: FileInput, settings: FactSettings | None) -> bytes:
        """Nothing, for nothing is kept."""
        return b""

    def facts(self, key: bytes, file: FileInput) -> FileFacts | None:
        """Nothing."""
        return None

    def keep_facts(self, key: bytes, facts: FileFacts) -> None:
        """Keep nothing."""

    def graphs(self, key: bytes, source: SourceFile, index: ModuleIndex) -> Graphs:
        """Nothing."""
        return {}

    def keep_graphs(self, key: bytes, graphs: Graphs) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """Write nothing."""


class CachedFacts:
    """The facts in a cache folder. No method raises."""

    is_used = True

    def __init__(self, folder: Path) -> None:
        self._store = CacheStore(folder / _STORE, MAX_BYTES, MAX_ENTRIES, stays_open=True)
        self._waiting: dict[bytes, bytes] = {}
        self._waiting_bytes = 0
        self._used: list[bytes] = []

    def key(self, file: FileInput, settings: FactSettings | None) -> bytes:
        """The key of `facts_key`."""
        return facts_key(file, settings)

    def facts(self, key: bytes, file: FileInput) -> FileFacts | None:
        """The facts of a file, if they are known."""
        data = self._get(key)
        return None if data is None else facts_from(data, file)

    def keep_facts(self, key: bytes, facts: FileFacts) -> None:
        """Keep what was found, unless something in locklint went wrong with it."""
        if not facts.lowered.errors:
            self._keep(key, facts)

    def graphs(self, key: bytes, source: SourceFile, index: ModuleIndex) -> Graphs:
        """Return the graphs of further functions of a file that a former run made."""
        data = self._get(_more(key))
        if data is None:
            return {}
        try:
            graphs = _graphs().decode(unpacked(data, most_bytes(len(source.text))))
        except UNDECODABLE:
            return {}
        return graphs if are_graphs_of(graphs, source, index) else {}

    def keep_graphs(self, key: bytes, graphs: Graphs) -> None:
        """Keep all such graphs of a file."""
        self._keep(_more(key), graphs)

    def flush(self) -> None:
        """Write what was kept so far, and which entries were of use."""
        used, self._used = self._used, []
        if used:
            self._store.touch(used)
        self._write()
        self._store.close()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._waiting_bytes = 0
        if waiting:
            self._store.put_all(waiting)

    def _get(self, key: bytes) -> bytes | None:
        data = self._store.get(key)
        if data is not None:
            self._used.append(key)
        return data

    def _keep(self, key: bytes, value: FileFacts | Mapping[str, tuple[Function, ...]]) -> None:
        try:
            data = msgspec.msgpack.encode(value)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            return  # Numbers and texts that the encoding does not know are not worth keeping.
        data = zlib.compress(data, 1)
        self._waiting[key] = data
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _MOST_WAITING:
            self._write()


def _more(key: bytes) -> bytes:
    return joined((b"more", key))


def facts_from(data: bytes, file: FileInput) -> FileFacts | None:
    """Return facts from their packed bytes. Return None if these cannot be the facts of a file."""
    try:
        facts = _facts().decode(unpacked(data, most_bytes(len(file.data))))
    except UNDECODABLE:
        return None
    return facts if are_facts_of(facts, file) else None


# Making a decoder of so many types takes as long as importing a few modules.
@lru_cache(maxsize=1)
def _facts() -> msgspec.msgpack.Decoder[FileFacts]:
    return msgspec.msgpack.Decoder(FileFacts)


@lru_cache(maxsize=1)
def _graphs() -> msgspec.msgpack.Decoder[Graphs]:
    return msgspec.msgpack.Decoder(Graphs)
