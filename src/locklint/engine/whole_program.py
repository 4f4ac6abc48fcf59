"""The lock states of the whole program, from the lowered functions of each file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from locklint.core.config import Config
from locklint.engine.demand import (
    JudgedByRaising,
    awaited_under_lock,
    awaiting,
    called_as,
    called_by_hand,
    called_while_holding,
    calls_one_of,
    checking_before,
    entered_by,
    given_results,
    holds_by_hand,
    is_called_by_name,
    makers,
    methods_beside_locks,
    passing_on,
    possibly_called_while_holding,
    reached,
    settling,
    suspended_with_lock,
    takes_what_is_passed,
    tested_around_locks,
    waited_for,
)
from locklint.engine.event_loops import (
    OF_LOOPS,
    classes_that_run,
    given_to_threads,
    interrupting,
    plain_callers,
    run_in_loops,
    wakes_or_runs_loop,
    woken_in,
)
from locklint.engine.facts import OpenFile
from locklint.engine.interrupting import decorated, entries, finalizers, processes
from locklint.engine.program_files import AnalysedFile, ProgramFiles, outermost
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.report import InternalError
from locklint.index.declarations import Ref
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.context import Context
from locklint.ir.event import ACCESSES, ALL_EVENTS, EventKind
from locklint.ir.lock import ENTERING
from locklint.ir.registration import Entry, Processes
from locklint.models.calls import LOGGING_METHODS, DeclaredCalls
from locklint.models.events import (
    NAMES_TELLING_THREAD,
    SIGNALS_FOR,
    names_about_loops,
    names_of_runners,
)
from locklint.models.processes import names_about_processes
from locklint.models.registrations import registering_names
from locklint.models.spawns import DRIVERS, PROCESS_MAKERS, SETTERS_OF_THREADS, THREAD_MAKERS

if TYPE_CHECKING:
    from locklint.engine.call_reach import CallReach
    from locklint.engine.program_inputs import ProgramInputs
    from locklint.frontend.decorations import WrapperUse
    from locklint.frontend.static_resolver import StaticResolver
    from locklint.frontend.trace import Interface
    from locklint.frontend.written_calls import WrittenCalls
    from locklint.index.declarations import FunctionDecl, ModuleIndex

_T = TypeVar("_T")

_MAX_ROUNDS = 4
_MOST_CALLERS = 12
"""The largest number of callers of one name that are looked at."""

_MAX_DEPTH = 12
"""Through how many calls functions are lowered on demand."""

_TEXT_METHODS = frozenset(("__str__", "__repr__", "__format__"))
_METHOD_DECORATORS = frozenset(
    "property staticmethod classmethod setter getter deleter overload abstractmethod wraps"
    " contextmanager asynccontextmanager override final cached_property".split()
)


def _called_as(key: str) -> tuple[str, str]:
    """Return a word of the files that call a function, and the name by which they call it."""
    *_, owner, name = ("", *split_key(key)[1].split("."))
    return (owner, owner) if name == "__init__" else (owner, name)


def _names_of_threads(text: str) -> frozenset[str]:
    """Return the last names of calls that may start threads in a file of that text."""
    return THREAD_MAKERS | SETTERS_OF_THREADS if "threading" in text else frozenset()


def _found_in(text: str, names: frozenset[str]) -> frozenset[str]:
    """Return those of some names that a text contains."""
    return frozenset([name for name in names if name in text])


class WholeProgram:
    """Resolves and solves the lowered functions of a run, and lowers more where they are needed.

    After the functions that mention locks come those that call what acquires or releases for its
    caller, those behind decorators that do, and those that are called while a lock is held.
    """

    def __init__(
        self,
        files: ProgramFiles,
        config: Config,
        progress: Progress | None = None,
        wanted: frozenset[EventKind] = ALL_EVENTS,
        *,
        traced: bool = False,
        guesses: bool = False,
    ) -> None:
        """``traced``: record what the graph of each function rests on.

        ``guesses``: find also what calls run perhaps.
        """
        from locklint.analysis.interprocedural import Interprocedural
        from locklint.engine.never_returning import NeverReturning
        from locklint.frontend.apply_effects import lock_method_names
        from locklint.frontend.astroid_resolver import AstroidResolver
        from locklint.frontend.guesses import Guesses
        from locklint.frontend.project import Project
        from locklint.frontend.static_resolver import StaticResolver
        from locklint.models.table import table_with

        self.files = files
        self.errors: list[InternalError] = []
        self._wanted = wanted
        self._progress = progress or NoProgress()
        self.interprocedural = Interprocedural(self._progress.advance, wanted)
        indexes = [file.index for file in files.searched.values()]
        self.project = Project(indexes, files).with_imports()
        files.searched.update(files.files)
        self.project.trace.is_on = traced
        self._table = table_with(config.lock_types, self.project.defined_as)
        self._methods = lock_method_names(self._table)
        self._declared = DeclaredCalls(
            self._defined(config.immediate_callers), self._defined(config.blocking_calls)
        )
        self._resolver = StaticResolver(
            self.project,
            self._table,
            AstroidResolver(
                self._table.kind_for_constructor,
                consulted=files.consulted,
                is_ours=files.has_module,
            ),
            guesses=Guesses(self.project, self._table) if guesses else None,
        )
        self._resolvers: dict[str, StaticResolver] = {}
        # Functions that may be wrappers, inside others, before anything in it was resolved; and the
        # uses of wrappers that have graphs.
        self._nested: dict[str, Function] = {}
        self._used: set[str] = set()
        self._never_return = NeverReturning(self.project, self.resolver_of)
        self._ending: set[str] = set()
        self._judged = JudgedByRaising(self.interprocedural.states)
        self._marked: set[str] = set()
        self.interrupting: tuple[Entry, ...] = ()
        self.processes = Processes()

    def _defined(self, names: Iterable[str]) -> frozenset[str]:
        """Return dotted names, and those of the definitions to which they lead."""
        return frozenset((*names, *map(self.project.defined_as, names)))

    def solve(self, lowered: list[tuple[AnalysedFile, list[Function]]]) -> None:
        """Solve the functions, and all others that turn out to matter to them.

        ``lowered`` is emptied: graphs without effects are not needed any more.
        """
        self._progress.begin("resolving names", len(lowered))
        ready: list[Function] = []
        # Decorators may be in a file that comes later.
        self._keep_nested(each for _, functions in lowered for each in functions)
        for file, functions in tracked(lowered, self._progress):
            ready += self.with_effects(file, functions)
        lowered.clear()
        self._progress.begin("analysing functions")
        ready += self._lowered(self._touching())
        ready += self._lowered(self._behind_locking_decorators())
        changed = self._add(ready)
        for _ in range(_MAX_ROUNDS):
            takers = takes_what_is_passed(self.interprocedural.states)
            more = self._lowered(self._callers(changed | takers))
            if not more:
                break
            changed = self._add(more)
        states = self.interprocedural.states
        self._add(self._on_demand(sorted(self._spawned() | entered_by(states)), None))
        self._follow_calls()
        self._add(self._signalling())
        self._look_for_consumers()
        if not self._wanted.isdisjoint(ACCESSES):
            self._add(self._lowered(methods_beside_locks(states, self.files.searched)))
        self._look_for_runners()
        self._loops()
        self._interruptions()
        self._processes()
        self._look_for_callers()
        self._follow_possible_calls()
        self.interprocedural.settle()

    def facts_behind(self, key: str) -> tuple[Interface, ...]:
        """Return the facts that the graph of a function rests on, if that was recorded."""
        return self.project.trace.interfaces(key)

    def digest(self, fact: Interface) -> str:
        """Return a digest of a fact; lines and columns have no part."""
        from locklint.frontend.interfaces import digest_of_fact

        return digest_of_fact(self._resolver.dispatch, fact)

    def forget(self) -> None:
        """Drop the results about names, which only solving needs: a tenth of the memory."""
        self._resolver.forget()

    def include(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Solve outermost functions, by path and qualified name, that nothing has led to."""
        self._add(self._lowered(wanted))

    def _look_for_callers(self) -> None:
        """Lower what calls those that nest locks, up to where threads begin.

        Public methods are left out, for any code may call them, and names that many call.
        """
        asked = {
            key
            for key, one in self.interprocedural.states.items()
            if any(event.held for event in one.taken) or any(called.held for called in one.calls)
        }
        for _ in range(_MAX_ROUNDS):
            names = {
                key: called_as(function)
                for key in asked
                if is_called_by_name(function := self.interprocedural.functions[key])
            }
            found = self._lowered(self._unlowered_callers(set(names.values()), names.keys()))
            if not found:
                return
            self._add(found)
            asked = {function.key for function in found}

    def _look_for_consumers(self) -> None:
        """Lower the consumers of generators that yield with a lock held (LCK705)."""
        if EventKind.YIELD not in self._wanted:
            return
        from locklint.analysis.suspended import held_at_yields

        states = self.interprocedural.states
        asked = {key for key, one in states.items() if any(held_at_yields(one))}
        for _ in range(_MAX_ROUNDS):
            names = {states[key].function.name for key in asked} - {"__iter__", "__aiter__"}
            found = self._lowered(self._unlowered_callers(names))
            self._add(found)
            callees = given_results(asked, states) - self.interprocedural.functions.keys()
            self._add(self._on_demand(sorted(callees), None))
            asked = passing_on(asked, states)
            if not asked:
                return

    def _unlowered_callers(
        self, names: set[str], keys: Collection[str] | None = None
    ) -> dict[str, set[str]]:
        """Return, by path, the functions that call one of those names, if only a few call it.

        ``keys``: what they call has to be one of these functions.
        """
        callers: dict[str, list[tuple[AnalysedFile, FunctionDecl, str]]] = {}
        for file in self.files.searched.values():
            for decl in file.index.functions.values():
                for name in names.intersection(decl.called):
                    outer = outermost(file.index, decl).qualname
                    callers.setdefault(name, []).append((file, decl, outer))
        calls = self.written_calls().calls
        wanted: dict[str, set[str]] = {}
        for places in callers.values():
            if len(places) > _MOST_CALLERS:
                continue
            for searched, decl, qualname in places:
                path = searched.source.path
                if qualname in self.files.files[path].lowered:
                    continue
                if keys is not None:
                    asked = partial(calls, searched.index, decl, names, keys)
                    if not self._answer(searched, asked, False):
                        continue
                wanted.setdefault(path, set()).add(qualname)
        return wanted

    def _spawned(self) -> set[str]:
        """The functions that run in threads of their own and are not lowered yet."""
        from locklint.analysis.events import Manner

        return {
            called.target
            for one in self.interprocedural.states.values()
            for called in one.calls
            if called.manner is Manner.CONCURRENT
        } - self.interprocedural.functions.keys()

    def inputs(self) -> ProgramInputs:
        """Return what is known about the solved functions, for the rules."""
        from locklint.engine.program_inputs import ProgramInputs

        return ProgramInputs(
            self.files, self.interprocedural, self._resolver, self.resolver_of, self._answer
        )

    # -- what is lowered on demand ----------------------------------------------------------

    def _touching(self) -> dict[str, set[str]]:
        """Return, by path, the functions, not lowered yet, that turn out to use a lock."""
        from locklint.frontend.written_locks import touches_lock

        found: dict[str, set[str]] = {}
        for path in self._working(sorted(self.files.searched)):
            file = self.files.searched[path]
            resolver = self.resolver_of(file.index)
            wanted = found[path] = set()
            for decl in file.index.functions.values():
                if decl.lock_uses:
                    outer = outermost(file.index, decl).qualname
                    asked = partial(touches_lock, resolver, file.index, decl)
                    if outer not in file.lowered and self._answer(file, asked, False):
                        wanted.add(outer)
        return found

    def _callers(self, keys: set[str]) -> dict[str, set[str]]:
        """Return, by path, the functions, not lowered yet, that call or enter one of ``keys``."""
        from locklint.frontend.written_locks import enters

        called = {key: split_key(key)[1].rpartition(".")[2].partition("@")[0] for key in keys}
        names = set(called.values()) - {"__init__"}
        entering_names = self._entering_names()
        entering = {key for key, name in called.items() if name in entering_names}
        calls = self.written_calls().calls
        found: dict[str, set[str]] = {}
        for path in self._working(sorted(self.files.searched)):
            file = self.files.files[path]
            index = file.index
            resolver = self.resolver_of(index)
            wanted = found[path] = set()
            near: list[tuple[str, FunctionDecl]] = []
            for declaration in index.functions.values():
                is_near = not names.isdisjoint(declaration.called)
                if not is_near and not (entering and declaration.lock_uses):
                    continue
                outer = outermost(index, declaration).qualname
                if outer in file.lowered:
                    continue
                if is_near:
                    near.append((outer, declaration))
                if entering:
                    asked = partial(enters, resolver, index, declaration, entering)
                    if self._answer(file, asked, False):
                        wanted.add(outer)
            for outer, declaration in near:
                asked = partial(calls, index, declaration, names, keys)
                if outer not in wanted and self._answer(file, asked, False):
                    wanted.add(outer)
        return found

    def _entering_names(self) -> frozenset[str]:
        """The names of methods that a `with` calls, by their own names or by others of classes.

        ``__enter__ = acquire`` makes `acquire` one.
        """
        others = {
            binding.value.names[-1]
            for file in self.files.searched.values()
            for decl in file.index.classes.values()
            for name in ENTERING
            for binding in decl.attributes.get(name, ())
            if isinstance(binding.value, Ref)
        }
        return frozenset({*ENTERING, *others})

    def _behind_locking_decorators(self) -> dict[str, set[str]]:
        """Return, by path, the functions, not lowered yet, that a locking decorator guards."""
        from locklint.frontend.value_types import FunctionType

        decorations = self._resolver.dispatch.decorations
        found: dict[str, set[str]] = {}
        for path in self._working(sorted(self.files.searched)):
            file = self.files.files[path]
            wanted: set[str] = set()
            for qualname, decl in file.index.functions.items():
                if not decl.decorators or outermost(file.index, decl).qualname in file.lowered:
                    continue
                use = decorations.uses.get(
                    decorations.called(FunctionType(file.index.path, qualname, file.index))
                )
                while use is not None:
                    if use.wrapper.decl.mentions_lock:
                        wanted.add(outermost(file.index, decl).qualname)
                        break
                    use = self._next_use(use)
            found[path] = wanted
        return found

    def _next_use(self, use: WrapperUse) -> WrapperUse | None:
        """Return the wrapper that a wrapper calls. Return None if it calls the function."""
        return self._resolver.dispatch.decorations.uses.get(use.inner)

    def _follow_calls(self) -> None:
        """Lower functions that are called while a lock is held and may reach another one."""
        states = self.interprocedural.states
        if not any(called.held for one in states.values() for called in one.calls) and not any(
            one.taken for one in states.values()
        ):
            return
        from locklint.engine.call_reach import CallReach

        self._add(self._logging_of_locked_texts())
        uses = self._resolver.dispatch.decorations.uses
        blocking = self._declared.blocking
        calls = CallReach(self.written_calls(), self.project, states, uses, self._wanted, blocking)
        for _ in range(_MAX_DEPTH):
            known = self.interprocedural.functions.keys()
            fresh = self._on_demand(sorted(called_while_holding(states) - known), calls)
            unconditional = makers(states) | called_by_hand(states) | checking_before(states)
            unconditional |= settling(states, self._declaration)
            if EventKind.AWAIT in self._wanted:
                unconditional |= awaited_under_lock(states)
            if EventKind.JOIN in self._wanted:
                unconditional |= waited_for(states)
            unconditional |= self._telling_threads(tested_around_locks(states) - known)
            fresh += self._on_demand(sorted(unconditional - known), None)
            if not fresh:
                break
            self._add(fresh)
            calls.renew()

    def _follow_possible_calls(self) -> None:
        """Lower functions that are perhaps called while a lock is held and may reach another."""
        from locklint.engine.call_reach import CallReach

        states = self.interprocedural.states
        uses = self._resolver.dispatch.decorations.uses
        reach: CallReach | None = None
        for _ in range(_MAX_DEPTH):
            wanted = possibly_called_while_holding(states)
            if not wanted:
                return
            reach = reach or CallReach(
                self.written_calls(), self.project, states, uses, frozenset[EventKind]()
            )
            reach.renew()
            fresh = self._on_demand(sorted(wanted - self.interprocedural.functions.keys()), reach)
            if not fresh:
                return
            self._add(fresh)

    def _logging_of_locked_texts(self) -> list[Function]:
        """Return the logging calls whose texts acquire a lock under which others log (LCK306)."""
        every = self.interprocedural.states.values()
        taken = {
            event.lock.identity
            for one in every
            if one.function.name in _TEXT_METHODS
            for event in one.taken
        }
        logged = {
            held.lock.identity
            for one in every
            for event in one.events
            if event.event.kind is EventKind.LOG
            for held in event.held
        }
        if not taken & logged:
            return []
        return self._lowered(
            {
                path: {
                    outermost(file.index, decl).qualname
                    for decl in file.index.functions.values()
                    if not LOGGING_METHODS.isdisjoint(decl.called)
                }
                for path, file in self.files.searched.items()
            }
        )

    def _signalling(self) -> list[Function]:
        """Return the functions that let a wait for an event or a queue end (LCK307)."""
        if EventKind.LISTEN not in self._wanted:
            return []
        states = self.interprocedural.states
        waits = [
            (key, each)
            for key, one in states.items()
            for each in one.events
            if each.event.kind is EventKind.LISTEN
        ]
        if not waits:
            return []
        nested = called_while_holding(states)
        asked = {
            (each.event.lock.identity.rpartition(".")[2], method)
            for key, each in waits
            if each.event.lock is not None and (each.held or key in nested)
            for method in SIGNALS_FOR[each.event.name]
        }
        return self._lowered(self._naming(asked))

    def _loops(self) -> None:
        """Find what wakes tasks or runs event loops, and who leads there (LCK603, LCK604).

        Coroutines are looked at only if they wait for what a thread wakes, or if a thread runs
        their loop.
        """
        if EventKind.RUN_LOOP not in self._wanted:
            return
        states = self.interprocedural.states
        self._add(self._lowered(self._waking()))
        keys = {key for key, one in states.items() if wakes_or_runs_loop(one)}
        if not keys:
            return
        self._add(self._new(self._calling(_names_of_threads)))
        asked: set[str] = set()
        for _ in range(_MAX_ROUNDS):
            keys = plain_callers(keys, states) - asked
            asked |= keys
            fresh = self._lowered(self._callers(self._with_few_callers(keys)))
            fresh += self._lowered(self._unlowered_callers(classes_that_run(keys)))
            if not fresh:
                break
            self._add(fresh)
            keys = asked
        self._add(self._on_demand(sorted(self._spawned()), None))
        in_threads = reached(given_to_threads(states), states) & states.keys()
        coroutines = run_in_loops(in_threads, states)
        if coroutines:
            self._add(self._new(self._calling(names_of_runners)))
            self._lower_up_to_locks(coroutines)
        woken = woken_in(in_threads | reached(interrupting(states), states), states)
        self._add(self._lowered(self._naming(woken)))

    def _look_for_runners(self) -> None:
        """Find what awaits, starts or runs coroutines that hold a lock of threads at an `await`.

        So it is seen whether there are other tasks in the loop (LCK601).
        """
        if EventKind.AWAIT not in self._wanted:
            return
        states = self.interprocedural.states
        keys = suspended_with_lock(states)
        seen: set[str] = set()
        while keys:
            seen |= keys
            self._add(self._lowered(self._callers(self._with_few_callers(keys))))
            keys = awaiting(keys, states) - seen

    def _with_few_callers(self, keys: Collection[str]) -> set[str]:
        """Return those functions whose bare names only a few others call."""
        names = {key: split_key(key)[1].rpartition(".")[2] for key in keys}
        callers = dict.fromkeys(names.values(), 0)
        for file in self.files.searched.values() if names else ():
            for decl in file.index.functions.values():
                for name in callers.keys() & decl.called:
                    callers[name] += 1
        return {key for key, name in names.items() if callers[name] <= _MOST_CALLERS}

    def _waking(self) -> dict[str, set[str]]:
        """Return, by path, the functions, not lowered yet, that wake tasks or run event loops."""
        happens = self.written_calls().happens
        wanted: dict[str, set[str]] = {}
        for path in self._working(sorted(self.files.searched)):
            file = self.files.searched[path]
            names = names_about_loops(file.source.text)
            for decl in file.index.functions.values() if names else ():
                if decl.is_async or names.isdisjoint(decl.called):
                    continue
                outer = outermost(file.index, decl).qualname
                asked = partial(happens, file.index, decl, names, OF_LOOPS)
                if outer not in file.lowered and self._answer(file, asked, False):
                    wanted.setdefault(path, set()).add(outer)
        return wanted

    def _naming(self, methods: Collection[tuple[str, str]]) -> dict[str, set[str]]:
        """Return, by path, the functions that call methods of something, each with its name."""
        wanted: dict[str, set[str]] = {}
        for path, file in self.files.searched.items() if methods else ():
            text = file.source.text
            found = {(name, method) for name, method in methods if f"{name}.{method}" in text}
            names = {method for _, method in found}
            for decl in file.index.functions.values() if found else ():
                if not names.isdisjoint(decl.called) and calls_one_of(decl, found):
                    wanted.setdefault(path, set()).add(outermost(file.index, decl).qualname)
        return wanted

    def _interruptions(self) -> None:
        """Find what the interpreter runs in between, such as signal handlers (LCK701, LCK702).

        It is lowered as far as it may reach a lock.
        """
        states = self.interprocedural.states
        if EventKind.INTERRUPT not in self._wanted:
            return
        if not any(e.taken or wakes_or_runs_loop(e) for e in states.values()):
            return
        found: dict[Entry, None] = {}
        for file in self.files.searched.values():
            found |= dict.fromkeys(finalizers(file.index))
            found |= dict.fromkeys(decorated(file.index))
        code = self._calling(registering_names)
        found |= dict.fromkeys(entry for each in code for entry in entries(each))
        self._add(self._new(each for each in code if each.kind is not FunctionKind.MODULE))
        for function in self.interprocedural.functions.values():
            found |= dict.fromkeys(entries(function))
        self.interrupting = tuple(found)
        if any(each.context is Context.ATEXIT for each in found):
            self._add(self._new(self._calling(_names_of_threads)))
            makers = {f"{key.removesuffix('.run')}.__init__" for key in self._run_methods()}
            self._add(self._on_demand(sorted(makers - self.interprocedural.functions.keys()), None))
        self._lower_up_to_locks({each.function for each in found})
        self._lower_beside_handlers(found)
        at_exit = {each.function for each in found if each.context is Context.ATEXIT}
        self._lower_up_to_locks(at_exit, frozenset({EventKind.JOIN}) & self._wanted)

    def _lower_beside_handlers(self, entries: Iterable[Entry]) -> None:
        """Lower what the main thread runs after it has registered handlers that wait for a lock.

        It is what registers them, and what calls that, up to locks.
        """
        states = self.interprocedural.states
        registrars = {
            each.registrar
            for each in entries
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
        self._calling(
            lambda text: frozenset(name for owner, name in called if owner in text and name in text)
        )
        callers = {
            key
            for key, each in states.items()
            if any(called.target in registrars for called in each.calls)
        }
        self._lower_up_to_locks(registrars | callers)

    def _processes(self) -> None:
        """Find what forks, and what runs in the child (LCK703, LCK704).

        It is lowered as far as it may reach a lock.
        """
        states = self.interprocedural.states
        if EventKind.FORK not in self._wanted or not any(e.taken for e in states.values()):
            return
        classes = self._classes_of_processes()
        code = self._calling(lambda text: names_about_processes(text) | _found_in(text, classes))
        self._add(self._new(code))
        found = processes((*self.interprocedural.functions.values(), *code))
        runs = self._resolver.dispatch.run_in_processes(classes) if classes else frozenset[str]()
        if found.forking or runs:
            self._add(self._new(self._calling(_names_of_threads)))
            found = processes((*self.interprocedural.functions.values(), *code))
        self.processes = replace(found, forking=found.forking | runs, runs=runs)
        self._lower_up_to_locks(self.processes.forking)

    def _run_methods(self) -> Iterator[str]:
        """Yield the methods that objects run which are threads."""
        from locklint.analysis.events import Manner

        for states in self.interprocedural.states.values():
            for called in states.calls:
                if called.target.endswith(".run") and called.manner is Manner.CONCURRENT:
                    yield called.target

    def _classes_of_processes(self) -> frozenset[str]:
        """Return the names of classes that may descend from one of processes."""
        found: set[str] = set(PROCESS_MAKERS)
        known = 0
        while known < len(found):
            known = len(found)
            for file in self.files.searched.values():
                for decl in file.index.classes.values():
                    bases = [base for base in decl.bases if isinstance(base, Ref)]
                    if any(base.names[-1] in found for base in bases):
                        found.add(decl.name)
        return frozenset(found - PROCESS_MAKERS)

    def _calling(self, names_in: Callable[[str], frozenset[str]]) -> list[Function]:
        """Lower the functions that call something of the names that matter in a file of a text.

        Return those statements of modules that do, even if all code of the module is lowered.
        """
        wanted: dict[str, set[str]] = {}
        found: list[Function] = []
        for path, file in self.files.searched.items():
            names = names_in(file.source.text)
            wanted[path] = {
                outermost(file.index, decl).qualname
                for decl in file.index.functions.values()
                if not names.isdisjoint(decl.called)
            }
            if not names.isdisjoint(file.index.called):
                asked = partial(OpenFile(file.source, file.index).module_code_calling, names)
                found += self.with_effects(file, self._answer(file, asked, ()))
        self._add(self._lowered(wanted))
        return found

    def _new(self, functions: Iterable[Function]) -> list[Function]:
        """Return those functions that have no graph yet."""
        return [each for each in functions if each.key not in self.interprocedural.functions]

    def _lower_up_to_locks(
        self, keys: Collection[str], waits: frozenset[EventKind] = frozenset()
    ) -> None:
        """Lower functions, and those that they lead to, as far as they may reach a lock.

        With ``waits``, as far as they may wait like this, and what they wait for as well.
        """
        from locklint.engine.call_reach import CallReach

        states = self.interprocedural.states
        uses = self._resolver.dispatch.decorations.uses
        calls = CallReach(self.written_calls(), self.project, states, uses, waits)
        for _ in range(_MAX_DEPTH):
            known = self.interprocedural.functions.keys()
            reachable = reached(keys, states)
            if waits:
                ends = waited_for({key: states[key] for key in reachable if key in states})
                reachable |= reached(ends, states)
            fresh = self._on_demand(sorted(reachable - known), calls)
            if not fresh:
                break
            self._add(fresh)
            calls.renew()

    def _on_demand(self, keys: Sequence[str], reach: CallReach | None) -> list[Function]:
        """Return functions by their keys, and those nested in them, if they may reach a lock.

        ``reach`` None: without this test.
        """
        found: list[Function] = []
        wanted: dict[str, set[str]] = {}
        for key in self._working(keys):
            use = self._resolver.dispatch.decorations.uses.get(key)
            if use is not None:
                found += self._use(use)
                continue
            module, qualname = split_key(key)
            index = self.project.by_key(module)
            # A lambda is lowered with the function around it.
            qualname = qualname.partition(".<lambda@")[0]
            if index is None or qualname not in index.functions:
                continue
            decl = index.functions[qualname]
            file = self.files.files[index.path]
            if reach is None or self._answer(file, partial(reach.reaches, key), False):
                wanted.setdefault(index.path, set()).add(outermost(index, decl).qualname)
        return found + self._lowered(wanted)

    def _telling_threads(self, keys: Iterable[str]) -> set[str]:
        """Return those of some functions that look in which thread they run."""
        found: set[str] = set()
        for key in keys:
            decl = self._declaration(key)
            if decl is not None and not NAMES_TELLING_THREAD.isdisjoint(decl.called):
                found.add(key)
        return found

    def _declaration(self, key: str) -> FunctionDecl | None:
        module, qualname = split_key(key)
        index = self.project.by_key(module)
        return None if index is None else index.functions.get(qualname)

    def _working(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items, while what shows progress is kept alive."""
        return tracked(items, self._progress, 0)

    # -- graphs -----------------------------------------------------------------------------

    def _add(self, functions: list[Function]) -> set[str]:
        more = {function.key: function for function in functions}
        more |= self._never_returning(more)
        changed: set[str] = set()
        while more:
            changed |= self.interprocedural.add((more | self._newly_marked(more)).values())
            more = self._newly_marked({})
        for function, error in self.interprocedural.take_errors():
            self._internal(function.path, error)
        return changed

    def _never_returning(self, fresh: Mapping[str, Function]) -> dict[str, Function]:
        """Lower the functions that never return, of those that fresh ones lead to."""
        from locklint.analysis.interprocedural import callees

        found: dict[str, Function] = {}
        work = [*fresh.values()]
        while work:
            called = {key for function in work for key in callees(function)} - self._ending
            ending = {key for key in called if key in self._never_return}
            self._ending |= ending
            known = self.interprocedural.functions.keys() | fresh.keys()
            work = self._on_demand(sorted(ending - known), None)
            found |= {function.key: function for function in work}
        return found

    def _newly_marked(self, fresh: Mapping[str, Function]) -> dict[str, Function]:
        """The functions that turn out to be judged by what raises in them, with that marked.

        They are known, or among the ``fresh`` ones.
        """
        from locklint.frontend.cannot_raise import mark_safe

        found: dict[str, Function] = {}
        self._judged.renew()
        for key in sorted(self._judged.keys - self._marked):
            function = fresh.get(key) or self.interprocedural.functions.get(key)
            file = self._file_of(function.path) if function is not None else None
            if function is not None and file is not None:
                self._marked.add(key)
                asked = partial(mark_safe, function, self.resolver_of(file.index))
                begun = self.project.trace.begin()
                self.project.trace.use(key)
                marked = self._answer(file, asked, function)
                self.project.trace.end(begun, key)
                if marked is not function:
                    found[key] = marked
        return found

    def _lowered(self, wanted: Mapping[str, Collection[str]]) -> list[Function]:
        """The resolved functions of those, by path, that were not lowered yet."""
        lowered = self.files.lower_all(wanted, self._progress)
        # Wrappers may be in a file that comes later.
        self._keep_nested(each for functions in lowered.values() for each in functions)
        found: list[Function] = []
        for path, functions in self._working(lowered.items()):
            found += self.with_effects(self.files.files[path], functions)
        return found

    def _keep_nested(self, functions: Iterable[Function]) -> None:
        """Keep the functions that may be wrappers: nested ones, and methods of decorators."""
        self._nested.update(
            (each.key, each)
            for each in functions
            if each.parent is not None or each.name == "__call__"
        )

    def with_effects(self, file: AnalysedFile, functions: Iterable[Function]) -> list[Function]:
        """Return resolved functions, and the uses of wrappers around them."""
        functions = list(functions)
        self._keep_nested(functions)
        done = self._resolved(file, functions)
        for function in functions:
            if function.decorators:
                done += self._wrappers(file, function)
        return done

    def _resolved(self, file: AnalysedFile, functions: Iterable[Function]) -> list[Function]:
        from locklint.frontend.apply_effects import apply_effects
        from locklint.frontend.cannot_raise import mark_safe
        from locklint.frontend.collective_locks import with_collective_locks
        from locklint.frontend.trace import InterfaceKind

        trace = self.project.trace
        path = file.source.path
        resolver = self.resolver_of(file.index)
        done: list[Function] = []
        for function in functions:
            begun = trace.begin()
            trace.note(InterfaceKind.FILE, path)
            try:
                resolved = apply_effects(function, resolver, self._methods, self._declared)
                if holds_by_hand(resolved):
                    resolved = mark_safe(resolved, resolver)
                    self._marked.add(resolved.key)
                done.append(resolved)
            except Exception as error:
                self._internal(path, error)
            trace.end(begun, function.key)
        return with_collective_locks(done)

    def written_calls(self) -> WrittenCalls:
        """Return a reader of functions' texts. It keeps what it has read: each step has its own."""
        from locklint.frontend.written_calls import WrittenCalls

        files = self.files.files
        return WrittenCalls(self.resolver_of, lambda index: files[index.path].source)

    def resolver_of(self, index: ModuleIndex) -> StaticResolver:
        """Return the resolver of the names in one file."""
        if index.path not in self._resolvers:
            self._resolvers[index.path] = self._resolver.for_file(index)
        return self._resolvers[index.path]

    def _wrappers(self, file: AnalysedFile, function: Function) -> list[Function]:
        from locklint.frontend.value_types import FunctionType

        if all(
            decorator.path is not None and decorator.path.name in _METHOD_DECORATORS
            for decorator in function.decorators
        ):
            return []
        if function.qualname not in file.index.functions:
            return []
        decorations = self._resolver.dispatch.decorations
        called = decorations.called(FunctionType(file.index.path, function.qualname, file.index))
        use = decorations.uses.get(called)
        return [] if use is None else self._use(use)

    def _use(self, use: WrapperUse) -> list[Function]:
        """The graph of a wrapper in front of a function, and those of further ones behind it."""
        if use.key in self._used:
            return []
        file = self._file_of(use.wrapper.path)
        if file is None:
            return []
        more: list[Function] = []
        key = f"{use.wrapper.index.key}:{use.wrapper.qualname}"
        if key not in self._nested:
            outer = outermost(file.index, use.wrapper.decl).qualname
            more += self.with_effects(file, self.files.lower(file, {outer}))
        wrapper = self._nested.get(key)
        if wrapper is None:
            return more
        own = use.function(wrapper)
        self._used.add(use.key)
        inner = self._next_use(use)
        return [*more, *self._resolved(file, [own]), *(self._use(inner) if inner else [])]

    def _answer(self, file: AnalysedFile, ask: Callable[[], _T], otherwise: _T) -> _T:
        """Return the result for a file; ``otherwise``, and an internal error, if that fails."""
        try:
            return ask()
        except Exception as error:
            self._internal(file.source.path, error)
            return otherwise

    def _file_of(self, path: str) -> AnalysedFile | None:
        return self.files.files.get(path)

    def _internal(self, path: str, error: Exception) -> None:
        self.errors.append(InternalError.of(path, error))
