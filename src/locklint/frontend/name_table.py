"""Declarations of the files of a project, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from locklint.index.declarations import ModuleIndex

_Item = TypeVar("_Item")


class NameTable(Generic[_Item]):
    """The declarations of the files of a project under each name, by module and path.

    The table is made when it is first needed; files that are read later are added then.
    """

    def __init__(
        self,
        items: Callable[[ModuleIndex], Iterable[tuple[str, _Item]]],
        modules: Callable[[], Iterable[ModuleIndex]],
    ) -> None:
        """``items`` gives what a file has; ``modules`` all files, in order, when it is made."""
        self._items = items
        self._modules = modules
        self._found: dict[str, list[tuple[tuple[str, str], _Item]]] | None = None
        self._sorted: dict[str, tuple[_Item, ...]] = {}

    def clear(self) -> None:
        """Drop everything; it is computed again when it is needed."""
        self._found = None
        self._sorted.clear()

    def add(self, index: ModuleIndex) -> None:
        """Add the declarations of a file, unless the table has not been needed yet."""
        if self._found is None:
            return
        place = (index.module, index.path)
        for name, item in self._items(index):
            self._found.setdefault(name, []).append((place, item))
            self._sorted.pop(name, None)

    def named(self, name: str) -> tuple[_Item, ...]:
        """Everything under a name, in the order of modules and paths."""
        known = self._sorted.get(name)
        if known is not None:
            return known
        if self._found is None:
            self._found = {}
            for index in self._modules():
                self.add(index)
        found = sorted(self._found.get(name, ()), key=lambda pair: pair[0])
        known = self._sorted[name] = tuple([item for _, item in found])
        return known
