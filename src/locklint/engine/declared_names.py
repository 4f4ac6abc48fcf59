"""Names that settings and comments declare something about, and that nothing in the code has.

A misspelt name has no effect, so that its declaration is missing silently. In the settings it is an
error of the settings, in a comment a finding.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.engine.did_you_mean import closest, did_you_mean, is_slip
from locklint.engine.lock_places import LockPlaces
from locklint.engine.report import UnknownName

if TYPE_CHECKING:
    from locklint.analysis.declared_order import DeclaredOrder, OddOrder
    from locklint.core.config import Config
    from locklint.frontend.project import Found, Project
    from locklint.index.declarations import ModuleIndex

MOST_NAMES = 5
"""The largest number of names that a message offers if none looks like the misspelt one."""


class Analysed:
    """The part of a project that a run over some paths has seen.

    ``folder`` is that of the project's settings; imports start from it, from its ``src``, and from
    ``source_roots``. ``has_gaps`` says that some file in that part could not be analysed.
    """

    def __init__(
        self, paths: Iterable[str], folder: str | None, source_roots: Iterable[str] = ()
    ) -> None:
        self._has_gaps = False
        self._folders = [os.path.realpath(path) for path in paths if os.path.isdir(path)]
        root = os.path.realpath(folder or os.curdir)
        self.is_whole = self._holds(root)
        self._roots = {root, os.path.join(root, "src"), *map(os.path.realpath, source_roots)}

    @property
    def has_all(self) -> bool:
        """Return whether every file of the project was analysed."""
        return self.is_whole and not self._has_gaps

    def with_gaps(self) -> Analysed:
        """Return the same part, where some file in it could not be analysed."""
        found = copy.copy(self)
        found._has_gaps = True
        return found

    def confidence(self, name: str, project: Project) -> Confidence:
        """Return how sure it is that no file has a dotted name that no analysed one has.

        That is certain if everything was analysed, or the whole package that the name begins with,
        or its module. A class may get an attribute elsewhere. A package elsewhere in the project
        may have a namesake in a part that was not analysed.
        """
        tops = () if self._has_gaps else _tops(name, project)
        if self.has_all or any(self._holds(top) and self._is_at_root(top) for top in tops):
            return Confidence.HIGH
        index = _module_of(name, project)
        if (
            index is None
            or index.is_package
            or _makes_names(index)
            or not self._is_at_root(_top(index))
        ):
            return Confidence.LOW
        first, _, rest = name.removeprefix(f"{index.module}.").partition(".")
        if first in index.classes:
            return Confidence.MEDIUM
        return Confidence.LOW if first in index.bindings and not rest else Confidence.HIGH

    def _is_at_root(self, path: str) -> bool:
        return os.path.dirname(path) in self._roots

    def _holds(self, path: str) -> bool:
        return any(
            path == each or path.startswith(os.path.join(each, "")) for each in self._folders
        )


def _tops(name: str, project: Project) -> Iterator[str]:
    """The files or folders of the modules by a name's first part."""
    first = name.partition(".")[0]
    for index in project.modules():
        if index.module.partition(".")[0] == first:
            yield _top(index)


def _top(index: ModuleIndex) -> str:
    """Return the file or folder of the module by the first part of a module's name."""
    path = os.path.realpath(index.path)
    for _ in range(index.module.count(".") + index.is_package):
        path = os.path.dirname(path)
    return path


