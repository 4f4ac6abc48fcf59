"""Declarations of the files of a project, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from locklint.index.declarations import ModuleIndex

_Item = TypeVar("_Item")


class NameTable(Generic[_Item]):
    """The declarations of the files of a project under each name, in the order of the files.

    The table is made when it is first needed. What a file has stays in its order. Most names have
    one declaration, and there are hundreds of thousands: each file's are one tuple, with the file
    in front of them.
    """

    def __init__(
        self,
        items: Callable[[ModuleIndex], Iterable[tuple[str, _Item]]],
        modules: Sequence[ModuleIndex],
    ) -> None:
        """``items`` gives what a file has; ``modules`` are all files, in order."""
        self._items = items
        self._modules = modules
        self._found: dict[str, tuple[Any, ...] | list[tuple[Any, ...]]] | None = None
        self._joined: dict[str, tuple[_Item, ...]] = {}

    def named(self, name: str) -> tuple[_Item, ...]:
        """Everything under a name, in the order of modules and paths."""
        known = self._joined.get(name)
        if known is None:
            known = tuple([item for file in self._files(name) for item in file[1:]])
            if known:
                self._joined[name] = known
        return known

    def files(self, name: str) -> Iterator[tuple[ModuleIndex, tuple[_Item, ...]]]:
        """Yield the files that have something under a name, in order, each with all of it."""
        for file in self._files(name):
            yield file[0], file[1:]

    def number_of_files(self, name: str) -> int:
        """Return the number of files that have something under a name."""
        files = self._table().get(name, ())
        return len(files) if isinstance(files, list) else min(len(files), 1)

    def _files(self, name: str) -> tuple[tuple[Any, ...], ...] | list[tuple[Any, ...]]:
        files = self._table().get(name)
        if files is None:
            return ()
        if isinstance(files, tuple):
            return (files,)
        return files

    def _table(self) -> dict[str, tuple[Any, ...] | list[tuple[Any, ...]]]:
        if self._found is None:
            self._found = {}
            for index in self._modules:
                self._add(index, self._found)
        return self._found

    def _add(
        self, index: ModuleIndex, found: dict[str, tuple[Any, ...] | list[tuple[Any, ...]]]
    ) -> None:
        own: dict[str, list[Any]] = {}
        for name, item in self._items(index):
            items = own.get(name)
            if items is None:
                own[name] = [index, item]
            else:
                items.append(item)
        for name, items in own.items():
            files = found.get(name)
            if files is None:
                found[name] = tuple(items)
            elif isinstance(files, tuple):
                found[name] = [files, tuple(items)]
            else:
                files.append(tuple(items))
