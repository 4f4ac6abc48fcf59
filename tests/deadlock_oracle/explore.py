"""All interleavings of a program: which threads can come to wait for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.deadlock_oracle.automaton import Automaton, Edge, Kind, Node, Settings, automata
from tests.deadlock_oracle.model import Program

MAXIMUM_STATES = 60_000

Cycle = tuple[str, ...]
"""The locks of a deadlock: of each, its holder waits for the next, of the last for the first.

The least name comes first.
"""


class Discarded(Exception):
    """There is no truth: too many states, or a release of what the thread does not hold."""


@dataclass(frozen=True)
class Step:
    """A thread does what it stands at and goes on to its next operation."""

    thread: int
    kind: Kind
    subject: str
    succeeded: bool
    choices: tuple[bool, ...]

    def __str__(self) -> str:
        chosen = f" (then {', '.join(map(str, self.choices))})" if self.choices else ""
        failed = "" if self.succeeded else " in vain"
        return f"thread {self.thread}: {self.kind.name.lower()} {self.subject}{failed}{chosen}"


Schedule = tuple[Step, ...]


@dataclass(frozen=True)
class Truth:
    """What can happen to a program, each with the steps that lead there.

    ``cycles``: distinct threads each of which waits for a lock of the next. ``self_deadlocks``: a
    thread waits for a lock that it holds itself. ``hangs``: the program can come to a stop, for
    whatever reason. ``leaks``: a thread can end with a lock in hand.
    """

    cycles: Mapping[Cycle, Schedule] = field(default_factory=dict)
    self_deadlocks: Mapping[str, Schedule] = field(default_factory=dict)
    hangs: bool = False
    leaks: bool = False
    states: int = 0


@dataclass(frozen=True)
class World:
    """What is taken away from the rules of the game, to tell why something cannot happen.

    ``all_at_once``: every thread runs from the beginning and nothing waits for the end of another.
    ``attempts_wait``: to try a lock is to wait for it. ``free_branches``: a variable may be tested
    with another outcome each time. ``twice``: one more thread runs what that thread does.
    ``only``: other locks do not exist. ``past_self_deadlock``: who waits for a lock of his own goes
    on.
    """

    all_at_once: bool = False
    attempts_wait: bool = False
    free_branches: bool = False
    twice: int | None = None
    only: frozenset[str] | None = None
    past_self_deadlock: bool = False


REAL = World()


def normalised(cycle: Cycle) -> Cycle:
    """The same cycle with its least lock first."""
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def explore(program: Program, world: World = REAL, maximum_states: int = MAXIMUM_STATES) -> Truth:
    """Everything that can happen.

    Raises `Discarded`, and `InvalidProgramError` for what is no program.
    """
    settings = Settings(world.free_branches, world.only, world.all_at_once)
    threads = automata(program, settings)
    if world.twice is not None:
        # The second of two main threads starts no threads.
        copies = automata(program, replace(settings, all_at_once=True))
        threads = (*threads, copies[world.twice])
    return _Explorer(program, threads, world, maximum_states).run()


def orders(program: Program) -> frozenset[tuple[str, str]]:
    """Pairs of locks of which one thread, alone and whatever its variables say, asks for the second
    while it holds the first, be it by an attempt. Raises `Discarded` and `InvalidProgramError`.
    """
    world = World(all_at_once=True, attempts_wait=True, free_branches=True, past_self_deadlock=True)
    found: set[tuple[str, str]] = set()
    for automaton in automata(program, Settings(world.free_branches, None, world.all_at_once)):
        alone = _Explorer(program, (automaton,), world, MAXIMUM_STATES)
        alone.run()
        for (place,), locks in alone.parents:
            node = automaton.nodes[place]
            if node.kind in (Kind.ACQUIRE, Kind.ATTEMPT):
                asked = alone.names[node.subject]
                found.update((alone.names[n], asked) for n, held in enumerate(locks) if held)
    return frozenset(found)


# A thread is the number of its node, or _UNBORN. A lock is 0 where it is free, else how often it is
# held plus _OWNER for each number of its owner, counted from 1. Nobody owns a signal.
_UNBORN = -1
_OWNER = 1_000
_NOBODY = 998
_State = tuple[tuple[int, ...], tuple[int, ...]]


class _Explorer:
    def __init__(
        self, program: Program, threads: tuple[Automaton, ...], world: World, maximum: int
    ) -> None:
        self.program = program
        self.nodes: list[tuple[Node, ...]] = [thread.nodes for thread in threads]
        self.names = [lock.name for lock in program.locks]
        self.reentrant = [lock.reentrant for lock in program.locks]
        self.signals = [lock.signal for lock in program.locks]
        self.world = world
        self.maximum = maximum
        self.parents: dict[_State, tuple[_State, Step] | None] = {}
        self.cycles: dict[Cycle, Schedule] = {}
        self.self_deadlocks: dict[str, Schedule] = {}
        self.hangs = False
        self.leaks = False

    def run(self) -> Truth:
        begun = 0 if self.world.all_at_once else _UNBORN
        places = [0, *[begun] * (len(self.nodes) - 1)]
        if self.world.twice == 0:
            places[-1] = 0
        start: _State = (tuple(places), (0,) * len(self.names))
        self.parents[start] = None
        waiting = [start]
        # Breadth first, so that the schedules that are kept are shortest ones.
        for state in waiting:
            self.note_deadlocks(state)
            moved = False
            for step, after in self.successors(state):
                moved = True
                if after not in self.parents:
                    if len(self.parents) >= self.maximum:
                        raise Discarded("too many states")
                    self.parents[after] = (state, step)
                    waiting.append(after)
            if not moved:
                self.hangs |= any(self.is_stuck(state, t) for t in range(len(self.nodes)))
        return Truth(self.cycles, self.self_deadlocks, self.hangs, self.leaks, len(self.parents))

    def is_stuck(self, state: _State, thread: int) -> bool:
        node = state[0][thread]
        return node != _UNBORN and self.nodes[thread][node].kind is not Kind.END

    def waits_for(self, state: _State, thread: int) -> tuple[int, int] | None:
        """The lock for which a thread waits in vain, and who holds it."""
        number = state[0][thread]
        if number == _UNBORN:
            return None
        node = self.nodes[thread][number]
        waits = node.kind is Kind.ACQUIRE
        if not waits and not (self.world.attempts_wait and node.kind is Kind.ATTEMPT):
            return None
        if self.can_take(state, thread, node.subject):
            return None
        return (node.subject, state[1][node.subject] // _OWNER - 1)

    def can_take(self, state: _State, thread: int, lock: int) -> bool:
        held = state[1][lock]
        if not held:
            return True
        return held // _OWNER - 1 == thread and self.reentrant[lock]

    def goes_past(self, state: _State, thread: int, lock: int) -> bool:
        return self.world.past_self_deadlock and state[1][lock] // _OWNER - 1 == thread

    def note_deadlocks(self, state: _State) -> None:
        waits = {}
        for thread in range(len(self.nodes)):
            wait = self.waits_for(state, thread)
            if wait is not None:
                waits[thread] = wait
        for thread in waits:
            chain: list[int] = []
            locks: list[str] = []
            current = thread
            while current in waits and current not in chain:
                chain.append(current)
                lock, current = waits[current]
                locks.append(self.names[lock])
            if current != thread or not chain:
                continue  # It waits for a deadlock that it is no part of, or for none.
            if len(chain) == 1:
                if locks[0] not in self.self_deadlocks:
                    self.self_deadlocks[locks[0]] = self.schedule(state)
                continue
            # Thread by thread, the lock that is waited for; its holder waits for the next one.
            cycle = normalised(tuple(locks))
            if cycle not in self.cycles:
                self.cycles[cycle] = self.schedule(state)

    def schedule(self, state: _State) -> Schedule:
        steps: list[Step] = []
        while (parent := self.parents[state]) is not None:
            state, step = parent
            steps.append(step)
        return tuple(reversed(steps))

    def successors(self, state: _State) -> Iterator[tuple[Step, _State]]:
        for thread, number in enumerate(state[0]):
            if number == _UNBORN:
                continue
            node = self.nodes[thread][number]
            for edge, succeeded, places, locks in self.moves(state, thread, node):
                moved = (*places[:thread], edge.node, *places[thread + 1 :])
                if self.nodes[thread][edge.node].kind is Kind.END:
                    self.leaks |= any(held // _OWNER - 1 == thread for held in locks)
                subject = ""
                if node.kind in (Kind.START, Kind.JOIN):
                    subject = str(node.subject)
                elif node.subject >= 0:
                    subject = self.names[node.subject]
                yield (Step(thread, node.kind, subject, succeeded, edge.choices), (moved, locks))

    def moves(
        self, state: _State, thread: int, node: Node
    ) -> Iterator[tuple[Edge, bool, tuple[int, ...], tuple[int, ...]]]:
        places, locks = state
        after = node.after
        succeeded = True
        match node.kind:
            case Kind.ACQUIRE | Kind.ATTEMPT:
                if self.can_take(state, thread, node.subject) or self.goes_past(
                    state, thread, node.subject
                ):
                    locks = self.taken(locks, thread, node.subject)
                elif node.kind is Kind.ATTEMPT and not self.world.attempts_wait:
                    after = node.failed
                    succeeded = False
                else:
                    return
            case Kind.RELEASE:
                if self.world.free_branches and not self.owns(locks, thread, node.subject):
                    return  # The program makes sure by its conditions that this does not happen.
                locks = self.released(locks, thread, node.subject)
            case Kind.START:
                started = self.bodies_of(node.subject)
                if any(places[body] != _UNBORN for body in started):
                    raise Discarded("a thread is started twice")
                places = tuple(0 if t in started else place for t, place in enumerate(places))
            case Kind.JOIN:
                for body in self.bodies_of(node.subject):
                    if places[body] == _UNBORN:
                        raise Discarded("a thread is joined before it is started")
                    if self.nodes[body][places[body]].kind is not Kind.END:
                        return
            case _:
                pass
        for edge in after:
            yield (edge, succeeded, places, locks)

    def bodies_of(self, thread: int) -> tuple[int, ...]:
        copy = len(self.nodes) - 1
        return (thread, copy) if thread == self.world.twice else (thread,)

    def taken(self, locks: tuple[int, ...], thread: int, lock: int) -> tuple[int, ...]:
        owner = _NOBODY if self.signals[lock] else thread
        held = locks[lock] + 1 if locks[lock] else (owner + 1) * _OWNER + 1
        return (*locks[:lock], held, *locks[lock + 1 :])

    def owns(self, locks: tuple[int, ...], thread: int, lock: int) -> bool:
        owner = _NOBODY if self.signals[lock] else thread
        return locks[lock] // _OWNER - 1 == owner

    def released(self, locks: tuple[int, ...], thread: int, lock: int) -> tuple[int, ...]:
        held = locks[lock]
        if not self.owns(locks, thread, lock):
            raise Discarded(f"{self.names[lock]} is released by a thread that does not hold it")
        left = held - 1 if held % _OWNER > 1 else 0
        return (*locks[:lock], left, *locks[lock + 1 :])
