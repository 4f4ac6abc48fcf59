"""The context in which the instructions of one function change its lock states."""

from __future__ import annotations

from collections.abc import Mapping, Set
from copy import copy
from functools import cached_property
from typing import NamedTuple

from locklint.analysis.events import Shared, TriedByCallee
from locklint.analysis.guards import flagged_releases
from locklint.analysis.hold import Acquisition, LockKey
from locklint.analysis.lockset import Disjunct
from locklint.analysis.relevance import Relevance
from locklint.analysis.steps import FunctionSteps
from locklint.analysis.summary import Lookup
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Enter,
    Exit,
    FunctionRef,
    Notify,
    Operand,
    Operate,
    Read,
    Release,
    Spawn,
    TryAcquire,
    Wait,
    Yield,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.means import How
from locklint.ir.operands import bound_temporaries
from locklint.models.plain_values import NULL_CONTEXT, is_never_none, is_true


class Check(NamedTuple):
    """A call that gets the result of ``tries``, and may raise if that is false.

    ``value`` is the argument, or None if only an object that was made with the result is passed.
    ``returns_if_false`` and ``raises_if_true``: it may do that too.
    """

    tries: tuple[TryAcquire, ...]
    value: AccessPath | None = None
    returns_if_false: bool = True
    raises_if_true: bool = False


class Observer:
    """Hears of each instruction that is executed, with the state before it. This one notes nothing.

    It is asked to do all the work that only notes need, so that solving does none of it.
    """

    def acquires(
        self,
        key: LockKey,
        lock: LockRef,
        acquisition: Acquisition,
        disjunct: Disjunct,
        instruction: Acquire | TryAcquire | None,
    ) -> None:
        """Hear of an acquisition, by an instruction or by a callee."""

    def releases(
        self, key: LockKey, lock: LockRef, span: Span, how: How, disjunct: Disjunct
    ) -> None:
        """Hear of a release."""

    def tries(self, tried: TriedByCallee) -> None:
        """Hear of a call that tries to acquire a lock."""

    def hands_over(self, key: LockKey) -> None:
        """Hear of a held lock that other code may release from now on."""

    def varies(self, key: LockKey, lock: LockRef) -> None:
        """Hear of a lock that a callee may acquire or release, or neither."""

    def calls(self, context: FunctionContext, call: Call, disjunct: Disjunct) -> None:
        """Hear of a call."""

    def spawns(self, context: FunctionContext, spawn: Spawn, disjunct: Disjunct) -> None:
        """Hear of the start of a thread, task or process."""

    def enters(self, context: FunctionContext, enter: Enter, disjunct: Disjunct) -> None:
        """Hear of the beginning of a `with`."""

    def leaves(self, context: FunctionContext, exit_: Exit, disjunct: Disjunct) -> None:
        """Hear of the end of a `with`."""

    def awaits(self, context: FunctionContext, await_: Await, disjunct: Disjunct) -> None:
        """Hear of an `await`."""

    def uses(self, context: FunctionContext, use: Wait | Notify, disjunct: Disjunct) -> None:
        """Hear of a wait on a condition, or a notification."""

    def yields(self, yield_: Yield, disjunct: Disjunct) -> None:
        """Hear of a yield."""

    def accesses(self, access: Assign | Read | Operate, disjunct: Disjunct) -> None:
        """Hear of what may read or write an attribute."""


