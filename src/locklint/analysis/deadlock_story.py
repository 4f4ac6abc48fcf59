"""The steps of a finding about several functions, or about several threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.lock_name import lock_name, short_names
from locklint.analysis.paths import Paths
from locklint.analysis.story import made_step, under
from locklint.core.diagnostic import Step, StepRole
from locklint.core.source import Span
from locklint.ir.event import Event, EventKind
from locklint.ir.lock import LockRef
from locklint.ir.means import BY_LOG, BY_MANAGER, BY_PROPERTY

if TYPE_CHECKING:
    from locklint.analysis.program import Program


class Story:
    """The steps of a finding about several functions, in which each lock has one short name.

    Each of several ``pairs`` is what a thread, or a task of an event loop, does.
    """

    def __init__(
        self, program: Program, *pairs: CriticalPair, relation: str = "which it already holds"
    ) -> None:
        """Begin the steps of all that happens in ``pairs``.

        ``relation`` says, for a single thread, how the lock that it waits for is related to the
        lock of the same name that it holds.
        """
        self._program = program
        self._pairs = pairs
        self._relation = relation
        self._modules = {source.key for source in program.sources.values()}
        names = [lock_name(lock) for pair in pairs for lock in _locks(pair)]
        self._names = short_names(names, self._modules)

    def name(self, lock: LockRef | str) -> str:
        """Return the short name of a lock, which may be given by its name across the program."""
        full = lock if isinstance(lock, str) else lock_name(lock)
        return self._names.get(full) or short_names([full], self._modules)[full]

    def thread(self, number: int) -> str:
        """Return what the thread of a pair is called; the first has number 1."""
        return f"{self.actor(number)} {number}"

    def actor(self, number: int) -> str:
        """Return whether the pair of this number runs in a task or in a thread."""
        return "task" if _is_in_task(self._pairs[number - 1]) else "thread"

    @property
    def actors(self) -> str:
        """Return ``tasks`` if all pairs run in tasks of an event loop, else ``threads``."""
        return "tasks" if all(map(_is_in_task, self._pairs)) else "threads"

    def steps(self, waits: str = "waits for it") -> list[Step]:
        """Return the steps of each pair: acquires, the calls in between, and what waits at last.

        ``waits`` is said of a wait for something that is no lock.
        """
        several = len(self._pairs) > 1
        return [
            step
            for number, pair in enumerate(self._pairs, start=1)
            for step in self._steps(pair, number if several else 0, waits)
        ]

    def _steps(self, pair: CriticalPair, thread: int, waits: str) -> list[Step]:
        event = pair.event
        awaited = _awaited(event)
        waits_for = "" if awaited is None else self.name(awaited)
        steps: list[Step] = []
        held: tuple[str, ...] = ()

        def add(
            role: StepRole, link: CriticalPair, span: Span, message: str, lock: str = ""
        ) -> None:
            function = self._program.functions[link.function]
            tests = Paths(function).tests_before(span, since)
            steps.append(
                Step(
                    role,
                    function.path,
                    span,
                    message + under(self._program, function, tests),
                    function.shown_name,
                    lock,
                    held,
                    thread,
                    waits_for if role == "wait" else "",
                    _is_in_task(pair),
                )
            )

        for link in pair.chain():
            since: Span | None = None
            for one in link.held:
                name = self.name(one.lock)
                if name not in held:
                    held = (*held, name)
                if one.since is not None:
                    message = f"acquires `{name}`"
                    add(StepRole.ACQUIRE, link, one.since.span, message, one.lock.identity)
                    since = one.since.span
            if link.inner is not None:
                callee = self._program.functions[link.inner.function].called_name
                add(StepRole.CALL, link, link.span, _call_phrase(link, callee))
            elif awaited is not None:
                doing = "waits for"
                if event.kind is EventKind.WAIT:
                    doing = "waits on a condition, and then for its lock"
                message = f"{doing} `{waits_for}`{self._holders(lock_name(awaited), thread)}"
                if event.kind is EventKind.PARK:
                    message = f"waits on a condition, and releases `{waits_for}` alone"
                add(StepRole.WAIT, link, link.span, message, awaited.identity)
            else:
                add(StepRole.WAIT, link, link.span, waits)
        return steps

    def made(self, *locks: LockRef) -> list[Step]:
        """Return a step for the place where each lock is made, with its full name."""
        distinct = {lock_name(lock): lock for lock in locks}
        steps = (made_step(self._program, lock) for lock in distinct.values())
        return [step for step in steps if step is not None]

    def _holders(self, lock: str, thread: int) -> str:
        """Return, for example, ``, which thread 2 holds``; nothing if that is not known."""
        holders = [
            number
            for number, pair in enumerate(self._pairs, start=1)
            if any(lock_name(one.lock) == lock for link in pair.chain() for one in link.held)
        ]
        if not thread:
            return f", {self._relation}" if holders else ""
        others = [self.thread(number) for number in holders if number != thread]
        if not others:
            return ""
        return f", which {' and '.join(others)} {'holds' if len(others) == 1 else 'hold'}"


def _is_in_task(pair: CriticalPair) -> bool:
    """Return whether it happens in a task of an event loop, for which such locks are made."""
    return any(lock.kind.is_async for lock in _locks(pair))


def _locks(pair: CriticalPair) -> Iterator[LockRef]:
    """The locks that are held in a pair or waited for."""
    for link in pair.chain():
        yield from (one.lock for one in link.held)
    awaited = _awaited(pair.event)
    if awaited is not None:
        yield awaited


def _awaited(event: Event) -> LockRef | None:
    """Return the lock for which an event waits. Waking tasks waits for none."""
    return None if event.kind is EventKind.WAKE else event.lock


def _call_phrase(link: CriticalPair, callee: str) -> str:
    if link.implicit == BY_PROPERTY:
        return f"reads a property, which runs `{callee}`"
    if link.implicit == BY_LOG:
        return f"formatting the record runs `{callee}`"
    if link.implicit == BY_MANAGER:
        return f"enters a context manager, which runs `{callee}`"
    if link.implicit:
        return f"`{link.implicit}` runs `{callee}`"
    if link.is_concurrent and not (link.inner and link.inner.is_concurrent):
        return f"starts a thread that runs `{callee}`"
    return f"calls `{callee}`"
