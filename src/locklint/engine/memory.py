"""Results of one run that the next one in the same process uses again.

After an edit most files say what they said, and most functions mean what they meant. The facts of
files are kept by their bytes. Graphs with effects are kept with a state of each fact that they rest
on, and used again if all of them are the same. The report is that of a run that knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from locklint.analysis.kept_states import KeptStates
from locklint.core.source import SourceFile
from locklint.engine.facts import FactSettings, FileFacts, FileInput
from locklint.engine.facts_store import FactsStore, Graphs, key_of
from locklint.frontend.trace import Interface
from locklint.index.declarations import ModuleIndex
from locklint.ir.cfg import Function

State: TypeAlias = tuple[str, ...]
"""A state of a fact: two that are equal say the same."""


class KeptGraph(msgspec.Struct, frozen=True):
    """A resolved function.

    ``source`` is the function before that, ``facts`` are the states of what it rests on;
    ``is_marked`` says whether what cannot raise in it is marked.
    """

    source: Function
    done: Function
    facts: Mapping[Interface, State]
    is_marked: bool


class Memory:
    """The results of the last run. What the present one does not use is dropped at its end."""

    def __init__(self) -> None:
        self.consulted: set[str] = set()
        """The files of installed packages that any run has looked at."""

        self.states = KeptStates()
        """The lock states of the functions."""

        self.is_doubtful = False
        """A mark of a run that has used graphs, though it turned out later that it must not."""

        self._basis: object = None
        self._has_used_graphs = False
        self._graphs: dict[tuple[str, bool], KeptGraph] = {}
        self._used: dict[tuple[str, bool], KeptGraph] = {}
        self._facts: dict[bytes, FileFacts] = {}
        self._known: dict[bytes, FileFacts] = {}
        self._lowered: dict[bytes, Graphs] = {}
        self._more: dict[bytes, Graphs] = {}

    def facts_over(self, store: FactsStore) -> FactsStore:
        """Begin a run: return a store that knows the facts of the last one as well."""
        self.states.begin()
        self._known, self._facts = self._facts, {}
        self._more, self._lowered = self._lowered, {}
        self._graphs, self._used = self._used, {}
        self._has_used_graphs = self.is_doubtful = False
        return _Remembered(store, self._known, self._facts, self._more, self._lowered)

    def rest_on(self, basis: object) -> None:
        """Forget the graphs unless all that decides them, but for facts, is as in the last run."""
        if basis != self._basis:
            self._graphs = {}
            self.states.forget()
            self._basis = basis

    def graph(
        self, source: Function, *, is_resolved: bool, state: Callable[[Interface], State | None]
    ) -> KeptGraph | None:
        """Return what a function became in the last run, if no fact has changed since then.

        ``is_resolved`` says whether the function has its effects already; ``state`` gives that of a
        fact now, None if it cannot be known.
        """
        key = (source.key, is_resolved)
        kept = self._graphs.get(key)
        if kept is None or kept.source != source:
            return None
        if any(state(fact) != known for fact, known in kept.facts.items()):
            return None
        self._used[key] = kept
        self._has_used_graphs = True
        return kept

    def keep(self, kept: KeptGraph, *, is_resolved: bool) -> None:
        """Keep what a function became."""
        self._used[kept.source.key, is_resolved] = kept

    def forget_graphs(self) -> None:
        """Forget all graphs, those of this run too: they rest on more than is recorded."""
        self._used = {}
        self.is_doubtful = self._has_used_graphs


class _Remembered(FactsStore):
    """The facts of files in memory, over a store."""

    def __init__(
        self,
        store: FactsStore,
        known: dict[bytes, FileFacts],
        facts: dict[bytes, FileFacts],
        more: dict[bytes, Graphs],
        lowered: dict[bytes, Graphs],
    ) -> None:
        super().__init__()
        self._under = store
        self._known, self._facts = known, facts
        self._more, self._lowered = more, lowered

    def key(self, file: FileInput, settings: FactSettings | None) -> bytes:
        return key_of(file, settings)

    def facts(self, key: bytes, file: FileInput) -> FileFacts | None:
        found = self._known.get(key) or self._under.facts(key, file)
        if found is not None:
            self._facts[key] = found
        return found

    def keep_facts(self, key: bytes, facts: FileFacts) -> None:
        if not facts.lowered.errors:
            self._facts[key] = facts
        self._under.keep_facts(key, facts)

    def graphs(self, key: bytes, source: SourceFile, index: ModuleIndex) -> Graphs:
        known = self._more.get(key)
        found = self._under.graphs(key, source, index) if known is None else known
        if found:
            self._lowered[key] = found
        return found

    @property
    def keeps(self) -> bool:
        return True

    def keep_graphs(self, key: bytes, graphs: Graphs) -> None:
        self._lowered[key] = graphs
        self._under.keep_graphs(key, graphs)

    def flush(self) -> None:
        self._under.flush()
