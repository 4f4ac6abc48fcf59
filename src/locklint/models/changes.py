"""Tables of methods that change the container whose methods they are.

Facts are those of CPython 3.11 to 3.13. Queues, deques, events and `threading.local` are left out:
their methods need no lock.
"""

from __future__ import annotations

_LIST = frozenset("append clear extend insert pop remove reverse sort".split())
_SET = frozenset(
    "add clear difference_update discard intersection_update pop remove"
    " symmetric_difference_update update".split()
)
_DICT = frozenset("clear move_to_end pop popitem setdefault subtract update".split())

_CHANGES = {
    "builtins.list": _LIST,
    "builtins.set": _SET,
    "builtins.dict": _DICT,
    "builtins.bytearray": _LIST - {"sort"},
    "collections.OrderedDict": _DICT,
    "collections.defaultdict": _DICT,
    "collections.Counter": _DICT,
}


def changes_container(dotted: str) -> bool:
    """Return whether a method, by its absolute name, changes the container that it belongs to."""
    owner, _, method = dotted.rpartition(".")
    return method in _CHANGES.get(owner, ())
