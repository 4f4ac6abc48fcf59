"""The steps of findings about forks: who holds the lock, what forks, and what the child does."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.deadlock_story import Story
from locklint.analysis.fork_faults import ForkedObject, HeldFork, Thread, ThreadFork
from locklint.analysis.forks import Reach
from locklint.analysis.program import Program
from locklint.core.diagnostic import Step, StepRole
from locklint.core.source import Span
from locklint.ir.lock import LockRef


class ForkStory:
    """The steps, in which each lock has one short name."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._story = Story(program)

    def name(self, lock: LockRef) -> str:
        """Return the short name of a lock."""
        return self._story.name(lock)

    def held(self, found: HeldFork) -> list[Step]:
        """Return the steps of a fork by a thread that holds the lock."""
        steps = Story(self._program, found.pair).steps("forks")
        held = (self.name(found.held.lock),)
        if found.reach is not None:
            steps += [replace(each, held=held) for each in self._reach(found.reach)]
        elif found.unknown is not None:
            *_, last = found.pair.chain()
            step = self._note(last.function, found.unknown, "the child calls what it is given")
            steps.append(replace(step, held=held))
        return [*steps, *self._story.made(found.held.lock)]

    def beside(self, found: ThreadFork) -> list[Step]:
        """Return the steps of a fork beside a thread that may hold the lock."""
        key = found.states.function.key
        return [
            *self._thread(found.thread, found.reach.lock),
            self._note(key, found.fork.span, "forks, and the child has none of the other threads"),
            *self._reach(found.reach),
            *self._story.made(found.reach.lock),
        ]

    def kept(self, found: ForkedObject) -> list[Step]:
        """Return the steps of a wait for the lock of an object that is used on in a child."""
        key = found.states.function.key
        steps = [] if found.thread is None else self._thread(found.thread, found.lock)
        name = self.name(found.lock)
        return [
            *steps,
            self._note(key, found.test, "looks whether it runs in another process by now"),
            self._note(key, found.taken.span, f"waits for `{name}`, a copy of which is still held"),
            *self._story.made(found.lock),
        ]

    def _thread(self, thread: Thread, lock: LockRef) -> list[Step]:
        steps: list[Step] = []
        root = thread.root
        if root.span is not None:
            runs = self._program.functions[root.function].called_name
            message = f"makes a thread that runs `{runs}`"
            steps.append(self._note(root.spawner, root.span, message))
        key, span = thread.states.function.key, thread.taken.span
        message = f"the thread acquires `{self.name(lock)}`, and holds it when the process forks"
        return [*steps, self._note(key, span, message)]

    def _reach(self, reach: Reach) -> Iterator[Step]:
        """Yield the steps of a child to its wait."""
        name = self.name(reach.lock)
        if reach.inner is None:
            yield self._note(reach.function, reach.span, f"the child waits for `{name}`")
            return
        callee = self._called(reach.inner)
        yield self._note(reach.function, reach.span, f"the child runs `{callee}`")
        for link in reach.inner.chain():
            if link.inner is None:
                yield self._note(link.function, link.span, f"the child waits for `{name}`")
            else:
                message = f"the child calls `{self._called(link.inner)}`"
                yield self._note(link.function, link.span, message)

    def _called(self, pair: CriticalPair) -> str:
        return self._program.functions[pair.function].called_name

    def _note(self, key: str, span: Span, message: str) -> Step:
        function = self._program.functions[key]
        return Step(StepRole.NOTE, function.path, span, message, function.shown_name)
