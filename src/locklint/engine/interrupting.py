"""Functions that the interpreter runs in between, and what has to be lowered for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.analysis.events import Manner
from locklint.engine.demand import reached
from locklint.engine.event_loops import wakes_or_runs_loop
from locklint.engine.follow_calls import lower_up_to_locks
from locklint.engine.function_search import calling, classes_below, found_in, names_of_threads
from locklint.engine.solved_functions import SolvedFunctions
from locklint.index.declarations import ModuleIndex, Ref
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.registration import Entry
from locklint.models.registrations import FINALIZER, registering_names, registrars
from locklint.models.spawns import DRIVERS, THREAD_CLASSES

_CLASSES_OF_THREADS = frozenset(name.rpartition(".")[2] for name in THREAD_CLASSES)


def finalizers(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the methods of a file that run before an object is freed."""
    for decl in index.functions.values():
        if decl.name == FINALIZER and decl.class_name is not None:
            yield Entry(f"{index.key}:{decl.qualname}", Context.FINALIZER)
    for cls in index.classes.values():
        for binding in cls.attributes.get(FINALIZER, ()):  # `__del__ = close`
            if isinstance(binding.value, Ref) and binding.value.names[-1] in cls.methods:
                yield Entry(
                    f"{index.key}:{cls.methods[binding.value.names[-1]]}", Context.FINALIZER
                )


def decorated(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the functions of a file that a decorator registers."""
    for decl in index.functions.values():
        for decorator in decl.decorators:
            if isinstance(decorator, Ref):
                first, *rest = decorator.names
                dotted = ".".join((index.imports.get(first, first), *rest))
                for each in registrars(dotted):
                    if each.position == 0 and each.of is None:
                        yield Entry(f"{index.key}:{decl.qualname}", each.context)


def entries(function: Function) -> Iterator[Entry]:
    """Yield the entries of what a function gives to the interpreter."""
    for each in function.registers:
        for target in each.targets:
            yield Entry(target, each.context, function.key, function.path, each)


def follow_interruptions(solved: SolvedFunctions) -> tuple[Entry, ...]:
    """Find what the interpreter runs in between, such as signal handlers (LCK701, LCK702).

    Return its entries. It is lowered as far as it may reach a lock.
    """
    states = solved.states
    if EventKind.INTERRUPT not in solved.wanted:
        return ()
    if not any(e.taken or wakes_or_runs_loop(e) for e in states.values()):
        return ()
    found: dict[Entry, None] = {}
    for file in solved.files.searched.values():
        found |= dict.fromkeys(finalizers(file.index))
        found |= dict.fromkeys(decorated(file.index))
    code = calling(solved, registering_names)
    found |= dict.fromkeys(entry for each in code for entry in entries(each))
    solved.add(solved.new(each for each in code if each.kind is not FunctionKind.MODULE))
    for function in solved.functions.values():
        found |= dict.fromkeys(entries(function))
    if any(each.context is Context.ATEXIT for each in found):
        classes = classes_below(solved, _CLASSES_OF_THREADS)
        starts = calling(solved, lambda text: names_of_threads(text) | found_in(text, classes))
        solved.add(solved.new(starts))
        makers = {f"{key.removesuffix('.run')}.__init__" for key in _run_methods(solved)}
        solved.add(solved.on_demand(sorted(makers - solved.functions.keys()), None))
    lower_up_to_locks(solved, {each.function for each in found})
    _lower_beside_handlers(solved, found)
    at_exit = {each.function for each in found if each.context is Context.ATEXIT}
    lower_up_to_locks(solved, at_exit, frozenset({EventKind.JOIN}) & solved.wanted)
    return tuple(found)


def _lower_beside_handlers(solved: SolvedFunctions, found: Iterable[Entry]) -> None:
    """Lower what the main thread runs after it has registered handlers that wait for a lock.

    It is what registers them, and what calls that, up to locks.
    """
    states = solved.states
    registrars = {
        each.registrar
        for each in found
        if each.context is Context.SIGNAL
        and each.registrar
        and any(
            taken.waits and not taken.lock.kind.reentrant
            for key in reached({each.function}, states)
            if key in states
            for taken in states[key].taken
        )
    }
    if not registrars:
        return
    called = {_called_as(key) for key in registrars}
    called = {each for each in called if each[1] not in DRIVERS}
    calling(
        solved,
        lambda text: frozenset(name for owner, name in called if owner in text and name in text),
    )
    above = {
        key
        for key, each in states.items()
        if any(called.target in registrars for called in each.calls)
    }
    lower_up_to_locks(solved, registrars | above)


def _run_methods(solved: SolvedFunctions) -> Iterator[str]:
    """Yield the methods that objects run which are threads."""
    for states in solved.states.values():
        for called in states.calls:
            if called.target.endswith(".run") and called.manner is Manner.CONCURRENT:
                yield called.target


def _called_as(key: str) -> tuple[str, str]:
    """Return a word of the files that call a function, and the name by which they call it."""
    *_, owner, name = ("", *split_key(key)[1].split("."))
    return (owner, owner) if name == "__init__" else (owner, name)
