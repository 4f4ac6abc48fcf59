"""The accesses to attributes of objects and to globals, and the locks that are held there.

A method that only its own class calls, with a lock of the object held, holds it too. So the locks
at the entry of private methods are computed first: those that all calls hold, callers of callers
included. It is a greatest fixpoint; intersecting lock sets is the idea of "Eraser: A Dynamic Data
Race Detector for Multithreaded Programs" (Savage et al., 1997), which does so in running programs.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from locklint.analysis.events import Called, LockStates, Manner, Occurrence
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.event import ACCESSES, Access, Event, EventKind
from locklint.ir.lock import Exactness, LockRef

CONSTRUCTION = frozenset(
    "__init__ __new__ __post_init__ __attrs_post_init__ __setstate__ __getstate__ __del__ __copy__"
    " __deepcopy__ __reduce__".split()
)
"""Methods that run while no other thread has the object, as a rule."""

_IN_CLASS = (FunctionKind.METHOD, FunctionKind.CLASS_METHOD, FunctionKind.STATIC_METHOD)

_BINDING = (Access.BIND, Access.BIND_CONSTANT, Access.UPDATE)


class DataKey(msgspec.Struct, frozen=True, order=True):
    """An attribute of the objects of a class, by its module and qualified name; or a global.

    ``is_of_class``: all objects of the class share it.
    """

    owner: str
    name: str
    is_global: bool = False
    is_of_class: bool = False

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def shown(self) -> str:
        """Return the attribute as most methods write it."""
        return f"{self.owner.rpartition('.')[2] if self.is_of_class else 'self'}.{self.name}"


class DataAccess(msgspec.Struct, frozen=True):
    """An access to an attribute; ``held`` are the locks that every execution holds there.

    They are known by their identities; ``locks`` are those that the function itself holds.
    ``builds``: only the object's construction runs it. ``related`` are locks that it holds of
    objects to which its own one leads.
    """

    function: Function
    span: Span
    kind: EventKind
    how: Access
    held: frozenset[str]
    builds: bool
    locks: tuple[LockRef, ...] = ()
    related: frozenset[str] = frozenset()

    @property
    def is_write(self) -> bool:
        """Return whether it changes the attribute, or the container that it holds."""
        return self.kind is EventKind.WRITE

    @property
    def iterates(self) -> bool:
        """Return whether it iterates over the container itself, not over a copy."""
        return self.how in (Access.ITERATE, Access.ITERATE_VIEW)


def guarded_data(
    states: Mapping[str, LockStates], unseen_callers: frozenset[str]
) -> dict[DataKey, tuple[DataAccess, ...]]:
    """Return the accesses to each attribute and global, by place.

    ``unseen_callers`` are the functions that something may call which was not analysed.
    """
    entries = _Entries(states, unseen_callers)
    found: dict[DataKey, dict[tuple[str, Span, Access], DataAccess]] = {}
    through_class: set[DataKey] = set()
    of_objects: set[DataKey] = set()
    for key, one in sorted(states.items()):
        function = one.function
        for each in one.events if one.complete else ():
            data = _key(function, each.event) if each.event.kind in ACCESSES else None
            if data is None:
                continue
            held = _own(each) | entries.held(key)
            how = Access(each.event.name)
            if not data.is_global:
                if _is_through_class(function, each.event):
                    through_class.add(data)
                elif how in _BINDING:
                    of_objects.add(data)
            place = (key, each.span, how)
            known = found.setdefault(data, {})
            if place in known:
                held &= known[place].held
            locks = tuple([one.lock for one in each.held if one.lock.identity in held])
            builds = entries.builds(key)
            kind = each.event.kind
            known[place] = DataAccess(
                function, each.span, kind, how, held, builds, locks, _related(each)
            )
    for data in sorted(through_class - of_objects):
        # It was there before the object, so that its constructor is no exception.
        found[replace(data, is_of_class=True)] = {
            place: replace(one, builds=one.builds and one.function.name not in CONSTRUCTION)
            for place, one in found.pop(data).items()
        }
    return {
        data: tuple(
            sorted(places.values(), key=lambda one: (one.function.path, one.span, one.how.value))
        )
        for data, places in sorted(found.items())
    }


def _key(function: Function, event: Event) -> DataKey | None:
    if event.path is None:
        return None
    # Two files may have one module name, but not one key.
    module = split_key(function.key)[0]
    if event.path.root is Root.GLOBAL:
        return DataKey(module, event.path.name, is_global=True)
    if function.kind in _IN_CLASS and function.class_name is not None:
        return DataKey(f"{module}.{function.class_name}", event.path.name)
    return None


def _is_through_class(function: Function, event: Event) -> bool:
    """Return whether an attribute is accessed through its class, not through an object."""
    assert event.path is not None
    assert function.class_name is not None
    through_name = event.path.root_name == function.class_name.rpartition(".")[2]
    return through_name or function.kind is not FunctionKind.METHOD


def _own(one: Occurrence | Called) -> frozenset[str]:
    """Return the identities of the held locks of the method's object, or of the whole program."""
    released = {key.path for key in one.released}
    return frozenset(
        held.lock.identity
        for held in one.held
        if _is_own(held.lock) and held.lock.path not in released
    )


