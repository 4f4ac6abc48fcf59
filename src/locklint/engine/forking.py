"""Functions that fork, and what has to be lowered to know what their children reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from locklint.engine.follow_calls import lower_up_to_locks
from locklint.engine.function_search import calling, classes_below, found_in, names_of_threads
from locklint.engine.solved_functions import SolvedFunctions
from locklint.ir.cfg import Function, split_key
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call, Instruction, Spawn
from locklint.ir.registration import Processes
from locklint.ir.terminator import Branch, Opaque, is_of_process
from locklint.models.processes import AT_FORK, FORKS, chosen_method, names_about_processes
from locklint.models.spawns import PROCESS_MAKERS


def follow_processes(solved: SolvedFunctions) -> Processes:
    """Find what forks, and what runs in the child (LCK703, LCK704).

    Return what is known of processes. It is lowered as far as it may reach a lock.
    """
    states = solved.states
    if EventKind.FORK not in solved.wanted or not any(e.taken for e in states.values()):
        return Processes()
    classes = classes_below(solved, PROCESS_MAKERS)
    code = calling(solved, lambda text: names_about_processes(text) | found_in(text, classes))
    solved.add(solved.new(code))
    found = _processes((*solved.functions.values(), *code))
    runs = solved.resolver.dispatch.run_in_processes(classes) if classes else frozenset[str]()
    if found.forking or runs:
        solved.add(solved.new(calling(solved, names_of_threads)))
        found = _processes((*solved.functions.values(), *code))
    known = replace(found, forking=found.forking | runs, runs=runs)
    lower_up_to_locks(solved, known.forking)
    return known


def _processes(functions: Iterable[Function]) -> Processes:
    """Return what some functions say about processes."""
    methods: set[str] = set()
    forking: set[str] = set()
    at_fork: set[str] = set()
    for function in functions:
        for each in _instructions(function):
            if isinstance(each, Call) and each.external is not None:
                method = chosen_method(each)
                if method is not None:
                    methods.add(method)
                if each.external in AT_FORK:
                    at_fork.add(split_key(function.key)[0])
                if each.external in FORKS:
                    forking.add(function.key)
            elif isinstance(each, Spawn) and each.is_process:
                forking |= {function.key, *each.targets}
        if _looks_for_child(function):
            forking.add(function.key)
    return Processes(frozenset(methods), frozenset(forking), frozenset(at_fork))


def _looks_for_child(function: Function) -> bool:
    """Return whether a function tests if it runs in the process that made its object."""
    return any(
        isinstance(block.terminator, Branch)
        and isinstance(test := block.terminator.condition, Opaque)
        and is_of_process(test.text or "")
        for block in function.blocks.values()
    )


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions
