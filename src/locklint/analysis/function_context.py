"""The context in which the instructions of one function change its lock states."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property

from locklint.analysis.events import Shared
from locklint.analysis.hold import LockKey
from locklint.analysis.recorder import Recorder
from locklint.analysis.relevance import Relevance
from locklint.analysis.summary import Lookup
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Acquire, Assign, Call, Operand, Release, TryAcquire
from locklint.ir.lock import Exactness, LockRef

_NOTHING = "contextlib.nullcontext"


class FunctionContext:
    """The facts that are the same in all lock states of one function.

    ``lookup`` gives a callee and its summary by key; ``shared`` says what others do to the same
    locks. Under ``deferred`` are the locks whose release is left to a stack of clean-ups, and under
    ``identities`` those that the function was seen to acquire or release.
    """

    def __init__(
        self,
        function: Function,
        relevance: Relevance,
        lookup: Lookup,
        recorder: Recorder | None,
        shared: Shared,
    ) -> None:
        self.function = function
        self.relevance = relevance
        self.lookup = lookup
        self.recorder = recorder
        self.shared = shared
        self.deferred: dict[LockKey, LockRef] = {}
        self.identities: dict[LockKey, str] = {}

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
                    case Call(external=name, result=AccessPath() as result) if name == _NOTHING:
                        made.add(result)
                    case Assign(target=target, value=value) if target.root is Root.LOCAL:
                        values.setdefault(target, set()).add(value)
        return made | {target for target, bound in values.items() if bound <= made}
