"""Runs the text of a program with real locks and real threads, one at a time.

A thread stops before each operation on a lock or a thread until the conductor lets it go on, so
that nothing depends on time. Whether a lock can be taken is asked of a real lock of CPython.
"""

from __future__ import annotations

import builtins
import random
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace, TracebackType
from typing import Any

from tests.deadlock_oracle.automaton import ROUNDS, Kind
from tests.deadlock_oracle.explore import Cycle, Schedule, normalised
from tests.deadlock_oracle.model import Program, Start, walk
from tests.deadlock_oracle.writer import ENVIRONMENT, write

_PATIENCE = 30.0  # seconds that a thread may take from one operation to the next


class DivergedError(Exception):
    """The real program did something else than was foreseen."""


class _AbandonedError(BaseException):
    """Ends a thread of which nothing more is wanted."""


class _Actor:
    """One thread of the program."""

    def __init__(self, number: int, body: Callable[[], object]) -> None:
        self.number = number
        self.body = body
        self.go = threading.Semaphore(0)
        self.kind = Kind.BEGIN
        self.subject: Any = None
        self.waits = False  # It tried to take a lock that it waits for, and could not.
        self.succeeded = True
        self.error: BaseException | None = None
        self.real: threading.Thread | None = None


class _Lock:
    """A real lock that asks the conductor before it does anything."""

    def __init__(self, conductor: Conductor, real: Any) -> None:
        self.conductor = conductor
        self.real = real
        self.owner = -1
        self.count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        waits = blocking and timeout < 0
        self.conductor.stop_at(Kind.ACQUIRE if waits else Kind.ATTEMPT, self)
        actor = self.conductor.current()
        while not self.real.acquire(False):
            actor.succeeded = False
            if not waits:
                return False
            actor.waits = True
            self.conductor.stop_at(Kind.ACQUIRE, self)
        actor.waits = False
        actor.succeeded = True
        self.owner = actor.number
        self.count += 1
        return True

    def release(self) -> None:
        if self.conductor.abandoned:
            return
        self.conductor.stop_at(Kind.RELEASE, self)
        self.real.release()
        self.count -= 1
        if not self.count:
            self.owner = -1

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class _Thread:
    """What ``threading.Thread`` is to the program."""

    def __init__(
        self, conductor: Conductor, target: Callable[..., object], args: tuple[object, ...] = ()
    ) -> None:
        self.conductor = conductor
        self.target = target
        self.args = args
        self.number = -1

    def start(self) -> None:
        self.conductor.stop_at(Kind.START, None)
        self.number = self.conductor.add(lambda: self.target(*self.args))

    def join(self) -> None:
        self.conductor.stop_at(Kind.JOIN, self.number)
        while not self.conductor.has_ended(self.number):
            self.conductor.current().succeeded = False
            self.conductor.stop_at(Kind.JOIN, self.number)


