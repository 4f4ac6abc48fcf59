"""A stand-in for locks and for the unknown world, driven by a tape of choices."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType


class Other(Exception):
    """An exception that no handler names."""


class Interrupt(BaseException):
    """An exception that ``except Exception`` does not catch."""


class UnheldRelease(RuntimeError):
    """What releasing a lock raises that is not held."""

    unlikely = True


class PathEnded(BaseException):
    """Ends a path that reaches no exit."""


@dataclass(frozen=True)
class World:
    """What is assumed of the world that a program runs in.

    ``callers_hold``: whoever calls the program may hold its locks, so that counts are relative, may
    be negative, and a release goes wrong only where the path itself shows that the lock is free
    (it has had it before, or has tried for it in vain). ``unheld_release_raises``: such a release
    raises, as it does in Python; else the path ends there.
    ``interrupts``: unknown calls may raise what ``except Exception`` does not catch.
    ``iteration_raises``: so may iterating over ``items``. ``acquire_raises``: so may an acquire,
    and then nothing is held; it is unlikely, so that where such an exception leaves the program,
    this does not count as an exit. ``repeated_try_fails``: a try-acquire of a re-entrant lock that
    the thread holds already may fail (really, it cannot).

    ``others_release`` are the locks that other threads give back whenever that helps: one that is
    held by hand can be had again. ``others_acquire`` are those that other threads may have taken,
    to be released here, after each wait and at the start of each turn of a loop.
    """

    callers_hold: bool = False
    unheld_release_raises: bool = False
    interrupts: bool = False
    iteration_raises: bool = False
    acquire_raises: bool = False
    repeated_try_fails: bool = False
    others_release: frozenset[str] = frozenset()
    others_acquire: frozenset[str] = frozenset()


class Tape:
    """The choices of one run, and the way to the next run."""

    def __init__(self) -> None:
        self.choices: list[int] = []
        self.options: list[int] = []
        self.position = 0

    def choose(self, options: int) -> int:
        position = self.position
        self.position = position + 1
        if position < len(self.choices):
            return self.choices[position]
        self.choices.append(0)
        self.options.append(options)
        return 0

    def advance(self) -> bool:
        """Go to the next run in depth-first order; False when all have been."""
        self.position = 0
        choices, options = self.choices, self.options
        while choices and choices[-1] + 1 == options[-1]:
            choices.pop()
            options.pop()
        if not choices:
            return False
        choices[-1] += 1
        return True


class Machine:
    """The state of one program's runs."""

    def __init__(self, world: World, raised: tuple[type[BaseException], ...], bound: int) -> None:
        self.world = world
        self.raised = raised
        self.bound = bound
        self.tape = Tape()
        self.locks: list[Lock] = []
        self.program_code: CodeType | None = None
        self.dead = False
        self.ending = ""
        self.rounds = 0  # the most rounds that any loop of this run has made
        self.loop_rounds: dict[int, int] = {}
        self.releases: set[tuple[int, bool]] = set()
        self.deadlocks: set[int] = set()
        self.touched: set[tuple[int, str]] = set()

    def reset(self) -> None:
        self.dead = False
        self.ending = ""
        self.rounds = 0
        for lock in self.locks:
            lock.reset()

    def end(self, why: str) -> PathEnded:
        self.dead = True
        self.ending = why
        return PathEnded(why)

    def line(self) -> int:
        """The line of ``program`` that is being run."""
        code = self.program_code
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if frame.f_code is code:
                return frame.f_lineno
            frame = frame.f_back
        return 0

    def is_in_helper(self) -> bool:
        """Whether what is being run was called by ``program``: a call may take its time."""
        frame = sys._getframe(2)
        while frame.f_code.co_filename != "<program>":
            if frame.f_back is None:
                return False
            frame = frame.f_back
        return frame.f_code is not self.program_code

    def wait(self) -> None:
        """Let others go on for a while."""
        for lock in self.locks:
            if lock.free is True and lock.name in self.world.others_acquire and not lock.reentrant:
                lock.free = None

    def decide(self, values: int, unlikely: bool = False) -> int:
        """One of ``values`` results, or an exception, which may be an ``unlikely`` one."""
        if self.dead:
            raise PathEnded
        self.wait()
        choice = self.tape.choose(values + len(self.raised))
        if choice >= values:
            error = self.raised[choice - values]()
            if unlikely:
                error.unlikely = True  # type: ignore[attr-defined]
            raise error
        return choice

    def may_raise(self) -> None:
        self.decide(1)

    def choose(self) -> bool:
        return self.decide(2) == 1

    def pick(self) -> int:
        return self.decide(3)

    def enter_loop(self, loop: int) -> None:
        self.loop_rounds[loop] = 0

    def go_round(self, loop: int) -> None:
        if self.dead:
            raise PathEnded
        rounds = self.loop_rounds[loop] + 1
        self.loop_rounds[loop] = rounds
        if rounds > self.bound:
            raise self.end("bound")
        self.wait()
        self.rounds = max(self.rounds, rounds)


