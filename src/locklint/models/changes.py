"""Tables of methods that change the container whose methods they are, and of what never changes.

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

_CONSTANT = frozenset(
    (
        *(
            f"builtins.{name}"
            for name in "bool bytes complex float frozenset int str tuple".split()
        ),
        *(f"datetime.{name}" for name in "date datetime time timedelta timezone".split()),
        *(f"ipaddress.{name}" for name in "ip_address ip_interface ip_network".split()),
        *(f"pathlib.{name}" for name in "Path PosixPath PurePath PurePosixPath".split()),
        "decimal.Decimal",
        "fractions.Fraction",
        "re.compile",
        "types.MappingProxyType",
        "uuid.UUID",
    )
)


def makes_constant(dotted: str) -> bool:
    """Return whether a call, by its absolute name, gives a value that nothing changes."""
    return dotted in _CONSTANT


def changes_container(dotted: str) -> bool:
    """Return whether a method, by its absolute name, changes the container that it belongs to."""
    owner, _, method = dotted.rpartition(".")
    return method in _CHANGES.get(owner, ())


def is_container(dotted: str) -> bool:
    """Return whether a class, by its absolute name, is one whose methods are known here."""
    return dotted in _CHANGES
