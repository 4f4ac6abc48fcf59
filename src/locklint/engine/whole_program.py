"""The lock states of the whole program, from the lowered functions of each file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from locklint.engine.program_files import AnalysedFile
from locklint.engine.progress import tracked
from locklint.ir.cfg import Function
from locklint.ir.event import ACCESSES
from locklint.ir.registration import Entry, Processes

if TYPE_CHECKING:
    from locklint.engine.program_inputs import ProgramInputs
    from locklint.engine.solved_functions import SolvedFunctions
    from locklint.frontend.trace import Interface


class WholeProgram:
    """Resolves and solves the lowered functions of a run, and lowers more where they are needed.

    After the functions that mention locks come those that call what acquires or releases for its
    caller, those behind decorators that do, and those that are called while a lock is held.

    Attributes:
        solved: The functions with their states.
        interrupting: What the interpreter runs in between, such as signal handlers.
        processes: What is known about processes.
    """

    def __init__(self, solved: SolvedFunctions) -> None:
        """``solved`` has no functions yet."""
        self.solved = solved
        self.interprocedural = solved.interprocedural
        self.project = solved.project
        self.errors = solved.errors
        self.interrupting: tuple[Entry, ...] = ()
        self.processes = Processes()

    def solve(self, lowered: list[tuple[AnalysedFile, list[Function]]]) -> None:
        """Solve the functions, and all others that turn out to matter to them.

        ``lowered`` is emptied: graphs without effects are not needed any more.
        """
        from locklint.engine.demand import entered_by, methods_beside_locks, takes_what_is_passed
        from locklint.engine.event_loops import follow_loops, look_for_runners
        from locklint.engine.follow_calls import (
            MAX_ROUNDS,
            follow_calls,
            follow_possible_calls,
            look_for_callers,
            look_for_consumers,
            signalling,
            spawned,
        )
        from locklint.engine.forking import follow_processes
        from locklint.engine.function_search import behind_locking_decorators, callers, touching
        from locklint.engine.interrupting import follow_interruptions

        solved = self.solved
        solved.progress.begin("resolving names", len(lowered))
        ready: list[Function] = []
        # Decorators may be in a file that comes later.
        solved.keep_nested(each for _, functions in lowered for each in functions)
        for file, functions in tracked(lowered, solved.progress):
            ready += solved.with_effects(file, functions)
        lowered.clear()
        solved.progress.begin("analysing functions")
        ready += solved.lowered(touching(solved))
        ready += solved.lowered(behind_locking_decorators(solved))
        changed = solved.add(ready)
        states = solved.states
        for _ in range(MAX_ROUNDS):
            more = solved.lowered(callers(solved, changed | takes_what_is_passed(states)))
            if not more:
                break
            changed = solved.add(more)
        solved.drop_read()
        solved.add(solved.on_demand(sorted(spawned(solved) | entered_by(states)), None))
        follow_calls(solved)
        solved.add(signalling(solved))
        look_for_consumers(solved)
        if not solved.wanted.isdisjoint(ACCESSES):
            beside = methods_beside_locks(states, solved.files.searched)
            solved.add(solved.lowered(beside))
        look_for_runners(solved)
        follow_loops(solved)
        self.interrupting = follow_interruptions(solved)
        self.processes = follow_processes(solved)
        look_for_callers(solved)
        follow_possible_calls(solved)
        solved.drop_written()
        solved.interprocedural.settle()

    def facts_behind(self, key: str) -> tuple[Interface, ...]:
        """Return the facts that the graph of a function rests on, if that was recorded."""
        return self.solved.project.trace.interfaces(key)

    def digest(self, fact: Interface) -> str:
        """Return a digest of a fact; lines and columns have no part."""
        from locklint.frontend.interfaces import digest_of_fact

        return digest_of_fact(self.solved.resolver.dispatch, fact)

    def forget(self) -> None:
        """Drop the results about names, when all questions are asked: a tenth of the memory."""
        self.solved.keep_memory()
        self.solved.resolver.forget()

    def include(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Solve outermost functions, by path and qualified name, that nothing has led to."""
        self.solved.add(self.solved.lowered(wanted))

    def inputs(self) -> ProgramInputs:
        """Return what is known about the solved functions, for the rules."""
        from locklint.engine.program_inputs import ProgramInputs

        solved = self.solved
        return ProgramInputs(
            solved.files, solved.interprocedural, solved.resolver, solved.resolver_of, solved.answer
        )
