"""Facts of single files in a store, by the bytes of each and all else that decides them."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec.structs import replace

from locklint.core.source import SourceFile
from locklint.engine.facts import FactSettings, FileFacts, FileInput
from locklint.engine.sound_facts import are_facts_of, are_graphs_of
from locklint.engine.store import (
    UNDECODABLE,
    Store,
    code,
    digest,
    joined,
    most_bytes,
    packed,
    unpacked,
)
from locklint.index.declarations import ModuleIndex
from locklint.ir.cfg import Function

Graphs = dict[str, tuple[Function, ...]]


class FactsStore:
    """The facts in a store; None by default, which knows none and keeps none.

    ``effort`` is that of packing them.
    """

    def __init__(self, store: Store | None = None, effort: int = 1) -> None:
        self._store = store
        self._effort = effort

    def key(self, file: FileInput, settings: FactSettings | None) -> bytes:
        """Return a key made from a file and everything else that decides its facts.

        ``settings`` None: of the declarations alone.
        """
        return b"" if self._store is None else key_of(file, settings)

    def facts(self, key: bytes, file: FileInput) -> FileFacts | None:
        """The facts of a file, if they are known."""
        data = self._store.get(key) if self._store else None
        return None if data is None else facts_from(data, file)

    def keep_facts(self, key: bytes, facts: FileFacts) -> None:
        """Keep what was found, unless something in locklint went wrong with it."""
        if not facts.lowered.errors:
            self._keep(key, _in_order(facts))

    def graphs(self, key: bytes, source: SourceFile, index: ModuleIndex) -> Graphs:
        """Return the graphs of further functions of a file that a former run made."""
        data = self._store.get(_more(key)) if self._store else None
        if data is None:
            return {}
        try:
            graphs = _graphs().decode(unpacked(data, most_bytes(len(source.text))))
        except UNDECODABLE:
            return {}
        return graphs if are_graphs_of(graphs, source, index) else {}

    @property
    def keeps(self) -> bool:
        """Return whether anything that is found is kept."""
        return self._store is not None and self._store.is_written

    def keep_graphs(self, key: bytes, graphs: Graphs) -> None:
        """Keep all such graphs of a file."""
        self._keep(_more(key), graphs)

    def flush(self) -> None:
        """Write what was kept so far."""
        if self._store is not None:
            self._store.flush()

    def _keep(self, key: bytes, value: FileFacts | Graphs) -> None:
        if self._store is not None and self.keeps:
            data = packed(value, effort=self._effort)
            if data is not None:
                self._store.put(key, data)


def key_of(file: FileInput, settings: FactSettings | None) -> bytes:
    """Return the key of `FactsStore.key`."""
    names = repr((file.shown, file.module, file.is_package, file.unique, file.oldest))
    methods = "" if settings is None else repr((sorted(settings.methods), settings.compiles))
    parts = (code(), names.encode("utf-8", "surrogatepass"), methods.encode())
    return joined((*parts, b"index" if settings is None else b"facts", digest(file.data)))


def _more(key: bytes) -> bytes:
    return joined((b"more", key))


def _in_order(facts: FileFacts) -> FileFacts:
    """Return facts that are encoded alike on every run, so that build systems see no change.

    One set is all in them that has no order. The order of declarations is a fact, and is kept.
    """
    if facts.index is None:
        return facts
    return replace(facts, index=replace(facts.index, called=sorted(facts.index.called)))


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
