"""Possible classes of an object that runs certain methods.

`self.on_stop()` in a base class runs an override only if the object is of that subclass. Along a
chain of calls the knowledge about one object adds up: it runs this method, and that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from locklint.ir.lock import LockRef

Classes = frozenset[str]
"""Classes by their keys, of one of which an object is."""


class Hierarchy(msgspec.Struct, frozen=True):
    """The classes of a program, as far as methods that matter are called on them.

    ``descendants`` gives a class, by its key, with all classes that descend from it, ``runners`` of
    a method, by its key, those whose instances run it, themselves or by ``super()``. ``owners`` are
    those of several that run it if it is called on them. What is not in them is not known.
    """

    descendants: Mapping[str, Classes] = msgspec.field(default_factory=dict)
    runners: Mapping[str, Classes] = msgspec.field(default_factory=dict)
    owners: Mapping[str, Classes] = msgspec.field(default_factory=dict)

    def instances_of(self, classes: Iterable[str]) -> Classes | None:
        """Return the classes of which instances of some classes may be; None: not known."""
        found: set[str] = set()
        for cls in classes:
            known = self.descendants.get(cls)
            if known is None:
                return None
            found |= known
        return frozenset(found) if found else None


Field = tuple[str, str]
"""An attribute: the key of a class, and the name."""


class Fields(msgspec.Struct, frozen=True):
    """Attributes, and calls of classes, of which it is known how old the object is.

    ``older`` attributes lead to an object that was made before their own. ``own`` ones lead to an
    object that their class makes for them, so that two of them never lead to the same one. Classes
    in ``new``, by their keys, give a new object on each call. ``given`` are the locks that the
    object was given which the class makes for an attribute, by its own attributes; each is named
    as the methods of the class name it.
    """

    older: frozenset[Field] = frozenset()
    own: frozenset[Field] = frozenset()
    new: frozenset[str] = frozenset()
    given: Mapping[Field, Mapping[str, LockRef]] = msgspec.field(default_factory=dict)


class LogHandlers(msgspec.Struct, frozen=True):
    """The functions that `logging` calls with the lock of a handler held, by their keys.

    ``own_lock`` are those of handlers that put a lock of their own in the place of that one. Of
    ``attached`` ones it is known which loggers have them, so that only calls of these run them.
    """

    functions: frozenset[str] = frozenset()
    own_lock: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()


class Holder(msgspec.Struct, frozen=True):
    """Facts about the object whose attribute a lock is.

    It is an instance of one of ``classes``. ``age`` is how many steps to an older object lead to it
    from the object on which the function at hand runs; None: not known. ``field`` is the attribute
    that it was made for, if that is known.
    """

    classes: Classes | None = None
    age: int | None = None
    field: Field | None = None

    def is_other_than(self, other: Holder) -> bool:
        """Return whether the two are certainly not one object."""
        if self.field is not None and other.field is not None and self.field != other.field:
            return True
        same = both(self.classes, other.classes)
        return same is not None and not same


def both(one: Classes | None, other: Classes | None) -> Classes | None:
    """Return the classes in both sets, where None means all classes."""
    if one is None or other is None:
        return one if other is None else other
    return one & other


__all__ = ["Classes", "Field", "Fields", "Hierarchy", "Holder", "both"]
