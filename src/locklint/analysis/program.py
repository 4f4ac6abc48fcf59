"""Everything that is known about one program, read-only: the input of rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.acquisitions import Fate, fates, result_tells
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.condition_waits import ConditionWaits, FaultyWait
from locklint.analysis.critical_pair import is_known
from locklint.analysis.data_guards import DataGuards
from locklint.analysis.declared_order import DeclaredOrder, OddOrder, Violation, violations
from locklint.analysis.double_checked import DoubleCheck, DoubleChecks
from locklint.analysis.events import LockStates
from locklint.analysis.exits import Exits, LockedAtExit
from locklint.analysis.foreign_wakes import ForeignWake, ForeignWakes
from locklint.analysis.fork_faults import ForkFaults
from locklint.analysis.forks import Forks
from locklint.analysis.guarded_data import DataAccess, DataKey, guarded_data
from locklint.analysis.guards import is_guarded_release
from locklint.analysis.interprocedural import callees
from locklint.analysis.interrupted import Interrupted, locked_in_finalizers
from locklint.analysis.interruptions import Interruptions
from locklint.analysis.leftover_releases import Leftover, leftover_releases
from locklint.analysis.lock_cycles import LockCycle, find_cycles
from locklint.analysis.lock_order import LockOrderGraph, Witness, lock_order
from locklint.analysis.lock_registries import RacyInsertion, racy_insertions
from locklint.analysis.locks_across_loops import LockAcrossLoops, locks_across_loops
from locklint.analysis.logging_cycles import LoggingCycle, logging_cycles
from locklint.analysis.loop_tasks import LoopTasks
from locklint.analysis.loop_threads import LoopThreads
from locklint.analysis.passed import Passed
from locklint.analysis.process_locks import ProcessLocks, SharedWithProcess
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.self_deadlock import (
    SelfDeadlock,
    handler_deadlocks,
    is_of_one_thread,
    self_deadlocks,
)
from locklint.analysis.shields import Shields
from locklint.analysis.signals import WaitingForSignal, waiting_for_signals
from locklint.analysis.summary import Summary
from locklint.analysis.suspended import Suspended, suspended
from locklint.analysis.thread_tests import ThreadTests
from locklint.analysis.threads import Threads
from locklint.analysis.two_instances import TwoInstances, two_instances
from locklint.analysis.unheld_conditions import UnheldUse, unheld_uses
from locklint.analysis.waiting import WaitingForHolder, waiting_for_holders
from locklint.analysis.waiting_handlers import locked_in_handlers
from locklint.analysis.waits_with_locks import WaitWithLock, waits_with_locks
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import SourceFile, Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.hierarchy import Field, Fields, Hierarchy, LogHandlers
from locklint.ir.instruction import Spawn
from locklint.ir.lock import LockRef, LockRole
from locklint.ir.registration import Entry, Processes
from locklint.models.processes import AT_FORK_NAMES


class Program(msgspec.Struct, frozen=True, dict=True):
    """The analysed functions of a run with their lock states and summaries.

    ``problems`` are the files and functions that could not be read or parsed. ``sources`` gives
    the text of a file by its path. ``made`` says where locks are made, by identity: the path of
    the file and the place. ``back_references`` are attributes that lead back to the object that
    made theirs, each with the identity of that object's class, ``hierarchy`` the classes of objects
    whose methods are called, ``fields`` what their attributes lead to. ``declared_orders`` are
    those of the settings and of comments, ``odd_orders`` the comments that declare none although
    they are meant to, ``log_handlers`` the functions that run with the lock of a log handler held,
    ``called_with_lock`` the methods that a library calls with a lock of their object held, with
    what they call on the object, and those of a `threading.local`, which is another object in each
    thread,
    ``module_calls`` those that the code of a module calls, ``unseen_callers`` those that may have
    callers which were not lowered, ``called_by_constructors`` those that nothing else calls, by
    their bare names. ``unseen_releases`` are the paths whose unknown object is
    released in functions that were not lowered, after their files. ``rule_names`` are the names of
    all rules, which comments may contain. ``interrupting`` are the entries of what the
    interpreter runs in between, if some rule needs them, ``shared_fields`` the attributes of
    classes with finalizers that lead to objects that other code knows, too, ``processes`` what is
    known about processes, if some rule needs that. ``user_callbacks`` are those that keep callables
    which users of their classes pass, ``top_imports`` the modules that those modules
    import at their top, by path, in which something is imported under a lock, ``thread_locals`` the
    names of variables that hold what each thread has a value of its own of, ``kept_executors``
    the modules that keep executors, each with whether all of these have one worker.
    """

    functions: Mapping[str, Function]
    states: Mapping[str, LockStates]
    summaries: Mapping[str, Summary]
    sources: Mapping[str, SourceFile]
    problems: tuple[NotAnalysed, ...] = ()
    made: Mapping[str, tuple[str, Span]] = msgspec.field(default_factory=dict)
    back_references: frozenset[tuple[str, str]] = frozenset()
    hierarchy: Hierarchy = Hierarchy()
    fields: Fields = Fields()
    declared_orders: tuple[DeclaredOrder, ...] = ()
    odd_orders: tuple[OddOrder, ...] = ()
    log_handlers: LogHandlers = LogHandlers()
    called_with_lock: frozenset[str] = frozenset()
    module_calls: frozenset[str] = frozenset()
    unseen_callers: frozenset[str] = frozenset()
    called_by_constructors: frozenset[str] = frozenset()
    unseen_releases: frozenset[tuple[str, AccessPath]] = frozenset()
    rule_names: frozenset[str] = frozenset()
    interrupting: tuple[Entry, ...] = ()
    processes: Processes = Processes()
    shared_fields: frozenset[Field] = frozenset()
    user_callbacks: frozenset[Field] = frozenset()
    top_imports: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    thread_locals: frozenset[str] = frozenset()
    kept_executors: Mapping[str, bool] = msgspec.field(default_factory=dict)

    @cached_property
    def call_graph(self) -> CallGraph:
        """Return the calls between functions."""
        return CallGraph(self.states, self.summaries, self.fields.given)

    @cached_property
    def thread_tests(self) -> ThreadTests:
        """Return the tests of which thread runs a function."""
        return ThreadTests(self.call_graph, self.thread_locals)

    @cached_property
    def shields(self) -> Shields:
        """Return the awaits at which no task can be cancelled."""
        return Shields(self.functions, self.call_graph)

    @cached_property
    def composition(self) -> Composition:
        """The critical pairs of all functions."""
        return self._composed(self.call_graph)

    def _composed(self, graph: CallGraph) -> Composition:
        return Composition(
            graph,
            self.log_handlers.functions
            | {each.function for each in self.interrupting}
            | self.processes.forking
            | self.loop_threads.asked,
            self.hierarchy,
            self.fields,
        )

    @cached_property
    def loop_threads(self) -> LoopThreads:
        """Return the threads that wake tasks, or run event loops."""
        return LoopThreads(self.call_graph, self.threads)

    @cached_property
    def foreign_wakes(self) -> tuple[ForeignWake, ...]:
        """Return the places where another thread than that of the loop wakes its tasks."""
        wakes = ForeignWakes(
            self.composition,
            self.call_graph,
            self.loop_threads,
            self.interrupting,
            self.log_handlers.functions,
            self.made,
            self.sources,
        )
        return tuple(wakes.found())

    @cached_property
    def locks_across_loops(self) -> tuple[LockAcrossLoops, ...]:
        """Return the locks of asyncio that several event loops use."""
        return tuple(
            locks_across_loops(self.composition, self.call_graph, self.threads, self.loop_threads)
        )

    @cached_property
    def data(self) -> dict[DataKey, tuple[DataAccess, ...]]:
        """Return the accesses to attributes, if a rule wants them."""
        return guarded_data(self.states, self.unseen_callers)

    @cached_property
    def data_guards(self) -> DataGuards:
        """Return the locks that guard attributes, if a rule wants the accesses."""
        return DataGuards(
            self.data,
            self.call_graph,
            self.sources,
            self.unseen_callers,
            self.called_by_constructors,
            self.called_with_lock,
            self.thread_tests,
        )

    @cached_property
    def threads(self) -> Threads:
        """Return which functions may run at the same time."""
        # A process has locks of its own, and its first thread is like that of a program.
        alone = self.module_calls | self.spawned(is_process=True)
        return Threads(self.call_graph, alone, self.unseen_callers, self.kept_executors)

    @cached_property
    def lock_order(self) -> LockOrderGraph:
        """Return the graph of locks that are acquired while others are held."""
        return lock_order(self.composition, self.threads)

    @cached_property
    def possible_order(self) -> LockOrderGraph:
        """Return the edges that rest on a guess, at what is called or at which object it is.

        They say what may be, and are no part of `lock_order`: no finding rests on them.
        """
        composition = self.composition
        if any(states.possible for states in self.states.values()):
            graph = CallGraph(self.states, self.summaries, self.fields.given, with_possible=True)
            composition = self._composed(graph)
        found = lock_order(composition, self.threads, with_possible=True)
        known = self.lock_order.edges
        edges = {pair: edge for pair, edge in found.edges.items() if pair not in known}
        names = {name for pair in edges for name in pair}
        return LockOrderGraph(edges, {name: found.locks[name] for name in sorted(names)})

    @cached_property
    def lock_cycles(self) -> tuple[LockCycle, ...]:
        """Return the cycles of locks that threads can run into together."""
        return find_cycles(self.lock_order, self.threads, self.is_of_one_thread)

    @cached_property
    def self_deadlocks(self) -> tuple[SelfDeadlock, ...]:
        """Return the places where a thread waits for a lock that it holds."""
        found = self_deadlocks(
            self.composition, self.call_graph, self.back_references, self.thread_tests
        )
        return (
            *(each for each in found if not (each.in_child and self._is_handled_at_fork(each))),
            *handler_deadlocks(self.composition, self.log_handlers.own_lock),
        )

    def _is_handled_at_fork(self, found: SelfDeadlock) -> bool:
        """Return whether the file that makes a lock says what happens to it at a fork."""
        path, _ = self.made.get(found.held.lock.identity, ("", None))
        source = self.sources.get(path)
        return source is not None and any(name in source.text for name in AT_FORK_NAMES)

    def is_of_one_thread(self, witnesses: Sequence[Witness]) -> bool:
        """Return whether a thread on the path of all witnesses certainly waits for itself.

        Threads that begin half-way wait for each other, too. If tests of the thread decide on all
        paths, it may be the same one each time.
        """
        tests = self.thread_tests
        if all(tests.decide_on(each.pair) or tests.guard(each.pair.function) for each in witnesses):
            return True
        if not self.self_deadlocks:
            return False
        pairs = [witness.pair for witness in witnesses]
        begins = self._spawned_threads & {pair.function for pair in pairs}
        return any(
            is_of_one_thread(pairs, found) and begins <= {found.pair.function}
            for found in self.self_deadlocks
            if found.proven
        )

    @cached_property
    def two_instances(self) -> tuple[TwoInstances, ...]:
        """Return the places where two locks of one name are held at a time, in no fixed order."""
        return tuple(two_instances(self.composition, self.call_graph, self.threads))

    @cached_property
    def waiting_functions(self) -> dict[str, frozenset[str]]:
        """Return the functions that wait for each lock, by its identity.

        A lock that is only tried has none.
        """
        found: dict[str, set[str]] = defaultdict(set)
        for states in self.solved:
            for taken in states.taken:
                if taken.waits:
                    found[taken.lock.identity].add(states.function.key)
        return {identity: frozenset(keys) for identity, keys in found.items()}

    @cached_property
    def loop_tasks(self) -> LoopTasks:
        """Return which tasks of one event loop may meet."""
        return LoopTasks(self.call_graph, self.threads)

    @cached_property
    def order_violations(self) -> tuple[Violation, ...]:
        """Return the violations of the declared order of locks."""
        orders = self.declared_orders
        return tuple(violations(orders, self.lock_order)) if orders else ()

    @cached_property
    def logging_cycles(self) -> tuple[LoggingCycle, ...]:
        """Return the logging calls with a lock held that handling a record acquires."""
        return tuple(
            logging_cycles(self.composition, self.call_graph, self.threads, self.log_handlers)
        )

    @cached_property
    def waiting_for_holders(self) -> tuple[WaitingForHolder, ...]:
        """Return the waits, with a lock held, for a thread that needs it."""
        return tuple(
            waiting_for_holders(
                self.composition, self.call_graph, self.thread_tests, self.back_references
            )
        )

    @cached_property
    def waiting_for_signals(self) -> tuple[WaitingForSignal, ...]:
        """Return the waits, with a lock held, for an event that is set only with the lock."""
        return tuple(
            waiting_for_signals(self.composition, self.call_graph, self.threads, self.sources)
        )

    @cached_property
    def suspended(self) -> tuple[Suspended, ...]:
        """Return the locks that generators hold at a yield, for as long as a consumer likes."""
        return tuple(suspended(self.call_graph, self.sources))

    @cached_property
    def interruptions(self) -> Interruptions:
        """Return what the interpreter runs in between, such as signal handlers."""
        return Interruptions(self.call_graph, self.threads, self.interrupting)

    @cached_property
    def locked_in_handlers(self) -> tuple[Interrupted, ...]:
        """Return the waits of signal handlers for locks that the main thread may hold."""
        return tuple(
            locked_in_handlers(
                self.composition, self.call_graph, self.interruptions, self.thread_tests
            )
        )

    @cached_property
    def locked_in_finalizers(self) -> tuple[Interrupted, ...]:
        """Return the waits of finalizers for locks that are held where objects are freed."""
        return tuple(
            locked_in_finalizers(
                self.composition, self.call_graph, self.interruptions, self.shared_fields
            )
        )

    @cached_property
    def locked_at_exit(self) -> tuple[LockedAtExit, ...]:
        """Return the waits at the end of the interpreter for locks that daemon threads keep."""
        exits = Exits(self.composition, self.call_graph, self.threads, self.interruptions)
        return tuple(exits.faults())

    @cached_property
    def forks(self) -> Forks:
        """Return what forks, and what the children do."""
        return Forks(self.composition, self.call_graph, self.processes.methods)

    @cached_property
    def fork_faults(self) -> ForkFaults:
        """Return the locks that children of forks wait for in vain."""
        return ForkFaults(
            self.composition,
            self.call_graph,
            self.threads,
            self.forks,
            self.processes.handled,
        )

    @cached_property
    def locks_of_processes(self) -> tuple[SharedWithProcess, ...]:
        """Return the locks of threads that several processes use as one."""
        locks = ProcessLocks(self.composition, self.call_graph, self.threads, self.forks)
        return tuple(locks.faults(self.processes.runs, self.made))

    @cached_property
    def solved(self) -> tuple[LockStates, ...]:
        """The states of each function that was analysed to its end, in the order of files."""
        every = (self.states[function.key] for function in self.ordered_functions)
        return tuple([states for states in every if states.complete])

    @cached_property
    def not_analysed(self) -> tuple[NotAnalysed, ...]:
        """The files and functions about which not all is concluded, in the order of places."""
        given_up = (
            NotAnalysed(function.path, function.name_span, reason, function.qualname)
            for function in self.functions.values()
            if (reason := self.states[function.key].given_up) is not None
        )
        cut = (
            NotAnalysed(each.path, each.name_span, Reason.TOO_MANY_CHAINS, each.qualname)
            for each in map(self.functions.__getitem__, self.composition.cut)
        )
        return tuple(sorted((*self.problems, *given_up, *cut), key=lambda each: each.sort_key))

    @cached_property
    def ordered_functions(self) -> tuple[Function, ...]:
        """All functions, in the order of files and places."""
        return tuple(sorted(self.functions.values(), key=lambda f: (f.path, f.span, f.key)))

    @cached_property
    def released_elsewhere(self) -> ReleasedElsewhere:
        """Return the releases of locks that other functions may have acquired."""
        return ReleasedElsewhere(self.states, self.unseen_releases)

    @cached_property
    def leftover_releases(self) -> dict[str, list[Leftover]]:
        """Return the releases of locks that no function leaves held, by the releasing function."""
        found: dict[str, list[Leftover]] = defaultdict(list)
        for each in leftover_releases(
            self.states.values(), self.call_graph, self.released_elsewhere, self.sources
        ):
            found[each.states.function.key].append(each)
        return found

    @cached_property
    def unheld_uses(self) -> tuple[UnheldUse, ...]:
        """Return the waits and notifications where the condition's lock is certainly not held."""
        every = [self.states[function.key] for function in self.ordered_functions]
        return tuple(
            unheld_uses(
                every,
                self.call_graph,
                self.released_elsewhere,
                self.sources,
                self.unseen_callers,
                self.called_with_lock,
            )
        )

    @cached_property
    def faulty_waits(self) -> tuple[FaultyWait, ...]:
        """Return the waits on conditions after which nothing tests again what they waited for."""
        return tuple(ConditionWaits(self.call_graph, self.functions, self.sources).faults())

    @cached_property
    def double_checks(self) -> tuple[DoubleCheck, ...]:
        """Return the data that is tested without a lock and made with it, in a faulty way."""
        checks = DoubleChecks(
            self.call_graph, self.threads, self.functions, self.sources, self.module_calls
        )
        return tuple(checks.found())

    @cached_property
    def racy_insertions(self) -> tuple[RacyInsertion, ...]:
        """Return the places that store a new lock for a key without a lock."""
        return tuple(
            racy_insertions(
                self.call_graph,
                self.threads,
                self.thread_tests,
                self.sources,
                self.called_with_lock,
                self.module_calls - self.unseen_callers,
            )
        )

    @cached_property
    def waits_with_locks(self) -> tuple[WaitWithLock, ...]:
        """Return the waits on conditions with another lock held."""
        return tuple(
            waits_with_locks(
                self.composition,
                self.call_graph,
                self.threads,
                self.released_elsewhere,
                self.sources,
            )
        )

    def has_other_slots(self, lock: LockRef, function: Function) -> bool:
        """Return whether a function may release slots of a semaphore that it has not acquired."""
        if not is_known(lock) or self.released_elsewhere.is_passed_on(lock):
            return True
        return bool(self._acquiring_by_hand.get(lock.identity, frozenset()) - {function.key})

    @cached_property
    def _acquiring_by_hand(self) -> dict[str, set[str]]:
        """The functions that acquire each lock without a `with`, by its identity."""
        found: dict[str, set[str]] = defaultdict(set)
        for states in self.solved:
            for fate in fates(states):
                found[fate.lock.identity].add(states.function.key)
        return found

    def lookup(self, key: str, passed: Passed | None = None) -> tuple[Function, Summary] | None:
        """Return a function with its summary; see `locklint.analysis.summary.Lookup`."""
        summary = self.summaries.get(key)
        return None if summary is None else (self.functions[key], summary)

    def is_kept_by_mistake(self, fate: Fate) -> bool:
        """Return whether one path keeps what another releases, without a sign of purpose."""
        if not fate.kept or not fate.releases:
            return False
        if not fate.given_back and all(given.exception is not None for given in fate.releases):
            return False
        if fate.is_handed_on or is_guarded_release(fate):
            return False
        if result_tells(fate) and not fate.is_left_by_handlers:
            return False
        if fate.lock.kind.role is LockRole.SEMAPHORE and fate.lock.path.root is Root.PARAMETER:
            return False  # The caller has the semaphore, too, and may count what this takes.
        other = self.released_elsewhere.counterpart(fate)
        return other is None or not other.is_sure

    @cached_property
    def _spawned_threads(self) -> frozenset[str]:
        return self.spawned(is_process=False)

    def spawned(self, *, is_process: bool) -> frozenset[str]:
        """The functions that are given to a new process, or to a new thread, to run."""
        return frozenset(
            target
            for spawn in self._spawns
            if spawn.is_process is is_process
            for target in spawn.targets
        )

    @cached_property
    def _spawns(self) -> tuple[Spawn, ...]:
        return tuple(
            [
                instruction
                for function in self.functions.values()
                for block in function.blocks.values()
                for instruction in block.instructions
                if isinstance(instruction, Spawn)
            ]
        )

    def called(self) -> frozenset[str]:
        """The functions that some analysed function calls."""
        return frozenset(
            target for function in self.functions.values() for target in callees(function)
        )

    def locks(self) -> frozenset[str]:
        """The identities of all locks that were seen in use."""
        return frozenset(
            lock.identity for states in self.states.values() for lock in states.locks.values()
        )
