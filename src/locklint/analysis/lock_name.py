"""Names of locks across the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from locklint.ir.access_path import ElementField
from locklint.ir.lock import Exactness, LockRef, of_known_element


def lock_name(lock: LockRef) -> str:
    """Return the class-equal name: elements are distinguished only by literal keys."""
    if lock.exactness is Exactness.ELEMENT:
        last = lock.path.last
        # A number that counts from the end may mean the same element as another number.
        if isinstance(last, ElementField) and last.literal and not last.literal.startswith("-"):
            return of_known_element(lock.identity, last)
    return lock.identity


def short_names(names: Iterable[str], modules: Collection[str]) -> dict[str, str]:
    """Return the short form of each lock name: ``Ticker._lock`` for ``app.ticker.Ticker._lock``.

    The lock of a module keeps the last part of the module's name, and names that would be equal
    keep as many parts as distinguish them. ``modules`` are the modules of the program.
    """
    forms = {name: _forms(name, modules) for name in names}
    while True:
        counts = Counter(options[0] for options in forms.values())
        alike = [options for options in forms.values() if counts[options[0]] > 1]
        longer = [options for options in alike if len(options) > 1]
        if not longer:
            return {name: options[0] for name, options in forms.items()}
        for options in longer:
            del options[0]


def module_of(name: str, modules: Collection[str]) -> str:
    """Return the module of a lock: of ``modules`` if it is one of theirs, else by its shape."""
    parts = _dotted(name).split(".")
    return ".".join(parts[: _module_length(parts, modules) or 1])


def _forms(name: str, modules: Collection[str]) -> list[str]:
    """The forms of a name, from the shortest to the whole."""
    dotted = _dotted(name)
    parts, rest = dotted.split("."), name.removeprefix(dotted)
    first = min(_module_length(parts, modules), max(len(parts) - 2, 0))
    return [f"{'.'.join(parts[at:])}{rest}" for at in range(first, -1, -1)]


def _dotted(name: str) -> str:
    """Return the name without the key of an element, and without its object."""
    return name.partition("[")[0].partition(" of ")[0]


def _module_length(parts: Sequence[str], modules: Collection[str]) -> int:
    """Return how many parts of a dotted name are the module's."""
    for length in range(len(parts) - 1, 0, -1):
        if ".".join(parts[:length]) in modules:
            return length
    return max(len(parts) - (3 if parts[-2:-1] == ["<locals>"] else 2), 0)
