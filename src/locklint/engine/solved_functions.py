"""The functions of a run that have graphs: lowered where asked, resolved, and solved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from locklint.core.config import Config
from locklint.engine.judged_by_raising import JudgedByRaising, holds_by_hand
from locklint.engine.program_files import AnalysedFile, ProgramFiles, outermost
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.report import InternalError
from locklint.ir.cfg import Function, outside_anonymous, split_key
from locklint.ir.event import ALL_EVENTS, EventKind
from locklint.models.calls import DeclaredCalls

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.engine.call_reach import CallReach, Steps
    from locklint.engine.memory import KeptGraph, Memory, State
    from locklint.frontend.decorations import Decorations, WrapperUse
    from locklint.frontend.static_resolver import StaticResolver
    from locklint.frontend.trace import Interface
    from locklint.frontend.written_calls import WrittenCalls
    from locklint.index.declarations import FunctionDecl, ModuleIndex

_T = TypeVar("_T")

_METHOD_DECORATORS = frozenset(
    "property staticmethod classmethod setter getter deleter overload abstractmethod wraps"
    " contextmanager asynccontextmanager override final cached_property".split()
)


class SolvedFunctions:
    """Lowers functions, resolves the names in them, and solves them with what they call.

    Attributes:
        files: The files, which lower their functions.
        project: The declarations of all files.
        resolver: Finds out what names stand for.
        interprocedural: The lock states and summaries of the functions.
        wanted: The kinds of events that are recorded.
        declared: The calls that the settings tell about.
        errors: Defects of locklint that stopped a question about a file.
        progress: Shows how much was done.
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
        memory: Memory | None = None,
    ) -> None:
        """``traced``: record what the graph of each function rests on.

        ``guesses``: find also what calls run perhaps. ``memory``: what the last run found out.
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
        self.wanted = wanted
        self.progress = progress or NoProgress()
        self.interprocedural = Interprocedural(
            self.progress.advance, wanted, None if memory is None else memory.states
        )
        indexes = [file.index for file in files.searched.values()]
        self.project = Project(indexes, files).with_imports()
        files.searched.update(files.files)
        self.project.trace.is_on = traced or memory is not None
        table = table_with(config.lock_types, self.project.defined_as)
        self._methods = lock_method_names(table)
        self.declared = DeclaredCalls(
            self._defined(config.immediate_callers), self._defined(config.blocking_calls)
        )
        self.resolver = StaticResolver(
            self.project,
            table,
            AstroidResolver(
                table.kind_for_constructor,
                consulted=files.consulted,
                is_ours=files.has_module,
            ),
            guesses=Guesses(self.project, table) if guesses else None,
        )
        self._memory = memory
        self._states_of_facts: dict[Interface, State | None] = {}
        if memory is not None:
            defined = tuple(map(self.project.defined_as, sorted(config.lock_types)))
            memory.rest_on((config, wanted, guesses, self.declared, defined))
        self._resolvers: dict[str, StaticResolver] = {}
        # Functions that may be wrappers, inside others, before anything in it was resolved; and the
        # uses of wrappers that have graphs.
        self._nested: dict[str, Function] = {}
        self._used: set[str] = set()
        self._written: WrittenCalls | None = None
        # The calls of functions that were not lowered, by the kinds of events that they lack.
        self._steps: dict[frozenset[EventKind], Steps] = {}
        self._never_return = NeverReturning(self.project, self.resolver_of)
        self._ending: set[str] = set()
        self._judged = JudgedByRaising(self.states)
        self._marked: set[str] = set()

    @property
    def states(self) -> Mapping[str, LockStates]:
        """The lock states of the functions, by key."""
        return self.interprocedural.states

    @property
    def functions(self) -> Mapping[str, Function]:
        """The graphs of the functions, by key."""
        return self.interprocedural.functions

    @property
    def decorations(self) -> Decorations:
        """The wrappers around functions."""
        return self.resolver.dispatch.decorations

    def add(self, functions: list[Function]) -> set[str]:
        """Solve functions, and those that never return which they lead to.

        Return the keys of the functions whose summaries are other than before.
        """
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
            known = self.functions.keys() | fresh.keys()
            work = self.on_demand(sorted(ending - known), None)
            found |= {function.key: function for function in work}
        return found

    def _newly_marked(self, fresh: Mapping[str, Function]) -> dict[str, Function]:
        """The functions that turn out to be judged by what raises in them, with that marked.

        They are known, or among the ``fresh`` ones.
        """
        found: dict[str, Function] = {}
        self._judged.renew()
        for key in sorted(self._judged.keys - self._marked):
            function = fresh.get(key) or self.functions.get(key)
            file = self._file_of(function.path) if function is not None else None
            if function is not None and file is not None:
                self._marked.add(key)
                marked = self.answer(file, partial(self._with_marks, file, function), function)
                if marked is not function:
                    found[key] = marked
        return found

    def lowered(self, wanted: Mapping[str, Collection[str]]) -> list[Function]:
        """Lower those functions, by path, that were not lowered yet; return them resolved."""
        lowered = self.files.lower_all(wanted, self.progress)
        # Wrappers may be in a file that comes later.
        self.keep_nested(each for functions in lowered.values() for each in functions)
        found: list[Function] = []
        for path, functions in self.working(lowered.items()):
            found += self.with_effects(self.files.files[path], functions)
        return found

    def keep_nested(self, functions: Iterable[Function]) -> None:
        """Keep the functions that may be wrappers: nested ones, and methods of decorators."""
        self._nested.update(
            (each.key, each)
            for each in functions
            if each.parent is not None or each.name == "__call__"
        )

    def with_effects(self, file: AnalysedFile, functions: Iterable[Function]) -> list[Function]:
        """Return resolved functions, and the uses of wrappers around them."""
        functions = list(functions)
        self.keep_nested(functions)
        done = self._resolved(file, functions)
        for function in functions:
            if function.decorators:
                done += self._wrappers(file, function)
        return done

    def _resolved(self, file: AnalysedFile, functions: Iterable[Function]) -> list[Function]:
        from locklint.frontend.collective_locks import with_collective_locks

        done: list[Function] = []
        for function in functions:
            try:
                done.append(self._with_calls(file, function))
            except Exception as error:
                self._internal(file.source.path, error)
        return with_collective_locks(done)

    def _with_calls(self, file: AnalysedFile, function: Function) -> Function:
        """Return a function with the effects of its calls; marked if that matters by all means."""
        from locklint.frontend.apply_effects import apply_effects
        from locklint.frontend.cannot_raise import mark_safe
        from locklint.frontend.trace import InterfaceKind

        kept = self._remembered(function, is_resolved=False)
        if kept is None:
            resolver = self.resolver_of(file.index)
            trace = self.project.trace
            begun = trace.begin()
            trace.note(InterfaceKind.FILE, file.source.path)
            try:
                resolved = apply_effects(function, resolver, self._methods, self.declared)
                is_marked = holds_by_hand(resolved)
                if is_marked:
                    resolved = mark_safe(resolved, resolver)
            finally:
                trace.end(begun, function.key)
            self._remember(function, resolved, is_resolved=False, is_marked=is_marked)
        else:
            resolved, is_marked = kept.done, kept.is_marked
        if is_marked:
            self._marked.add(resolved.key)
        return resolved

    def _with_marks(self, file: AnalysedFile, function: Function) -> Function:
        """Return a function with marks at what cannot raise in it; the same if there is nothing."""
        from locklint.frontend.cannot_raise import mark_safe

        kept = self._remembered(function, is_resolved=True)
        if kept is not None:
            return function if kept.done == kept.source else kept.done
        trace = self.project.trace
        begun = trace.begin()
        trace.use(function.key)
        try:
            marked = mark_safe(function, self.resolver_of(file.index))
        finally:
            trace.end(begun, function.key)
        self._remember(function, marked, is_resolved=True, is_marked=True)
        return marked

    # -- what the last run found out ----------------------------------------------------------

    def _remembered(self, function: Function, *, is_resolved: bool) -> KeptGraph | None:
        """Return what a function became in the last run, if that is so still."""
        from locklint.frontend.trace import InterfaceKind

        if self._memory is None:
            return None
        kept = self._memory.graph(function, is_resolved=is_resolved, state=self._state_of)
        for fact, state in kept.facts.items() if kept is not None else ():
            # The names in the function would have led to these files.
            if fact.kind is InterfaceKind.FILE and fact.name not in self.files.files:
                self.project.read(state[0], fact.name)
        return kept

    def _remember(
        self, source: Function, done: Function, *, is_resolved: bool, is_marked: bool
    ) -> None:
        if self._memory is not None:
            from locklint.engine.memory import KeptGraph

            states: dict[Interface, State] = {}
            for fact in self.project.trace.interfaces(source.key):
                state = self._state_of(fact)
                if state is None:
                    return  # A change of it would not be seen.
                states[fact] = state
            kept = KeptGraph(source, done, states, is_marked)
            self._memory.keep(kept, is_resolved=is_resolved)

    def _state_of(self, fact: Interface) -> State | None:
        """Return the state of a fact now. Return None if a file is not there."""
        from locklint.frontend.interfaces import digest_of_fact
        from locklint.frontend.trace import InterfaceKind

        if fact not in self._states_of_facts:
            # Lines may be part of what a function rests on, so the bytes decide here.
            self._states_of_facts[fact] = (
                self.files.content(fact.name)
                if fact.kind is InterfaceKind.FILE
                else (digest_of_fact(self.resolver.dispatch, fact),)
            )
        return self._states_of_facts[fact]

    def keep_memory(self) -> None:
        """Let the memory know, at the end of a run, if graphs rest on more than is recorded.

        That is the order of questions, if one was given up, or what astroid found out before.
        """
        inference = self.resolver.inference
        if self._memory is not None and (inference.has_given_up or inference.learnt):
            self._memory.forget_graphs()

    def call_reach(
        self, wanted: frozenset[EventKind], blocking: frozenset[str] = frozenset()
    ) -> CallReach:
        """Return what tells which functions reach a lock, or an event of a kind that is wanted."""
        from locklint.engine.call_reach import CallReach

        return CallReach(
            self.written_calls(),
            self.project,
            self.states,
            self.decorations,
            wanted,
            blocking,
            steps=self._steps.setdefault(wanted, {}),
            known=self._steps.get(self.wanted),
        )

    def drop_read(self) -> None:
        """Drop what was read and looked up for functions: those that matter are lowered now.

        Most of it is about functions that were searched, and is not needed again.
        """
        if self._written is not None:
            self._written.forget()
        self.resolver.forget_callees()

    def drop_written(self) -> None:
        """Drop what was read from the texts of functions, which only solving needs."""
        self._steps.clear()
        self._written = None

    def written_calls(self) -> WrittenCalls:
        """Return the reader of functions' texts, which keeps what it has read."""
        from locklint.frontend.written_calls import WrittenCalls

        if self._written is None:
            files = self.files.files
            self._written = WrittenCalls(self.resolver_of, lambda index: files[index.path].source)
        return self._written

    def resolver_of(self, index: ModuleIndex) -> StaticResolver:
        """Return the resolver of the names in one file."""
        if index.path not in self._resolvers:
            self._resolvers[index.path] = self.resolver.for_file(index)
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
        decorations = self.decorations
        called = decorations.called(FunctionType(file.index.path, function.qualname, file.index))
        use = decorations.use(called)
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
        inner = self.next_use(use)
        return [*more, *self._resolved(file, [own]), *(self._use(inner) if inner else [])]

    def next_use(self, use: WrapperUse) -> WrapperUse | None:
        """Return the wrapper that a wrapper calls. Return None if it calls the function."""
        return self.decorations.use(use.inner)

    def on_demand(self, keys: Sequence[str], reach: CallReach | None) -> list[Function]:
        """Return functions by their keys, and those nested in them, if they may reach a lock.

        ``reach`` None: without this test.
        """
        found: list[Function] = []
        wanted: dict[str, set[str]] = {}
        for key in self.working(keys):
            use = self.decorations.use(key)
            if use is not None:
                found += self._use(use)
                continue
            module, qualname = split_key(key)
            index = self.project.by_key(module)
            # A lambda is lowered with the function around it.
            qualname = outside_anonymous(qualname)
            if index is None or qualname not in index.functions:
                continue
            decl = index.functions[qualname]
            file = self.files.files[index.path]
            if reach is None or self.answer(file, partial(reach.reaches, key), False):
                wanted.setdefault(index.path, set()).add(outermost(index, decl).qualname)
        return found + self.lowered(wanted)

    def new(self, functions: Iterable[Function]) -> list[Function]:
        """Return those functions that have no graph yet."""
        return [each for each in functions if each.key not in self.functions]

    def declaration(self, key: str) -> FunctionDecl | None:
        """Return the declaration of a function. Return None if no file has one of that key."""
        module, qualname = split_key(key)
        index = self.project.by_key(module)
        return None if index is None else index.functions.get(qualname)

    def answer(self, file: AnalysedFile, ask: Callable[[], _T], otherwise: _T) -> _T:
        """Return the result for a file; ``otherwise``, and an internal error, if that fails."""
        try:
            return ask()
        except Exception as error:
            self._internal(file.source.path, error)
            return otherwise

    def working(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items, while what shows progress is kept alive."""
        return tracked(items, self.progress, 0)

    def _file_of(self, path: str) -> AnalysedFile | None:
        return self.files.files.get(path)

    def _internal(self, path: str, error: Exception) -> None:
        self.errors.append(InternalError.of(path, error))

    def _defined(self, names: Iterable[str]) -> frozenset[str]:
        """Return dotted names, and those of the definitions to which they lead."""
        return frozenset((*names, *map(self.project.defined_as, names)))
