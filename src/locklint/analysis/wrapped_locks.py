"""Locks inside of classes that are nothing but locks.

A class that only passes `acquire` and `release` on to a lock of its own has as many locks as it has
instances, and they have nothing to do with each other. So such a lock is not called after its
class, but after the attribute or variable that holds the instance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from locklint.analysis.events import LockStates
from locklint.analysis.summary import Summary
from locklint.ir.access_path import TAKEN_FROM, Root, parted_global
from locklint.ir.cfg import Function, split_key
from locklint.ir.lock import Exactness, LockRef, LockRole


def wrapped_locks(
    states: Mapping[str, LockStates], summaries: Mapping[str, Summary]
) -> frozenset[str]:
    """Return the identities of the locks that a class exists to acquire and release for others.

    A method that acquires the lock and releases it itself shows that the class guards something.
    Not so for a condition that others acquire by it: that is a reader-writer lock, a gate, a
    semaphore, and what it guards is its own counters. A class with several locks is left out, for
    its instances could not give a name to each, and so is one that begins and finishes more than
    that: a method of it acquires another lock while it holds the first.
    """
    passed_on: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    conditions: set[str] = set()
    begun: set[str] = set()
    for key, one in states.items():
        function = one.function
        if function.class_name is None:
            continue
        begun.update(
            held.lock.identity
            for taken in one.taken
            for held in taken.held
            if _is_own(held.lock) and taken.lock.identity != held.lock.identity
        )
        summary = summaries.get(key)
        net = set()
        if summary is not None:
            net = {e.lock.identity for e in summary.effects if e.normal != 0}
            net |= {e.lock.identity for e in summary.context_effects}
        for lock in one.locks.values():
            if not _is_own(lock):
                continue
            if lock.api.role is LockRole.CONDITION:
                conditions.add(lock.identity)
            if lock.identity in net:
                is_private = function.name.startswith("_") and not function.name.endswith("__")
                passed_on[lock.identity] += not is_private
            else:
                kept[lock.identity] += 1
    several = Counter(identity.rpartition(".")[0] for identity in {*passed_on, *kept})
    return frozenset(
        identity
        for identity, count in passed_on.items()
        if identity not in begun
        and count >= max(kept[identity], 1)
        and (identity in conditions or not kept[identity])
        and several[identity.rpartition(".")[0]] == 1
    )


def _is_own(lock: LockRef) -> bool:
    if lock.exactness is Exactness.ONE:
        return False  # All instances have the same one.
    return lock.path.root is Root.SELF and len(lock.path.fields) == 1


def named_by_holder(lock: LockRef, function: Function, wrapped: frozenset[str]) -> LockRef:
    """The lock with a name made from its path in a function, if it is one of the wrapped ones."""
    if lock.identity not in wrapped or not lock.path.fields:
        return lock
    holder = lock.path.parent()
    module = split_key(function.key)[0]
    plain = holder.is_plain and TAKEN_FROM not in holder.fields
    if plain and holder.root is Root.SELF and holder.fields and function.class_name:
        name = ".".join((module, function.class_name, *map(str, holder.fields)))
        return msgspec.structs.replace(lock, identity=name, exactness=Exactness.PER_INSTANCE)
    if plain and holder.root is Root.GLOBAL:
        own = (part for part in parted_global(holder.root_name) if part is not None)
        name = ".".join((module, *own, *map(str, holder.fields)))
        exactness = Exactness.PER_INSTANCE if holder.fields else Exactness.ONE
        return msgspec.structs.replace(lock, identity=name, exactness=exactness)
    return msgspec.structs.replace(lock, exactness=Exactness.UNKNOWN)
