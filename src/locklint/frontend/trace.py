"""Records what results about names rest on, so that it is known which of them an edit may change.

A result rests on declarations of files, and on what searches through all files give, absences
included. Results are cached and used for others, so each refers to the results that it used,
and its own list is short. Nothing is recorded unless that is turned on.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from locklint.core.identity_enum import IdentityEnum


class InterfaceKind(IdentityEnum):
    """Kinds of facts about a project."""

    FILE = "file"  # the declarations of a file
    MODULE = "module"  # the files of that module name, none included
    DERIVED = "derived"  # the classes with a base of that last name
    CALLS = "calls"  # the calls by that last name
    BINDINGS = "bindings"  # the bindings of an attribute through names other than `self`
    HOLDERS = "holders"  # the classes that bind an attribute of that name, one of a lock
    NAMES = "names"  # other names of functions and classes of that name
    PROPERTY = "property"  # whether some class computes an attribute of that name
    SPECIAL = "special"  # whether some class has the special method
    METACLASS = "metaclass"  # the classes with a metaclass; without a name


class Interface(msgspec.Struct, frozen=True, gc=False):
    """A fact that a result may rest on: of a kind, about a name."""

    kind: InterfaceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".rstrip()


class _Frame:
    """The facts and the other results that a running computation has used."""

    __slots__ = ("interfaces", "others")

    def __init__(self) -> None:
        self.interfaces: dict[tuple[InterfaceKind, str], None] = {}
        self.others: dict[int, _Frame] = {}


class Trace:
    """The facts that results rest on, by the keys under which these are cached."""

    def __init__(self) -> None:
        self.is_on = False
        self._running: list[_Frame] = []
        self._results: dict[Hashable, _Frame] = {}

    def note(self, kind: InterfaceKind, name: str) -> None:
        """Note that the running computation uses a fact."""
        if self._running:
            self._running[-1].interfaces[kind, name] = None

    def begin(self) -> int:
        """Begin a computation; return what `end` needs."""
        depth = len(self._running)
        if self.is_on:
            self._running.append(_Frame())
        return depth

    def end(self, depth: int, key: Hashable) -> None:
        """End the computation of the result that is cached under a key."""
        if len(self._running) <= depth:
            return
        frame = self._results[key] = self._running[depth]
        # An exception has ended the frames above it.
        del self._running[depth:]
        self._add(frame)

    def use(self, key: Hashable) -> None:
        """Note that the running computation uses a result, or what is known of it so far."""
        frame = self._results.get(key) if self._running else None
        if frame is not None:
            self._add(frame)

    def _add(self, frame: _Frame) -> None:
        if self._running:
            self._running[-1].others[id(frame)] = frame

    def interfaces(self, key: Hashable) -> tuple[Interface, ...]:
        """Return the facts that a result rests on, sorted; empty if it was not recorded."""
        first = self._results.get(key)
        work = [] if first is None else [first]
        seen = {id(each) for each in work}
        found: dict[tuple[InterfaceKind, str], None] = {}
        while work:
            frame = work.pop()
            found.update(frame.interfaces)
            for other in frame.others.values():
                if id(other) not in seen:
                    seen.add(id(other))
                    work.append(other)
        return tuple(sorted((Interface(*each) for each in found), key=str))
