"""The words by which code shows that it may use a lock, derived from the tables.

They only decide where to look, never what a name is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from locklint.ir.lock import LockRole
from locklint.models.library import Library
from locklint.models.table import LIBRARIES


class Words(msgspec.Struct, frozen=True):
    """The last names of what makes locks, and the names of their methods."""

    kinds: frozenset[frozenset[str]]  # for each kind, the classes and functions that make one
    thread_locks: frozenset[str]  # makers of locks of the threads of one process
    acquiring: frozenset[str]  # methods that give a context manager over the lock included
    releasing: frozenset[str]
    signalling: frozenset[str]  # methods that wait and notify with the lock held
    modules: frozenset[str]  # modules with primitives, those that cannot be held included

    @property
    def makers(self) -> frozenset[str]:
        """The names of all that makes a lock."""
        return frozenset().union(*self.kinds)

    @property
    def methods(self) -> frozenset[str]:
        """The names of all methods."""
        return self.acquiring | self.releasing | self.signalling


def words_of(libraries: Iterable[Library]) -> Words:
    """Return the words of all kinds that can be held: an event or a queue cannot."""
    libraries = tuple(libraries)
    makers: dict[str, set[str]] = {}
    thread_locks: set[str] = set()
    acquiring: set[str] = set()
    releasing: set[str] = set()
    signalling: set[str] = set()
    for library in libraries:
        for kind in library.kinds:
            if not kind.acquire_forms and not kind.context_forms:
                continue
            makers[kind.name] = {each.rpartition(".")[2] for each in kind.constructors}
            if kind.role is LockRole.LOCK and not kind.cross_process and not kind.is_async:
                # Much else has names of one word: `lock()` locks a file, a record or a screen.
                thread_locks |= {each for each in makers[kind.name] if not _is_word(each)}
            acquiring.update(form.name for form in kind.acquire_forms)
            acquiring.update(form.name for form in kind.context_forms if not form.is_attribute)
            releasing.update(form.name for form in kind.release_forms)
            signalling.update(kind.waits, kind.notifies)
        for row in library.factory_methods:
            if row.fresh and row.kind_name in makers:
                makers[row.kind_name].add(row.method)
    kinds = frozenset(map(frozenset, makers.values()))
    modules = {
        each.rpartition(".")[0]
        for library in libraries
        for kind in library.kinds
        for each in kind.constructors
    }
    return Words(kinds, *map(frozenset, (thread_locks, acquiring, releasing, signalling, modules)))


def _is_word(name: str) -> bool:
    return name.isalpha() and name.islower()


WORDS = words_of(LIBRARIES)
"""The words of the library models."""

RELEASE_NAMES = WORDS.releasing | {"__exit__"}
"""Methods by which an unknown object may release a lock."""
