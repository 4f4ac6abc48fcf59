"""Tables of what calls outside the program do with an iterator that they are given.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

from collections.abc import Sequence

from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import AccessPath
from locklint.models.calls import runs_at_once


class Taking(IdentityEnum):
    """Ways to take the items of an iterator."""

    ALL = "all"  # before the call returns, or until its `with` ends, which closes the iterator
    SOME = "some"  # before the call returns
    LATER = "later"  # the result is an iterator over it
    UNKNOWN = "unknown"


_CLOSING = frozenset(("closing", "aclosing"))
_SOME = frozenset(
    f"builtins.{name}" for name in ("next", "anext", "all", "any", "isinstance", "print")
)
_LATER = frozenset(
    f"builtins.{name}"
    for name in ("iter", "aiter", "enumerate", "map", "filter", "reversed", "zip")
) | {"heapq.merge"}
CALLING = frozenset(("builtins.filter", "builtins.map", "itertools.starmap"))
"""Functions that give an iterator which calls their first argument for each item."""

_TAKES_FIRST = frozenset(("builtins.all", "builtins.any", "builtins.next"))
_ALL = frozenset("array.array math.fsum math.prod statistics.fmean statistics.mean".split())
_KEEPING = frozenset(
    f"{container}.{method}"
    for container in ("builtins.list", "builtins.set", "builtins.dict", "collections.deque")
    for method in ("add", "append", "appendleft", "get", "insert", "pop", "setdefault")
)
"""The methods of containers that keep, or look for, what they are given."""
_METHODS = frozenset(
    ("extend", "extendleft", "update", "join", "writelines", "writerows", "executemany")
)


def closes(external: str | None) -> bool:
    """Return whether a call gives a context manager that closes what the call is given."""
    return external is not None and external.rpartition(".")[2] in _CLOSING


_ENDLESS = frozenset(("itertools.count", "itertools.cycle"))
_OVER_FIRST = frozenset(("builtins.aiter", "builtins.enumerate", "builtins.iter"))


def never_ends(external: str, arguments: Sequence[bool]) -> bool:
    """Return whether a call outside the program gives an iterator without an end.

    ``arguments`` says for each positional argument whether it has no end itself. `cycle` is assumed
    to get something.
    """
    if external in _ENDLESS:
        return True
    if external == "itertools.repeat":
        return len(arguments) == 1
    if external in _OVER_FIRST:  # `iter(read, b"")` ends with that value.
        return bool(arguments) and arguments[0]
    if external == "builtins.map":
        return len(arguments) > 1 and all(arguments[1:])
    return external == "builtins.zip" and bool(arguments) and all(arguments)


def taking(external: str | None, callee: AccessPath | None) -> Taking:
    """Return what a call does with an iterator among its arguments, as far as it is known.

    A method of an unknown object is known by its name.
    """
    name = callee.name if callee is not None else ""
    if external is None:
        is_method = callee is not None and bool(callee.fields)
        return Taking.ALL if is_method and name in _METHODS else Taking.UNKNOWN
    if external in _LATER or external.startswith("itertools."):
        return Taking.LATER
    if external in _SOME:
        return Taking.SOME
    if external in _KEEPING:
        return Taking.UNKNOWN
    if closes(external):
        return Taking.ALL
    if external in _ALL or (name in _METHODS and callee is not None and callee.fields):
        return Taking.ALL
    if runs_at_once(external) or external.startswith("builtins."):
        return Taking.ALL
    return Taking.UNKNOWN


def takes_at_once(external: str | None, callee: AccessPath | None) -> bool:
    """Return whether a call certainly takes an item of an iterator that it is given."""
    if external is None:
        return taking(external, callee) is Taking.ALL
    is_method = callee is not None and bool(callee.fields) and callee.name in _METHODS
    return is_method or external in _TAKES_FIRST or external in _ALL or runs_at_once(external)
