"""Variables and attributes of classes that hold what each thread has a value of its own of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.project import Project
from locklint.index.declarations import Binding, CallValue, ModuleIndex, Ref
from locklint.models.events import THREAD_LOCALS

_LAST_NAMES = frozenset(name.rpartition(".")[2] for name in THREAD_LOCALS)


def thread_locals(project: Project, files: Iterable[ModuleIndex]) -> frozenset[str]:
    """Return the names of those that the code of modules and classes binds."""
    names = _LAST_NAMES.union(project.heirs_of(sorted(_LAST_NAMES)))
    found: set[str] = set()
    for index in files:
        if names.isdisjoint(index.called):
            continue
        holders = [("", index.bindings)]
        holders += [(each.qualname, each.attributes) for each in index.classes.values()]
        for holder, bindings in holders:
            for name, bound in bindings.items():
                if any(_makes(project, index, holder, callee, names) for callee in _called(bound)):
                    found.add(name)
    return frozenset(found)


def _called(bound: Iterable[Binding]) -> Iterator[tuple[str, ...]]:
    for binding in bound:
        match binding.value:
            case CallValue(callee=Ref(names=names)):
                yield names
            case _:
                pass


def _makes(
    project: Project,
    index: ModuleIndex,
    holder: str,
    callee: tuple[str, ...],
    names: frozenset[str],
) -> bool:
    """Return whether a call makes an object of such a class or of a class that descends from it."""
    if callee[-1] not in names:
        return False
    target = project.lookup(index, callee, holder)
    if isinstance(target, str):
        return target in THREAD_LOCALS
    cls = target.cls
    return cls is not None and not THREAD_LOCALS.isdisjoint(
        each for each in project.mro(cls) if isinstance(each, str)
    )
