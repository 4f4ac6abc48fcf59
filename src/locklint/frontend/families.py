"""Classes that a value may be of of which little is known: by a method, or by a base outside."""

from __future__ import annotations

from collections import defaultdict
from functools import cache, cached_property

from locklint.frontend.project import Project
from locklint.frontend.value_types import ClassRef

_MOST = 6
"""The largest number of classes that define a method by a name that is believed."""


@cache
def _names_of_libraries() -> frozenset[str]:
    """Return names of methods that say nothing about the class of their object."""
    import io
    import queue
    import socket
    import threading
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor
    from logging import Handler, Logger

    containers = (dict, list, set, str, bytes, deque, queue.Queue)
    files = (io.TextIOWrapper, io.BytesIO, socket.socket)
    threads = (threading.Thread, threading.Condition, threading.Event, Future, ThreadPoolExecutor)
    classes = (*containers, *files, *threads, Logger, Handler)
    return frozenset(name for cls in classes for name in dir(cls))


class Families:
    """The classes that define a method of a name, if they all derive from one of them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, tuple[ClassRef, ...]] = {}

    def of(self, name: str) -> tuple[ClassRef, ...]:
        """Return the classes, or nothing if unrelated ones, or a library, have such a method."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._find(name)
        return known

    def _find(self, name: str) -> tuple[ClassRef, ...]:
        classes = self._by_name.get(name, ())
        if name in _names_of_libraries() or len(classes) > _MOST:
            return ()
        mro = self._project.mro
        has_root = any(all(root in mro(each) for each in classes) for root in classes)
        return tuple(classes) if has_root else ()

    def derived_from(self, dotted: str) -> tuple[ClassRef, ...]:
        """Return the classes of the project that descend from one outside it, if few do."""
        found = self._by_ancestor.get(dotted, ())
        return tuple(found) if len(found) <= _MOST else ()

    @cached_property
    def _by_ancestor(self) -> dict[str, list[ClassRef]]:
        found: defaultdict[str, list[ClassRef]] = defaultdict(list)
        for index in self._project.searched:
            for qualname in index.classes:
                cls = ClassRef(index.path, qualname, index)
                for ancestor in self._project.mro(cls):
                    if isinstance(ancestor, str):
                        found[ancestor].append(cls)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[ClassRef]]:
        found: defaultdict[str, list[ClassRef]] = defaultdict(list)
        for index in self._project.searched:
            for qualname, decl in index.classes.items():
                for name in decl.methods:
                    found[name].append(ClassRef(index.path, qualname, index))
        return found
