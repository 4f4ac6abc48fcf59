"""Declarations of the files of a project, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from locklint.index.declarations import ModuleIndex

_Item = TypeVar("_Item")


class NameTable(Generic[_Item]):
    """The declarations of the files of a project under each name, by module and path.

    The table is made when it is first needed; files that are read later are added then. Under most
    names there are the declarations of one file, in whose order they stay.
    """

    def __init__(
        self,
        items: Callable[[ModuleIndex], Iterable[tuple[str, _Item]]],
        modules: Callable[[], Iterable[ModuleIndex]],
    ) -> None:
        """``items`` gives what a file has; ``modules`` all files, in order, when it is made."""
        self._items = items
        self._modules = modules
        self._found: dict[str, list[tuple[ModuleIndex, tuple[_Item, ...]]]] | None = None
        self._sorted: dict[str, tuple[_Item, ...]] = {}
        self._unordered: set[str] = set()

    def clear(self) -> None:
        """Drop everything; it is computed again when it is needed."""
        self._found = None
        self._sorted.clear()
        self._unordered.clear()

    def add(self, index: ModuleIndex) -> None:
        """Add the declarations of a file, unless the table has not been needed yet."""
        if self._found is None:
            return
        own: dict[str, list[_Item]] = {}
        for name, item in self._items(index):
            items = own.get(name)
            if items is None:
                own[name] = [item]
            else:
                items.append(item)
        found = self._found
        for name, items in own.items():
            files = found.get(name)
            if files is None:
                found[name] = [(index, tuple(items))]
            else:
                files.append((index, tuple(items)))
                self._unordered.add(name)
                self._sorted.pop(name, None)

    def named(self, name: str) -> tuple[_Item, ...]:
        """Everything under a name, in the order of modules and paths."""
        known = self._sorted.get(name)
        if known is not None:
            return known
        files = self.files(name)
        if not files:
            return ()
        if len(files) == 1:
            return files[0][1]
        known = self._sorted[name] = tuple([item for _, items in files for item in items])
        return known

    def files(self, name: str) -> list[tuple[ModuleIndex, tuple[_Item, ...]]]:
        """Return the files that have something under a name, in order, each with all of it."""
        if self._found is None:
            self._found = {}
            for index in self._modules():
                self.add(index)
        files = self._found.get(name)
        if files is None:
            return []
        if name in self._unordered:
            self._unordered.discard(name)
            files.sort(key=_place)
        return files


def _place(file: tuple[ModuleIndex, object]) -> tuple[str, str]:
    return file[0].module, file[0].path
