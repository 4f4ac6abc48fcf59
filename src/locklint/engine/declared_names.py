"""Names that settings and comments declare something about, and that nothing in the code has.

A misspelt name has no effect, so that what it was meant to declare is missing without a word. In
the settings it is an error of the settings, in a comment a finding.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from locklint.engine.did_you_mean import closest
from locklint.engine.lock_places import LockPlaces
from locklint.engine.report import UnknownName

if TYPE_CHECKING:
    from locklint.analysis.declared_order import DeclaredOrder, OddOrder
    from locklint.core.config import Config
    from locklint.frontend.project import Found, Project
    from locklint.index.declarations import ModuleIndex

MOST_NAMES = 5
"""How many names a message offers where none looks like the misspelt one."""


class Analysed:
    """The part of a project that a run over some paths has seen.

    ``folder`` is that of the project's settings; imports start from it, from its ``src``, and from
    ``source_roots``.
    """

    def __init__(
        self, paths: Iterable[str], folder: str | None, source_roots: Iterable[str] = ()
    ) -> None:
        self._folders = [os.path.realpath(path) for path in paths if os.path.isdir(path)]
        root = os.path.realpath(folder or os.curdir)
        self.is_whole = self._holds(root)
        self._roots = {root, os.path.join(root, "src"), *map(os.path.realpath, source_roots)}

    def is_certain(self, name: str, project: Project) -> bool:
        """Return whether the run would have seen the owner of a dotted name.

        That is so if it has seen everything, or the whole package that the name begins with. A
        package elsewhere in the project may have a namesake in a part that was not analysed.
        """
        return self.is_whole or any(
            self._holds(path) and os.path.dirname(path) in self._roots
            for path in _tops(name, project)
        )

    def _holds(self, path: str) -> bool:
        return any(
            path == each or path.startswith(os.path.join(each, "")) for each in self._folders
        )


def _tops(name: str, project: Project) -> Iterator[str]:
    """The files or folders of the modules by a name's first part."""
    first = name.partition(".")[0]
    for index in project.modules():
        if index.module.partition(".")[0] == first:
            path = os.path.realpath(index.path)
            for _ in range(index.module.count(".") + index.is_package):
                path = os.path.dirname(path)
            yield path


def unknown_locks(
    orders: Iterable[DeclaredOrder], locks: Collection[str], indexes: Iterable[ModuleIndex]
) -> Iterator[tuple[DeclaredOrder, str, str]]:
    """The names in declared orders that no lock has: the order, the name, and a message.

    ``locks`` are the names of the locks in use. What is bound to a name may be a lock without use.
    """
    places = LockPlaces(indexes)
    seen: set[tuple[str, str]] = set()
    for order in orders:
        for name in (order.first, order.second):
            if (order.module, name) in seen:
                continue
            seen.add((order.module, name))
            if any(order.names(name, lock) for lock in locks) or places.binds(name, order.module):
                continue
            inside = f"{order.module}." if order.module else ""
            known = [each.removeprefix(inside) for each in sorted(locks) if each.startswith(inside)]
            where = "no lock of this module" if order.module else "no lock"
            yield order, name, f"{where} is named `{name}`" + _offer(name, _ends(known, name))


def unknown_in_settings(
    config: Config,
    project: Project,
    analysed: Analysed,
    unknown: Iterable[tuple[DeclaredOrder, str, str]],
) -> list[UnknownName]:
    """The unknown names of the settings; ``unknown`` are those of the order of locks."""
    found = [
        UnknownName("lock-order", name, message, analysed.is_certain(name, project))
        for order, name, message in unknown
        if not order.path and not _is_standard(name)
    ]
    for setting, names in (
        ("lock-types", config.lock_types),
        ("immediate-callers", config.immediate_callers),
    ):
        for name in names:
            if _is_missing(name, project):
                message = f"there is no `{name}`" + _offer(name, _callables(project))
                certain = analysed.is_certain(name, project)
                found.append(UnknownName(setting, name, message, certain))
    return found


def odd_orders(
    odd: Iterable[OddOrder], unknown: Iterable[tuple[DeclaredOrder, str, str]]
) -> tuple[OddOrder, ...]:
    """The comments that declare no order: those written badly, and those with unknown names."""
    from locklint.analysis.declared_order import OddOrder

    found = list(odd)
    for order, _, message in unknown:
        if order.span is not None:
            found.append(OddOrder(order.path, order.span, f"the order has no effect: {message}"))
    return tuple(found)


def _is_missing(name: str, project: Project) -> bool:
    """Whether the project surely has nothing of a dotted name that would be its own."""
    if _is_standard(name) or not any(_tops(name, project)):
        return False
    found = project.resolve(name)
    if found is not None:
        return not found.name or not _has_rest(found, project)
    if project.external_name(name) != name:
        return False
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        index = project.module(".".join(parts[:length]))
        if index is not None:
            # What makes names at run time may make this one.
            return not index.star_imports and "__getattr__" not in index.functions
    return True


def _is_standard(name: str) -> bool:
    """Return whether a name begins like those of Python's own library, which is not analysed."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _has_rest(found: Found, project: Project) -> bool:
    if not found.rest:
        return True
    if found.cls is None:
        return True  # An attribute of an object: it may have any.
    for ancestor in project.mro(found.cls):
        if isinstance(ancestor, str):
            if ancestor not in ("object", "builtins.object"):
                return True
        elif found.rest[0] in ancestor.decl.methods or found.rest[0] in ancestor.decl.attributes:
            return True
    return False


def _callables(project: Project) -> list[str]:
    """The dotted names of the classes and functions of the project."""
    return [
        f"{index.module}.{qualname}"
        for index in project.modules()
        for qualname in (*index.classes, *index.functions)
        if "<" not in qualname
    ]


def _ends(names: Iterable[str], like: str) -> list[str]:
    """The names, cut to the ends that have as many parts as the one that is meant."""
    count = like.count(".") + 1
    return list(dict.fromkeys(".".join(name.split(".")[-count:]) for name in names))


def _offer(name: str, candidates: Sequence[str]) -> str:
    """What to write instead: the name that looks most like it, else some of those that exist."""
    match = closest(name, candidates)
    if match:
        return f" (did you mean `{match}`?)"
    if not candidates:
        return ""
    shown = ", ".join(f"`{each}`" for each in candidates[:MOST_NAMES])
    more = len(candidates) - MOST_NAMES
    return f"; there are {shown}" + (f" and {more} more" if more > 0 else "")
