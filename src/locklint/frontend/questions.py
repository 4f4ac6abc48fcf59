"""The memory of questions whose results need those of others: what is kept, cycles and bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from locklint.frontend.evaluator import Key
from locklint.frontend.trace import Trace
from locklint.frontend.value_types import UNKNOWN, Types

MAX_STEPS = 1_000
"""The largest number of steps of one question.

Of 300,000 questions about 26 packages, twelve need more than this and less than four times as many.
Those that are given up take most of all steps.
"""

MAX_DEPTH = 45


class _Frame(msgspec.Struct):
    """A running computation: the keys at which cycles were cut in it, and those it passed through.

    Keys with a permanent cache entry are in neither.
    """

    depth: int
    cuts: set[Key] = set()
    reached: set[Key] = set()

    def is_cut_alike(self, stack: Iterable[Key]) -> bool:
        """Return whether the same computation would be cut at the same keys below that stack."""
        cut = 0
        for key in stack:
            if key in self.cuts:
                cut += 1
            elif key in self.reached:
                return False
        return cut == len(self.cuts)


class _TooDeep(msgspec.Struct, frozen=True, gc=False):
    """The result of a computation that nests too many others if it begins at a depth, or deeper.

    ``nested`` are the keys that were nested in it when it was given up, and ``frame`` has the
    cycles that were cut before.
    """

    result: Types
    depth: int
    nested: tuple[Key, ...]
    frame: _Frame


class Questions:
    """Questions about types by their keys: what each has given, and how far the present one is.

    A question that takes more than `MAX_STEPS` steps, or in which more than `MAX_DEPTH` others are
    nested, is given up.
    """

    def __init__(self, trace: Trace) -> None:
        """``trace`` records what results rest on."""
        self._trace = trace
        self._memo: dict[Key, Types] = {}
        self._stack: dict[Key, _Frame] = {}
        self._provisional: dict[Key, tuple[Types, _Frame]] = {}
        self._too_deep: dict[Key, _TooDeep] = {}
        self._settled: dict[int, tuple[object, Types]] = {}
        self._given_up_in: tuple[Key, ...] = ()
        self._steps = 0
        self._depth = 0
        self._kept = 0
        self._has_given_up = False

    def begin(self) -> None:
        """Start a new question with a full budget."""
        if self._steps > MAX_STEPS:
            self._has_given_up = True
        self._steps = 0
        self._depth = 0
        self._given_up_in = ()
        if self._stack:
            self._stack.clear()
        if self._provisional:
            self._provisional.clear()

    def drop_results(self) -> None:
        """Drop all results: a fact on which they may rest has changed."""
        self._memo.clear()
        self._too_deep.clear()
        self._settled.clear()
        self._kept += 1

    @property
    def has_given_up(self) -> bool:
        """Return whether any question was given up: its result depends on those before it."""
        return self._has_given_up or self.exhausted

    @property
    def exhausted(self) -> bool:
        """Return whether the present question has used up its steps."""
        return self._steps > MAX_STEPS

    @property
    def is_new(self) -> bool:
        """Return whether the current query has taken no step yet."""
        return not self._steps

    def give_up(self) -> None:
        """Use up the steps of the present question."""
        self._steps = MAX_STEPS + 1

    def memoised(self, key: Key, compute: Callable[[], Types]) -> Types:
        """Return the result for a key, computed once.

        Within its own computation a key has no types. A result computed while such a cycle was cut
        further up is not kept, so that results never depend on the order of queries. Within one
        query it is used again where the same cuts would be made: otherwise a cycle of names would
        be walked once for each path through it.
        """
        trace = self._trace
        done = self._memo.get(key)
        if done is not None:
            if trace.is_on:
                trace.use(key)
            return done
        stack = self._stack
        if key in stack:
            next(reversed(stack.values())).cuts.add(key)
            return ()
        if self._steps > MAX_STEPS:
            return UNKNOWN
        if self._depth >= MAX_DEPTH:
            self._give_up_in((key,))
            return UNKNOWN
        known = self._too_deep.get(key)
        if known is not None and self._is_valid(known):
            self._give_up_in((key, *known.nested))
            self._leave(key, known.frame)
            trace.use(key)
            return known.result
        self._steps += 1
        before = self._provisional.get(key)
        if before is not None and before[1].is_cut_alike(stack):
            self._leave(key, before[1])
            trace.use(key)
            return before[0]
        frame = stack[key] = _Frame(self._depth)
        self._depth += 1
        begun = trace.begin() if trace.is_on else 0
        try:
            result = compute()
        finally:
            self._depth -= 1
            del stack[key]
            if trace.is_on:
                trace.end(begun, key)
        frame.cuts.discard(key)
        if self.exhausted:
            if self._given_up_in:
                nested = self._given_up_in[len(stack) + 1 :]
                self._too_deep[key] = _TooDeep(result, frame.depth, nested, frame)
        elif not frame.cuts:
            self._memo[key] = result
            self._kept += 1
            return result
        else:
            self._provisional[key] = (result, frame)
        self._leave(key, frame)
        return result

    def settled(self, subject: object, compute: Callable[[], Types]) -> Types:
        """Return the result for an object, by its identity; it takes no step.

        It is kept unless a cycle was cut in it, or the steps were used up.
        """
        key = id(subject)
        known = self._settled.get(key)
        if known is not None:
            if self._trace.is_on:
                self._trace.use(("settled", key))
            return known[1]
        outer = next(reversed(self._stack.values()), None)
        before: set[Key] = set()
        if outer is not None:
            before, outer.cuts = outer.cuts, set()
        if self._trace.is_on:
            begun = self._trace.begin()
            result = compute()
            self._trace.end(begun, ("settled", key))
        else:
            result = compute()
        is_cut = outer is not None and bool(outer.cuts)
        if outer is not None and before:
            outer.cuts |= before
        if not is_cut and not self.exhausted:
            # The object is kept too, so that its identity stays its own.
            self._settled[key] = (subject, result)
            self._kept += 1
        return result

    def _leave(self, key: Key, frame: _Frame) -> None:
        """Add the cuts on which a key's result depends to the computation that needed it."""
        if not self._stack:
            return
        outer = next(reversed(self._stack.values()))
        outer.cuts |= frame.cuts
        outer.reached |= frame.reached
        outer.reached.add(key)

    def _is_valid(self, known: _TooDeep) -> bool:
        """Return whether a computation that nested too many others would end alike now.

        It does if it begins as deep, none of the nested keys has a result now, and it is cut at the
        same keys.
        """
        if self._depth < known.depth:
            return False
        if any(key in self._memo or key in self._stack for key in known.nested):
            return False
        return known.frame.is_cut_alike(self._stack)

    def _give_up_in(self, nested: tuple[Key, ...]) -> None:
        """Use up the steps, as the keys that are nested in the running ones are too deep."""
        self._steps = MAX_STEPS + 1
        self._given_up_in = (*self._stack, *nested)
