"""Objects that tell in which threads code runs, as far as variables and attributes hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.project import Project
from locklint.index.declarations import CallValue, Literal, ModuleIndex, Ref
from locklint.models.events import THREAD_LOCALS
from locklint.models.spawns import POOL_SIZE, THREAD_POOL

_LAST_NAMES = frozenset(name.rpartition(".")[2] for name in THREAD_LOCALS)


def thread_locals(project: Project, files: Iterable[ModuleIndex]) -> frozenset[str]:
    """Return the names of what holds values of which each thread has its own."""
    names = _LAST_NAMES.union(project.heirs_of(sorted(_LAST_NAMES)))
    return frozenset(
        name
        for index in files
        for holder, name, call in _made(index, names)
        if _is_thread_local(project, index, holder, call)
    )


def kept_executors(files: Iterable[ModuleIndex]) -> dict[str, bool]:
    """Return the modules that keep executors, each with whether all of these have one worker."""
    found: dict[str, bool] = {}
    for index in files:
        for *_, call in _made(index, frozenset((THREAD_POOL,))):
            size = dict(call.keywords).get(POOL_SIZE.name)
            if size is None and call.arguments:
                size = call.arguments[0]
            found[index.module] = found.get(index.module, True) and size == Literal("1")
    return found


def _made(index: ModuleIndex, names: frozenset[str]) -> Iterator[tuple[str, str, CallValue]]:
    """Yield the calls by some last names that are bound in a file.

    Each comes after the class or constructor that binds it, which is empty for variables of the
    module, and the name that is bound.
    """
    holders = [("", index.bindings)]
    for cls in index.classes.values():
        holders.append((cls.qualname, cls.attributes))
        constructor = index.functions.get(cls.methods.get("__init__", ""))
        if constructor is not None and not names.isdisjoint(constructor.called):
            holders.append((constructor.qualname, constructor.self_bindings))
    for holder, bindings in holders:
        for name, bound in bindings.items():
            for binding in bound:
                match binding.value:
                    case CallValue(callee=Ref(names=(*_, last))) as call if last in names:
                        yield holder, name, call
                    case _:
                        pass


def _is_thread_local(project: Project, index: ModuleIndex, holder: str, call: CallValue) -> bool:
    """Return whether a call makes an object of such a class or of a class that descends from it."""
    assert isinstance(call.callee, Ref)
    target = project.lookup(index, call.callee.names, holder)
    if isinstance(target, str):
        return target in THREAD_LOCALS
    cls = target.cls
    return cls is not None and not THREAD_LOCALS.isdisjoint(
        each for each in project.mro(cls) if isinstance(each, str)
    )