def _module_of(name: str, project: Project) -> ModuleIndex | None:
    """Return the module with the longest name that a dotted name begins with."""
    parts = name.split(".")
    modules = (project.module(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    return next((index for index in modules if index is not None), None)


def _makes_names(index: ModuleIndex) -> bool:
    """Return whether a module may make names at run time."""
    return bool(index.star_imports) or "__getattr__" in index.functions


class UnknownLock(NamedTuple):
    """A name in a declared order that no lock has.

    ``known`` are the names of locks that it may have meant, ``others`` those that no order names.
    """

    order: DeclaredOrder
    name: str
    known: Sequence[str]
    others: Sequence[str]

    @property
    def fact(self) -> str:
        """Return what is wrong with the name."""
        return f"no lock{' of this module' if self.order.module else ''} is named `{self.name}`"


def unknown_locks(
    orders: Sequence[DeclaredOrder], locks: Collection[str], indexes: Iterable[ModuleIndex]
) -> Iterator[UnknownLock]:
    """The names in declared orders that no lock has.

    ``locks`` are the names of the locks in use. What is bound to a name may be a lock without use.
    """
    places = LockPlaces(indexes)
    named = list(dict.fromkeys((each, name) for each in orders for name in each.both))
    seen: set[tuple[str, str]] = set()
    for order, name in named:
        if (order.module, name) in seen:
            continue
        seen.add((order.module, name))
        if any(order.names(name, lock) for lock in locks) or places.binds(name, order.module):
            continue
        inside = f"{order.module}." if order.module else ""
        known = [each.removeprefix(inside) for each in sorted(locks) if each.startswith(inside)]
        others = [
            lock for lock in sorted(locks) if not any(each.names(n, lock) for each, n in named)
        ]
        yield UnknownLock(order, name, _ends(known, name), _ends(others, name))


def unknown_in_settings(
    config: Config, project: Project, analysed: Analysed, unknown: Iterable[UnknownLock]
) -> list[UnknownName]:
    """The unknown names of the settings; ``unknown`` are those of the order of locks."""
    found: list[UnknownName] = []
    for lock in unknown:
        if not lock.order.path and not _is_standard(lock.name):
            confidence = analysed.confidence(lock.name, project)
            found.append(
                _judged("lock-order", lock.name, lock.fact, lock.known, lock.others, confidence)
            )
    known: list[str] = []
    for setting, names in (
        ("lock-types", config.lock_types),
        ("immediate-callers", config.immediate_callers),
        ("blocking-calls", config.blocking_calls),
    ):
        for name in names:
            # A name that begins like nothing in the project may be that of a library.
            is_foreign = not _is_standard(name) and not any(_tops(name, project))
            if not is_foreign and not _is_missing(name, project):
                continue
            known = known or _callables(project)
            others = (each for each in known if each not in names)
            sure = Confidence.LOW if is_foreign else analysed.confidence(name, project)
            unknown_name = _judged(setting, name, f"there is no `{name}`", known, others, sure)
            if not is_foreign or unknown_name.confidence > sure:
                found.append(unknown_name)
    if analysed.has_all:
        return found
    reason = "; not all of the project was analysed"
    return [
        each if each.is_certain else replace(each, message=each.message + reason) for each in found
    ]


def _judged(
    setting: str,
    name: str,
    fact: str,
    known: Sequence[str],
    others: Iterable[str],
    confidence: Confidence,
) -> UnknownName:
    """Return an unknown name; one that is uncertain looks misspelt if another is meant by it."""
    meant = next((each for each in others if is_slip(name, each)), None)
    if meant is None or confidence is Confidence.HIGH:
        return UnknownName(setting, name, fact + _offer(name, known), confidence)
    return UnknownName(setting, name, fact + did_you_mean(name, [meant]), Confidence.MEDIUM)


def odd_orders(odd: Iterable[OddOrder], unknown: Iterable[UnknownLock]) -> tuple[OddOrder, ...]:
    """The comments that declare no order: those written badly, and those with unknown names."""
    from locklint.analysis.declared_order import OddOrder

    found = list(odd)
    for each in unknown:
        order = each.order
        if order.span is not None:
            message = f"the order has no effect: {each.fact}{_offer(each.name, each.known)}"
            found.append(OddOrder(order.path, order.span, message))
    return tuple(found)


def _is_missing(name: str, project: Project) -> bool:
    """Return whether the project surely has nothing of a dotted name that would be its own."""
    if _is_standard(name):
        return False
    found = project.resolve(name)
    if found is not None:
        return not found.name or not _has_rest(found, project)
    if project.external_name(name) != name:
        return False
    index = _module_of(name, project)
    return index is None or not _makes_names(index)


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
    """Return the name to write instead: the one that looks most like it, else some that exist."""
    match = closest(name, candidates)
    if match:
        return f" (did you mean `{match}`?)"
    if not candidates:
        return ""
    shown = ", ".join(f"`{each}`" for each in candidates[:MOST_NAMES])
    more = len(candidates) - MOST_NAMES
    are = "is" if len(candidates) == 1 else "are"
    return f"; there {are} {shown}" + (f" and {more} more" if more > 0 else "")