def _related(one: Occurrence) -> frozenset[str]:
    """Return the identities of the held locks of objects that are found from the method's own."""
    return frozenset(
        held.lock.identity
        for held in one.held
        if held.lock.path.fields and held.lock.path.root in (Root.SELF, Root.TEMP)
    )


def _is_own(lock: LockRef) -> bool:
    return lock.exactness is Exactness.ONE or lock.path.is_own_attribute


class _Entries:
    """The locks that are held whenever a private method begins."""

    def __init__(self, states: Mapping[str, LockStates], unseen_callers: frozenset[str]) -> None:
        self._states = states
        self._calls: dict[str, list[tuple[str, Called]]] = {}
        for caller, one in states.items():
            for called in one.calls:
                self._calls.setdefault(called.target, []).append((caller, called))
        private = {
            key
            for key, one in states.items()
            if is_private(one.function) and key in self._calls and key not in unseen_callers
        }
        self._held: dict[str, frozenset[str] | None] = dict.fromkeys(private)
        self._builds: dict[str, bool] = dict.fromkeys(private, True)
        self._solve()

    def held(self, key: str) -> frozenset[str]:
        """Return the identities of the locks that all callers hold."""
        return self._held.get(key) or frozenset()

    def builds(self, key: str) -> bool:
        """Return whether only the construction of the object runs a method."""
        function = self._states[key].function
        if function.kind is FunctionKind.MODULE:
            return True
        return function.name in CONSTRUCTION or self._builds.get(key, False)

    def _solve(self) -> None:
        changed = True
        while changed:
            changed = False
            for key in sorted(self._held):
                held = self._at_calls(key)
                builds = all(self.builds(caller) for caller, _ in self._calls[key])
                if held != self._held[key] or builds != self._builds[key]:
                    self._held[key], self._builds[key] = held, builds
                    changed = True

    def _at_calls(self, key: str) -> frozenset[str] | None:
        """Return what all calls hold; None while nothing is known of any."""
        found: frozenset[str] | None = None
        for caller, called in self._calls[key]:
            if self.builds(caller):
                continue
            own = (
                frozenset() if called.manner is Manner.CONCURRENT else self._held_at(caller, called)
            )
            if own is not None:
                found = own if found is None else found & own
        return found

    def _held_at(self, caller: str, called: Called) -> frozenset[str] | None:
        if not _is_of_self(called):
            return frozenset(
                held.lock.identity for held in called.held if held.lock.exactness is Exactness.ONE
            )
        own = _own(called)
        if caller not in self._held:
            return own
        before = self._held[caller]
        return None if before is None else own | before


def is_private(function: Function) -> bool:
    """Return whether a function is meant for its own class or module, by its name."""
    return function.name.startswith("_") and not function.name.endswith("__")


def _is_of_self(called: Called) -> bool:
    """Return whether a call is of a method of the caller's own object."""
    path = called.receiver if called.call is None else called.call.callee
    return path is not None and path.root is Root.SELF and len(path.fields) <= 1


def print_data(data: Mapping[DataKey, tuple[DataAccess, ...]]) -> str:
    """Return the accesses as text: what `locklint debug accesses` shows."""
    blocks: list[str] = []
    for key, accesses in data.items():
        lines = [f"data {key}"]
        for one in accesses:
            held = ", ".join(sorted(one.held)) or "nothing"
            when = ", before it is shared" if one.builds else ""
            lines.append(
                f"  {one.span}  {one.how.value} in {one.function.qualname} holding {held}{when}"
            )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