class Conductor:
    """Runs one program once; use as a context manager, which ends its threads."""

    def __init__(self, program: Program, choose: Callable[[], bool]) -> None:
        self.abandoned = False
        self.choose = choose
        self.actors: dict[int, _Actor] = {}
        starts = (s.thread for s in walk(program.main) if isinstance(s, Start))
        self.numbers = iter((0, *starts))
        self.arrived = threading.Semaphore(0)
        made: list[_Lock] = []

        def make(real: Any) -> _Lock:
            made.append(_Lock(self, real))
            return made[-1]

        fake = {
            "threading": SimpleNamespace(
                Lock=lambda: make(threading.Lock()),
                RLock=lambda: make(threading.RLock()),
                Thread=lambda target, args=(): _Thread(self, target, args),
            ),
            ENVIRONMENT: SimpleNamespace(flag=self.flag, rounds=self.rounds),
        }
        space: dict[str, Any] = {
            "__name__": "program",
            "__builtins__": {**vars(builtins), "__import__": lambda name, *_: fake[name]},
        }
        exec(compile(write(program), "<program>", "exec"), space)
        locks = made if program.local else [eval(lock.name, space) for lock in program.locks]
        named = zip(locks, program.locks, strict=True)
        self.names = {id(lock): definition.name for lock, definition in named}
        self.signals = {lock.name for lock in program.locks if lock.signal}
        self.add(space["main"])

    def __enter__(self) -> Conductor:
        return self

    def __exit__(self, *error: object) -> None:
        self.abandoned = True
        for actor in self.actors.values():
            actor.go.release()
        for actor in self.actors.values():
            if actor.real is not None:
                actor.real.join(_PATIENCE)

    # Called by the threads of the program.

    def flag(self) -> bool:
        return self.choose()

    def rounds(self) -> Iterator[None]:
        for _ in range(ROUNDS):
            if not self.flag():
                return
            yield None

    def current(self) -> _Actor:
        mine = threading.current_thread()
        return next(actor for actor in self.actors.values() if actor.real is mine)

    def stop_at(self, kind: Kind, subject: object) -> None:
        """Tell what comes next, and wait until it may."""
        if self.abandoned:
            raise _AbandonedError
        actor = self.current()
        actor.kind, actor.subject = kind, subject
        self.arrived.release()
        actor.go.acquire()
        if self.abandoned:
            raise _AbandonedError
        actor.succeeded = True

    def add(self, body: Callable[[], object]) -> int:
        """A new thread, which stops before its first step; gives its number."""
        actor = _Actor(next(self.numbers), body)
        actor.real = threading.Thread(target=self.play, args=(actor,), daemon=True)
        self.actors[actor.number] = actor
        actor.real.start()
        return actor.number

    def play(self, actor: _Actor) -> None:
        actor.go.acquire()
        try:
            if not self.abandoned:
                actor.body()
        except _AbandonedError:
            pass
        except BaseException as error:
            actor.error = error
        actor.kind = Kind.END
        self.arrived.release()

    # Called by who conducts.

    def has_ended(self, number: int) -> bool:
        return self.actors[number].kind is Kind.END

    def step(self, number: int) -> bool:
        """Let one thread do what it stands at; whether that succeeded."""
        actor = self.actors[number]
        actor.succeeded = True
        actor.go.release()
        if not self.arrived.acquire(timeout=_PATIENCE):
            raise DivergedError(f"thread {number} does not come back from {actor.kind.name}")
        if actor.error is not None:
            raise DivergedError(f"thread {number}: {actor.error!r}")
        return actor.succeeded

    def subject(self, number: int) -> str:
        """The name of what a thread stands at, where that is a lock."""
        return self.names.get(id(self.actors[number].subject), "")

    def deadlocks(self) -> set[Cycle]:
        """The locks of every deadlock that there is now; of a thread with itself, one lock."""
        waits = {
            actor.number: actor.subject
            for actor in self.actors.values()
            if actor.waits and self.names[id(actor.subject)] not in self.signals
        }
        found: set[Cycle] = set()
        for thread in waits:
            chain: list[int] = []
            current = thread
            while current in waits and current not in chain:
                chain.append(current)
                current = waits[current].owner
            if current == thread:
                found.add(normalised(tuple(self.names[id(waits[one])] for one in chain)))
        return found


def replay(program: Program, schedule: Schedule) -> set[Cycle]:
    """Follow a schedule, let every thread try to go on, and give the deadlocks.

    Raises `DivergedError` where the real program cannot follow it.
    """
    choices: list[bool] = []

    def choose() -> bool:
        if not choices:
            raise DivergedError("a choice that was not foreseen")
        return choices.pop(0)

    with Conductor(program, choose) as conductor:
        for step in schedule:
            here = conductor.actors[step.thread]
            told = (step.kind, step.subject if step.kind in _ON_LOCKS else "")
            if (here.kind, conductor.subject(step.thread)) != told:
                raise DivergedError(f"{step}, but it stands at {here.kind.name}")
            choices[:] = step.choices
            if step.kind is Kind.ATTEMPT:
                conductor.step(step.thread)
            elif not conductor.step(step.thread):
                raise DivergedError(f"{step}, but that did not succeed")
            if choices:
                raise DivergedError(f"{step}, but fewer choices were made")
        for actor in list(conductor.actors.values()):
            if actor.kind is Kind.ACQUIRE:
                choices[:] = []
                try:
                    conductor.step(actor.number)
                except DivergedError:
                    continue  # It could go on, and came to a choice: no deadlock of its own.
        return conductor.deadlocks()


_ON_LOCKS = frozenset({Kind.ACQUIRE, Kind.ATTEMPT, Kind.RELEASE})


def run_at_random(program: Program, rng: random.Random) -> set[Cycle]:
    """Run the program once, with choices and interleaving at random; gives its deadlocks."""
    found: set[Cycle] = set()
    with Conductor(program, lambda: rng.random() < 0.5) as conductor:
        stuck: set[int] = set()
        while True:
            able = [
                actor.number
                for actor in conductor.actors.values()
                if actor.kind is not Kind.END and actor.number not in stuck
            ]
            if not able:
                return found
            number = rng.choice(able)
            waited = conductor.actors[number].kind in (Kind.ACQUIRE, Kind.JOIN)
            if conductor.step(number) or not waited:
                stuck.clear()
            else:
                stuck.add(number)
            found |= conductor.deadlocks()
