"""Facts about the objects on which the methods of a chain of calls run.

These are their classes, since one object has to run each method that is called on it, and their
ages, since a path that leads only to older objects never returns.
"""

from __future__ import annotations

import msgspec

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Held
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.hierarchy import Classes, Field, Fields, Hierarchy, Holder, both
from locklint.ir.lock import Exactness, LockRef


class Kin(msgspec.Struct, frozen=True):
    """A caller's facts about the object on which it calls a method.

    The caller's own object has to be of one of ``classes``. ``others`` are those of the receiver
    where it is another one, ``step`` is how much older it is than the caller's own object,
    ``field`` the attribute that it was made for.
    """

    classes: Classes | None = None
    others: Classes | None = None
    step: int | None = None
    field: Field | None = None


class Receivers:
    """The receivers in the calls and critical pairs of a program."""

    def __init__(self, graph: CallGraph, hierarchy: Hierarchy, fields: Fields) -> None:
        self._graph = graph
        self._hierarchy = hierarchy
        self._fields = fields
        self._families = {
            key.replace(":", ".", 1): classes for key, classes in hierarchy.descendants.items()
        }
        self._kin: dict[tuple[Edge, Classes | None], Kin | None] = {}

    def kin(self, called: Edge, pair: CriticalPair) -> Kin | None:
        """Return what a callee's pair says about its object, or None if there is no such object."""
        key = (called, pair.classes)
        if key not in self._kin:
            self._kin[key] = self._find_kin(called, pair.classes)
        return self._kin[key]

    def _find_kin(self, called: Edge, needed: Classes | None) -> Kin | None:
        own = self._graph.function(called.callee).self_name
        if own is None:
            return Kin()
        runners = self._hierarchy.runners
        if called.dispatched:
            owners = self._hierarchy.owners.get(called.callee)
            needed = both(needed, owners or runners.get(called.callee))
        receiver = called.binding.roots.get(own)
        if receiver is not None and receiver.root is Root.SELF and receiver.is_variable:
            here = runners.get(called.caller)
            allowed = both(needed, here)
            if allowed is not None and not allowed:
                return None
            # Facts about all classes that run the caller need not be repeated.
            return Kin(None if allowed == here else allowed, None, 0)
        possible = self._hierarchy.instances_of(called.receiver_classes)
        if possible is not None:
            possible = possible.difference(called.excluded_classes)
        allowed = both(needed, possible)
        if allowed is not None and not allowed:
            return None
        step = None if receiver is None else self._age(called.caller, receiver)
        field = None if receiver is None else self._field(called.caller, receiver)
        return Kin(None, allowed, step, field)

    def holder(self, pair: CriticalPair, lock: LockRef, known: Holder | None) -> Holder:
        """Return the facts about the object whose attribute a pair's lock is.

        ``known`` is what a callee knows.
        """
        if self.is_own(pair, lock):
            return Holder(both(pair.classes, self._hierarchy.runners.get(pair.function)), 0)
        if known is not None:
            return known
        if not lock.path.fields:
            return Holder()
        parent = lock.path.parent()
        return Holder(None, self._age(pair.function, parent), self._field(pair.function, parent))

    def have_one_object(
        self, pair: CriticalPair, held: Held, other: CriticalPair, asked: LockRef
    ) -> bool:
        """Return whether a lock that a pair holds may be the one that another pair acquires.

        Their objects may be of classes that have none in common.
        """
        if asked.exactness is Exactness.ONE:
            return True
        holder = self.holder(pair, held.lock, held.holder)
        return not holder.is_other_than(self.holder(other, asked, other.event.holder))

    def is_object_of(self, pair: CriticalPair, held: Held, function: Function) -> bool:
        """Return whether a lock that a pair holds may be that of the object of a method."""
        if held.lock.exactness is Exactness.ONE:
            return True
        holder = self.holder(pair, held.lock, held.holder)
        return not holder.is_other_than(Holder(self._hierarchy.runners.get(function.key)))

    def told(self, kin: Kin, pair: CriticalPair, lock: LockRef, known: Holder | None) -> Holder:
        """Return the same facts as seen from the caller whose call ``kin`` describes."""
        here = self.holder(pair, lock, known)
        age = None if here.age is None or kin.step is None else here.age + kin.step
        classes, field = (
            (kin.others, kin.field) if self.is_own(pair, lock) else (here.classes, here.field)
        )
        # Classes that all objects with the lock have need not be named.
        family = self._families.get(lock.identity.rpartition(".")[0])
        return Holder(None if classes == family else classes, age, field)

    def is_own(self, pair: CriticalPair, lock: LockRef) -> bool:
        """Return whether a lock belongs to the function's own object.

        An attribute of the object may refer to a lock that is named after the class of another.
        """
        if lock.path.root is not Root.SELF or len(lock.path.fields) != 1:
            return False
        family = self._families.get(lock.identity.rpartition(".")[0])
        return family is None or self._graph.function(pair.function).class_key in family

    def _age(self, function: str, path: AccessPath) -> int | None:
        """Return how many steps to an older object a path is from the function's own object."""
        if path.root is not Root.SELF or len(path.fields) > 1:
            return None
        if path.is_variable:
            return 0
        key = self._graph.function(function).class_key
        return 1 if (key, path.name) in self._fields.older else None

    def _field(self, function: str, path: AccessPath) -> Field | None:
        """Return the attribute for which the object at the end of a path was made."""
        if path.root is not Root.SELF or len(path.fields) != 1:
            return None
        field = (self._graph.function(function).class_key or "", path.name)
        return field if field in self._fields.own else None
