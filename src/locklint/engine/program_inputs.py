"""Facts about a solved program that need the resolver of names: inputs of its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from locklint.engine.demand import called_as
from locklint.engine.facts import parse
from locklint.engine.program_files import AnalysedFile, ProgramFiles, outermost
from locklint.index.top_imports import top_imports
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import split_key
from locklint.ir.context import Context
from locklint.ir.event import ACCESSES, EventKind
from locklint.ir.hierarchy import Field, Fields, Hierarchy, LogHandlers
from locklint.ir.registration import Entry, Processes
from locklint.models.events import RUNS_CALLBACKS

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.analysis.interprocedural import Interprocedural
    from locklint.core.source import Span
    from locklint.frontend.static_resolver import StaticResolver
    from locklint.index.declarations import ModuleIndex

_Paths: TypeAlias = "tuple[AccessPath, ...]"


class ProgramInputs:
    """The facts, each computed on request.

    ``resolver_of`` gives the resolver of the names in a file. ``ask`` calls a function about a
    file, and returns its own last argument if a defect of locklint stops that.
    """

    def __init__(
        self,
        files: ProgramFiles,
        solved: Interprocedural,
        resolver: StaticResolver,
        resolver_of: Callable[[ModuleIndex], StaticResolver],
        ask: Callable[[AnalysedFile, Callable[[], _Paths], _Paths], _Paths],
    ) -> None:
        self._files = files
        self._solved = solved
        self._resolver = resolver
        self._resolver_of = resolver_of
        self._ask = ask

    def top_imports(self) -> dict[str, tuple[str, ...]]:
        """Return what the modules import at their top in which something is imported under a lock.

        There are few: so these files are parsed again.
        """
        paths = {
            one.function.path
            for one in self._solved.states.values()
            if any(each.event.kind is EventKind.IMPORT for each in one.events)
        }
        found: dict[str, tuple[str, ...]] = {}
        for path in sorted(paths):
            tree = parse(self._files.files[path].source).tree
            found[path] = () if tree is None else top_imports(tree)
        return found

    def made(self) -> dict[str, tuple[str, Span]]:
        """Return the places where the locks are made, by identity."""
        found: dict[str, tuple[str, Span]] = {}
        for states in self._solved.states.values():
            noted = [each.event.lock for each in states.events if each.event.lock is not None]
            for lock in (*states.locks.values(), *noted):
                if lock.identity not in found:
                    place = self._resolver.made(lock.identity)
                    if place is not None:
                        found[lock.identity] = place
        return found

    def processes(self, known: Processes) -> Processes:
        """Return what is known about processes, with the locks that are handled at each fork."""
        if not known.at_fork:
            return known
        handled = frozenset(
            lock.identity
            for states in self._solved.states.values()
            for lock in states.locks.values()
            if not known.at_fork.isdisjoint(self._resolver.makers(lock.identity))
        )
        return replace(known, handled=handled)

    def back_references(self) -> frozenset[tuple[str, str]]:
        """Attributes that lead back to the maker of their object, with the maker's class."""
        from locklint.frontend.back_references import back_references

        owners = {
            lock.identity.rpartition(".")[0]
            for states in self._solved.states.values()
            for lock in states.locks.values()
        }
        return back_references(self._resolver.inference, frozenset(owners))

    def fields(self) -> Fields:
        """Return what the attributes, of locks' holders and receivers, lead to."""
        from locklint.frontend.fields import classes_of_new_objects, older_fields, own_fields
        from locklint.frontend.given_locks import given_locks

        asked: dict[Field, None] = {}
        made: dict[Field, None] = {}
        variables: dict[Field, None] = {}
        for states in self._solved.states.values():
            key = states.function.class_key
            calls = (called.call for called in states.calls if called.held and called.call)
            paths = [receiver for call in calls if (receiver := call.written_receiver)]
            paths += [lock.path.parent() for lock in states.locks.values() if lock.path.fields]
            for path in paths:
                if key and path.root is Root.SELF and len(path.fields) == 1:
                    asked[key, path.name] = None
                elif path.root is Root.GLOBAL and path.is_variable:
                    variables[f"{split_key(states.function.key)[0]}:", path.root_name] = None
            made |= dict.fromkeys(self._fields_with_locks(states))
        inference = self._resolver.inference
        return Fields(
            older_fields(inference, asked),
            own_fields(inference, {**asked, **made}),
            classes_of_new_objects(inference, self._constructed()),
            given_locks(self._resolver, {**asked, **made, **variables}),
        )

    def shared_fields(self, entries: Iterable[Entry]) -> frozenset[Field]:
        """Return the attributes of finalized objects that lead to objects that others know, too.

        They are those on which methods of their classes call something, or that hold its lock.
        """
        from locklint.frontend.fields import shared_fields

        functions = self._solved.functions
        classes = {
            functions[each.function].class_key
            for each in entries
            if each.context is Context.FINALIZER and each.function in functions
        }
        asked: dict[Field, None] = {}
        for states in self._solved.states.values():
            key = states.function.class_key
            if key not in classes:
                continue
            receivers = [c.call.written_receiver if c.call else c.receiver for c in states.calls]
            holders = [each.path.parent() for each in states.locks.values() if each.path.fields]
            for path in (*receivers, *holders):
                if path is not None and path.root is Root.SELF and path.fields:
                    first = path.fields[0]
                    if isinstance(first, str):
                        asked[key, first] = None
        return shared_fields(self._resolver.inference, asked)

    def user_callbacks(self) -> frozenset[Field]:
        """Return the attributes from which functions call what users of their classes passed."""
        from locklint.frontend.user_callbacks import user_callbacks

        asked: dict[bool, dict[Field, None]] = {False: {}, True: {}}
        for states in self._solved.states.values():
            key = states.function.class_key
            for each in states.events if key else ():
                path = each.event.path
                if (
                    each.event.kind in (EventKind.CALLBACK, EventKind.OBSERVER)
                    and path is not None
                    and path.root is Root.SELF
                ):
                    asked[each.event.name in RUNS_CALLBACKS][key, path.name] = None
        return user_callbacks(self._resolver.inference, asked[False], asked[True])

    def _constructed(self) -> set[str]:
        """The classes of the objects that are made in functions that were analysed."""
        return {
            called.call.constructs
            for states in self._solved.states.values()
            for called in states.calls
            if called.call is not None and called.call.constructs is not None
        }

    def _fields_with_locks(self, states: LockStates) -> Iterator[Field]:
        """Return attributes whose methods, called by a function, acquire locks of the object."""
        key = states.function.class_key
        for called in states.calls if key else ():
            path = called.call.written_receiver if called.call else None
            if key and path and path.root is Root.SELF and len(path.fields) == 1:
                callee = self._solved.states.get(called.target)
                if callee and any(taken.lock.path.root is Root.SELF for taken in callee.taken):
                    yield key, path.name

    def hierarchy(self) -> Hierarchy:
        """Return the classes of the objects whose methods are called."""
        from locklint.frontend.hierarchy import hierarchy

        functions = self._solved.functions.values()
        return hierarchy(self._resolver.inference, functions)

    def log_handlers(self) -> LogHandlers:
        """The functions that `logging` calls with the lock of a handler held."""
        from locklint.frontend.log_handlers import log_handlers

        return log_handlers(self._resolver.inference, self._resolver.attached)

    def called_with_lock(self) -> frozenset[str]:
        """The methods that a library calls with a lock of their object held."""
        from locklint.frontend.locked_methods import called_with_lock

        return called_with_lock(self._resolver.inference)

    def thread_locals(self) -> frozenset[str]:
        """The names of variables that hold what each thread has a value of its own of."""
        from locklint.frontend.thread_objects import thread_locals

        files = [file.index for file in self._files.searched.values()]
        return thread_locals(self._resolver.inference.project, files)

    def kept_executors(self) -> dict[str, bool]:
        """The modules that keep executors, each with whether all of these have one worker."""
        from locklint.frontend.thread_objects import kept_executors

        return kept_executors(file.index for file in self._files.searched.values())

    def module_calls(self) -> frozenset[str]:
        """The functions that the code of their own module calls, by its bare names.

        To call a class is to call the methods of its own that make an object.
        """
        found: set[str] = set()
        for file in self._files.searched.values():
            index = file.index
            for name in index.called:
                if name in index.functions:
                    found.add(f"{index.key}:{name}")
                elif name in index.classes:
                    methods = index.classes[name].methods
                    makers = [methods[each] for each in ("__new__", "__init__") if each in methods]
                    found.update([f"{index.key}:{qualname}" for qualname in makers])
        return frozenset(found)

    def unseen_callers(self) -> frozenset[str]:
        """The functions that something which was not lowered may call, by their bare names."""
        names: set[str] = set()
        for file in self._files.searched.values():
            for decl in file.index.functions.values():
                if outermost(file.index, decl).qualname not in file.lowered:
                    names.update(decl.called)
        return frozenset(
            key for key, function in self._solved.functions.items() if called_as(function) in names
        )

    def called_by_constructors(self) -> frozenset[str]:
        """The functions whose bare names constructors call, and nothing else does.

        Return nothing if no accesses are recorded: then no rule about data runs.
        """
        if not any(
            each.event.kind in ACCESSES
            for states in self._solved.states.values()
            for each in states.events
        ):
            return frozenset()
        from locklint.analysis.guarded_data import CONSTRUCTION

        making: set[str] = set()
        names: set[str] = set()
        for file in self._files.searched.values():
            names.update(file.index.called)
            for decl in file.index.functions.values():
                (making if decl.name in CONSTRUCTION else names).update(decl.called)
        making -= names
        return frozenset(
            key for key, function in self._solved.functions.items() if called_as(function) in making
        )

    def unseen_releases(self) -> frozenset[tuple[str, AccessPath]]:
        """Return the paths whose unknown object a function releases that was not lowered.

        Each comes after the path of its file.
        """
        from locklint.frontend.written_locks import released_paths

        found: set[tuple[str, AccessPath]] = set()
        # The target of a name may be in a file that is read only now.
        for file in self._files.searched.values():
            resolver = self._resolver_of(file.index)
            for decl in file.index.functions.values():
                if decl.lock_uses and outermost(file.index, decl).qualname not in file.lowered:
                    asked = partial(released_paths, resolver, file.index, decl)
                    released = self._ask(file, asked, ())
                    found.update([(file.index.path, path) for path in released])
        return frozenset(found)
