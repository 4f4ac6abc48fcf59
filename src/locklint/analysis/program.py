"""Everything that is known of one program, read-only: what rules look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from locklint.analysis.events import LockStates
from locklint.analysis.summary import Summary
from locklint.core.diagnostic import Diagnostic
from locklint.core.source import SourceFile
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call
from locklint.ir.lock import LockRef, LockRole, Mode

RELEASE_NAMES = ("release", "release_read_lock", "release_write_lock", "__exit__")


@dataclass(frozen=True)
class Program:
    """The analysed functions of a run with their lock states and summaries.

    ``problems`` are the files that could not be analysed, as findings of LCK901. ``sources`` gives
    the text of a file by its path.
    """

    functions: Mapping[str, Function]
    states: Mapping[str, LockStates]
    summaries: Mapping[str, Summary]
    sources: Mapping[str, SourceFile]
    problems: tuple[Diagnostic, ...] = ()

    def solved(self) -> Iterator[LockStates]:
        """The states of each function that was analysed to its end, in the order of files."""
        for states in sorted(
            self.states.values(), key=lambda s: (s.function.path, s.function.span, s.function.key)
        ):
            if states.complete:
                yield states

    def ordered_functions(self) -> Iterator[Function]:
        """All functions, in the order of files and places."""
        yield from sorted(self.functions.values(), key=lambda f: (f.path, f.span, f.key))

    @cached_property
    def loose_releases(self) -> frozenset[str]:
        """Identities of locks that some function releases without having acquired them there.

        Those whose release method is passed on or stored are among them.
        """
        found: set[str] = set()
        for states in self.states.values():
            found |= states.function.mentions
            for given in states.given:
                if given.before.count <= 0 and not given.before.known:
                    found.add(_held_as(given.lock, given.key.mode))
        return frozenset(found)

    @cached_property
    def loose_release_names(self) -> frozenset[str]:
        """Names of attributes and variables whose unknown object is released somewhere."""
        found: set[str] = set()
        for function in self.functions.values():
            for block in function.blocks.values():
                for instruction in block.instructions:
                    if not isinstance(instruction, Call) or instruction.callee is None:
                        continue
                    callee = instruction.callee
                    if callee.fields and callee.last in RELEASE_NAMES and not instruction.targets:
                        found.add(callee.parent().last)
        return frozenset(found)

    def is_released_elsewhere(self, lock: LockRef, mode: Mode = Mode.EXCLUSIVE) -> bool:
        """Whether another function may give the lock back."""
        return (
            lock.identity in self.loose_releases
            or _held_as(lock, mode) in self.loose_releases
            or lock.identity.rsplit(".", 1)[-1] in self.loose_release_names
        )

    def locks(self) -> frozenset[str]:
        """The identities of all locks that were seen in use."""
        return frozenset(
            lock.identity for states in self.states.values() for lock in states.locks.values()
        )


def _held_as(lock: LockRef, mode: Mode) -> str:
    """The identity, and for a read-write lock the mode: releasing one side leaves the other."""
    return f"{lock.identity}/{mode.value}" if lock.kind.role is LockRole.READ_WRITE else lock.identity
