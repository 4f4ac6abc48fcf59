"""The explorer against programs with known answers, and against real threads."""

from __future__ import annotations

import random

import pytest

from tests.deadlock_oracle.automaton import InvalidProgramError
from tests.deadlock_oracle.examples import AB, EXAMPLES, alone, nested, program
from tests.deadlock_oracle.explore import Discarded, explore
from tests.deadlock_oracle.model import (
    TRY,
    Acquire,
    Attempt,
    Block,
    Call,
    Choose,
    Function,
    If,
    Join,
    Loop,
    Release,
    Return,
    Section,
    Start,
    Thread,
    pruned,
)
from tests.deadlock_oracle.real_threads import DivergedError, replay, run_at_random
from tests.deadlock_oracle.writer import write


@pytest.mark.parametrize("name", EXAMPLES)
def test_known_programs(name: str) -> None:
    example = EXAMPLES[name]
    truth = explore(example.program)
    assert set(truth.cycles) == example.cycles
    assert set(truth.self_deadlocks) == example.self_deadlocks
    assert truth.hangs == bool(example.cycles or example.self_deadlocks or example.hangs)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_deadlock_happens_to_real_threads(name: str) -> None:
    example = EXAMPLES[name]
    truth = explore(example.program)
    for cycle, schedule in truth.cycles.items():
        assert cycle in replay(example.program, schedule)
    for lock, schedule in truth.self_deadlocks.items():
        assert (lock,) in replay(example.program, schedule)


@pytest.mark.parametrize("name", EXAMPLES)
def test_real_threads_find_no_other_deadlock(name: str) -> None:
    example = EXAMPLES[name]
    expected = example.cycles | {(lock,) for lock in example.self_deadlocks}
    rng = random.Random(name)
    for _ in range(10):
        assert run_at_random(example.program, rng) <= expected


def test_schedules_are_shortest_and_say_what_happened() -> None:
    truth = explore(EXAMPLES["opposite orders"].program)
    steps = [str(step) for step in truth.cycles[("a", "b")]]
    assert len(steps) == 7
    assert {"thread 1: acquire a", "thread 2: acquire b"} <= set(steps)


def test_steps_tell_choices_and_failed_attempts() -> None:
    program_ = alone(nested("a", inside=(Attempt("a", ()), If((nested("a"),)))))
    (schedule,) = explore(program_).self_deadlocks.values()
    assert str(schedule[-1]) == "thread 0: attempt a in vain (then True)"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ((Release("a"),), "a is released"),
        ((Acquire("a"), Release("a"), Release("a")), "a is released"),
        ((Start(1), Start(1)), "started twice"),
        ((Join(1), Start(1)), "joined before it is started"),
    ],
)
def test_programs_without_truth(body: Block, reason: str) -> None:
    with pytest.raises(Discarded, match=reason):
        explore(program((Function("run1", ()),), body))


def test_programs_with_too_many_states_are_discarded() -> None:
    with pytest.raises(Discarded, match="too many states"):
        explore(EXAMPLES["opposite orders"].program, maximum_states=10)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ((Call("nothing"),), "no function nothing"),
        ((nested("nothing"),), "no lock nothing"),
        ((If((), variable="chosen"),), "chosen may not be set"),
        ((If((Choose("chosen"),)), If((), variable="chosen")), "chosen may not be set"),
        ((Call("run1", ("a",)),), "run1 takes other arguments"),
        ((Start(2),), "main alone"),
        ((Call("starts"),), "main alone"),
        ((Call("again"),), "again calls itself"),
        ((Loop((Loop((Loop((Loop((Loop((AB,) * 40),)),)),)),)),), "too long"),
    ],
)
def test_what_is_no_program(body: Block, reason: str) -> None:
    functions = (
        Function("run1", ()),
        Function("starts", (Start(1),)),
        Function("again", (Call("again"),)),
    )
    with pytest.raises(InvalidProgramError, match=reason):
        explore(program(functions, body))


def test_a_schedule_that_cannot_be_followed_is_no_success() -> None:
    schedule = explore(EXAMPLES["opposite orders"].program).cycles[("a", "b")]
    with pytest.raises(DivergedError, match="it stands at"):
        replay(EXAMPLES["a gate around both"].program, schedule)
    assert not replay(EXAMPLES["one order"].program, schedule[:-1])


def test_lines_of_python() -> None:
    functions = (
        Function("run1", (Section("box.lock", (), TRY), Call("use", ("a",))), is_method=True),
        Function("use", (Attempt("first", (Return(),), "acquire(timeout=1)", True),), ("first",)),
    )
    main = (Start(1), Start(2), Join(1), Call("run1"), Loop((If((), (AB,)),)))
    threads = (Thread("run1"), Thread("use", ("box.lock",)))
    assert write(pruned(program(functions, main, threads))) == PYTHON


PYTHON = """\
import threading

from environment import flag, rounds

a = threading.Lock()
b = threading.Lock()


class Box:
    def __init__(self):
        self.lock = threading.Lock()

    def run1(self):
        self.lock.acquire()
        try:
            pass
        finally:
            self.lock.release()
        use(a)


box = Box()


def use(first):
    if not first.acquire(timeout=1):
        return
    try:
        return
    finally:
        first.release()


def main():
    t1 = threading.Thread(target=box.run1)
    t1.start()
    t2 = threading.Thread(target=use, args=(box.lock,))
    t2.start()
    t1.join()
    box.run1()
    for _ in rounds():
        if flag():
            pass
        else:
            with a:
                with b:
                    pass


if __name__ == "__main__":
    main()
"""