class Condition:
    """A truth value that is chosen when it is first asked for, and then kept."""

    __slots__ = ("machine", "value")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.value: bool | None = None

    def __bool__(self) -> bool:
        if self.machine.dead:
            raise PathEnded
        if self.value is None:
            self.value = self.machine.tape.choose(2) == 1
        return self.value


class Items:
    """Something to iterate over, as often as the tape says."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __iter__(self) -> Iterator[int]:
        machine = self.machine
        for rounds in range(machine.bound + 1):
            if machine.dead:
                raise PathEnded
            if machine.world.iteration_raises:
                if machine.decide(2) == 0:
                    return
            elif rounds == machine.bound or machine.tape.choose(2) == 0:
                return
            if rounds == machine.bound:
                raise machine.end("bound")
            machine.rounds = max(machine.rounds, rounds + 1)
            machine.wait()
            yield rounds


class Lock:
    """A lock that never blocks.

    ``count`` is how often it is held, relative to the entry of the program, and ``levels`` are the
    lines of the acquires that are in force. ``free`` says whether the thread certainly holds it
    (False) or certainly does not (True); None: that depends on the caller, or on others.
    ``by_hand`` says of each level whether it was acquired without a `with`.
    """

    __slots__ = ("by_hand", "count", "free", "levels", "machine", "name", "reentrant")

    def __init__(self, machine: Machine, reentrant: bool) -> None:
        self.machine = machine
        self.reentrant = reentrant
        self.name = f"L{len(machine.locks)}"
        self.levels: list[int] = []
        self.by_hand: list[bool] = []
        machine.locks.append(self)
        self.reset()

    def reset(self) -> None:
        self.levels.clear()
        self.by_hand.clear()
        self.count = 0
        self.free = None if self.machine.world.callers_hold else True

    def acquire(self, blocking: bool = True, timeout: float = -1, by_hand: bool = True) -> bool:
        machine = self.machine
        if machine.dead:
            raise PathEnded
        line = machine.line()
        machine.touched.add((line, self.name))
        if machine.world.acquire_raises:
            machine.decide(1, unlikely=True)
        machine.wait()
        waits = blocking and timeout == -1
        if self.may_be_lost() and (waits or machine.tape.choose(2) == 1):
            self.count -= 1
            self.levels.pop()
            self.by_hand.pop()
        elif waits:
            if self.free is False and not self.reentrant:
                machine.deadlocks.add(line)
                raise machine.end("deadlock")
        elif self.free is False and not self.reentrant:
            return False
        elif self.free is False and not machine.world.repeated_try_fails:
            pass
        elif machine.tape.choose(2) == 0:
            if not self.reentrant:
                self.free = True  # by this thread
            return False
        self.count += 1
        self.free = False
        if self.count > 0:
            self.levels.append(line)
            self.by_hand.append(by_hand)
        return True

    def may_be_lost(self) -> bool:
        """Whether somebody else may release what was acquired here."""
        return (
            self.name in self.machine.world.others_release
            and not self.reentrant
            and self.count > 0
            and self.by_hand[-1]
        )

    def release(self) -> None:
        machine = self.machine
        if machine.dead:
            raise PathEnded
        line = machine.line()
        machine.touched.add((line, self.name))
        if machine.is_in_helper():
            machine.wait()
        machine.releases.add((line, self.free is not True))
        if self.free:
            if machine.world.unheld_release_raises:
                raise UnheldRelease
            raise machine.end("unheld release")
        if self.count > 0:
            self.levels.pop()
            self.by_hand.pop()
        if self.count >= 0 or self.reentrant:
            self.count -= 1  # Else somebody else has acquired it in between.
        if not self.reentrant:
            self.free = True
        elif self.count <= 0:
            self.free = None if machine.world.callers_hold else True

    def __enter__(self) -> bool:
        return self.acquire(by_hand=False)

    def __exit__(self, *details: object) -> None:
        self.release()
