"""Executors with one worker: what is given to them runs in turn, in one thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

from locklint.analysis.call_graph import CallGraph
from locklint.core.source import Span
from locklint.ir.acquire_call import argument_value
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, Constant
from locklint.models.spawns import POOL_SIZE, RUNS_IN_EXECUTOR, THREAD_POOL


def calls_of(function: Function) -> Iterator[Call]:
    """Yield the calls of a function."""
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call):
                yield each


def call_at(function: Function, span: Span) -> Call | None:
    """Return the call of a function at a place, or None."""
    return next((each for each in calls_of(function) if each.span == span), None)


class OneWorker:
    """A judge of calls that give functions to executors. It goes by all executors of the file.

    ``kept`` are the modules that keep executors in attributes or variables of their own, each with
    whether all of these have one worker.
    """

    def __init__(self, graph: CallGraph, kept: Mapping[str, bool]) -> None:
        self._graph = graph
        self._kept = kept

    def runs(self, key: str, span: Span) -> bool:
        """Return whether a call gives a function to an executor, and those have one worker."""
        function = self._graph.function(key)
        call = call_at(function, span) if function.module in self._modules else None
        if call is None or call.external is None:
            return False
        if call.external.endswith(RUNS_IN_EXECUTOR):
            return bool(call.arguments) and call.arguments[0].value != Constant(None)
        return THREAD_POOL in call.external

    @cached_property
    def _modules(self) -> frozenset[str]:
        """The modules that make such executors, and no others."""
        found: dict[str, bool] = defaultdict(lambda: True)
        found.update(self._kept)
        for states in self._graph.states.values():
            for each in calls_of(states.function):
                if each.external is not None and each.external.endswith(THREAD_POOL):
                    is_one = argument_value(each, POOL_SIZE) == Constant(1)
                    found[states.function.module] &= is_one
        return frozenset(module for module, is_one in found.items() if is_one)