class FunctionContext:
    """The facts that are the same in all lock states of one function, and what observes them.

    ``lookup`` gives a callee and its summary by key; ``shared`` says what others do to the same
    locks; ``turns`` are the locks that the iterations of loops hand on, by the edges back to the
    start; ``ties`` are those that go with what a block tests at its end, each with the outcome that
    says that it is held, if that is known; ``checks`` are calls that get the result of an acquire,
    by their own results. Walks fill in ``deferred``, the locks whose release is
    left to a stack of clean-ups, ``identities``, those of the locks that were acquired or released
    so far, and ``at_tests``, the states before tests.
    """

    def __init__(
        self,
        function: Function,
        relevance: Relevance,
        lookup: Lookup,
        steps: FunctionSteps,
        shared: Shared,
    ) -> None:
        self.function = function
        self.relevance = relevance
        self.lookup = lookup
        self.steps = steps
        self.shared = shared
        self.observer = Observer()
        self.turns: dict[tuple[BlockId, BlockId], frozenset[LockKey]] = {}
        self.ties: dict[BlockId, dict[LockKey, bool | None]] = {}
        self.checks: Mapping[AccessPath | None, Check] = {}
        self.at_tests: dict[BlockId, list[Disjunct]] = {}
        self.deferred: dict[LockKey, LockRef] = {}
        self.identities: dict[LockKey, str] = {}

    def observed_by(self, observer: Observer) -> FunctionContext:
        """Return the same context with an observer."""
        other = copy(self)
        other.observer = observer
        return other

    @cached_property
    def single_locks(self) -> Mapping[AccessPath, LockRef]:
        """The locks that are one object of the whole program, by their names in this function."""
        return {
            instruction.lock.path: instruction.lock
            for block in self.function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Acquire | TryAcquire | Release)
            and instruction.lock.exactness is Exactness.ONE
        }

    @cached_property
    def no_locks(self) -> Set[AccessPath]:
        """The paths of objects that acquire nothing: of `contextlib.nullcontext()`."""
        made: set[AccessPath] = set()
        values: dict[AccessPath, set[Operand]] = {}
        for block in self.function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Call(external=name, result=AccessPath() as result) if name == NULL_CONTEXT:
                        made.add(result)
                    case Assign(target=target, value=value) if target.root is Root.LOCAL:
                        values.setdefault(target, set()).add(value)
        return made | {target for target, bound in values.items() if bound <= made}

    @cached_property
    def never_none(self) -> Set[AccessPath]:
        """The results of calls that are objects: of constructors, and of some library functions."""
        return self.always_true | {
            call.result
            for call in self._calls_with_results
            if call.result is not None
            and (call.constructs is not None or is_never_none(call.external or ""))
        }

    @cached_property
    def always_true(self) -> Set[AccessPath]:
        """The results of calls that are true, such as open files; objects of classes may not be."""
        return {
            call.result
            for call in self._calls_with_results
            if call.result is not None and is_true(call.external or "")
        }

    @cached_property
    def _calls_with_results(self) -> tuple[Call, ...]:
        return tuple(
            each
            for block in self.function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call) and each.result is not None
        )

    @cached_property
    def flagged_releases(self) -> frozenset[Span]:
        """The releases under a test of a flag that may have been set by an earlier call."""
        return flagged_releases(self.function)

    @cached_property
    def perhaps_given_acquired(self) -> frozenset[AccessPath]:
        """Results of calls that may have acquired the lock that they give, and their variables."""
        results = {
            instruction.result
            for block in self.function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Call) and instruction.result is not None
            if instruction.overrides or not all(map(self._only_makes, instruction.targets))
        }
        bound = bound_temporaries(self.function) if results else []
        return frozenset(results | {target for target, value in bound if value in results})

    def _only_makes(self, key: str) -> bool:
        """Return whether a function neither acquires a lock nor calls what might."""
        found = self.lookup(key)
        return found is not None and not any(
            isinstance(instruction, Acquire | TryAcquire)
            or (isinstance(instruction, Call) and bool(instruction.targets))
            for block in found[0].blocks.values()
            for instruction in block.instructions
        )

    @cached_property
    def names_inner(self) -> bool:
        """Return whether the function binds or passes a function that is inside it."""
        values: list[Operand] = []
        for block in self.function.blocks.values():
            for each in block.instructions:
                match each:
                    case Assign(value=value):
                        values.append(value)
                    case Call(arguments=arguments):
                        values += [argument.value for argument in arguments]
        return any(isinstance(value, FunctionRef) for value in values)
