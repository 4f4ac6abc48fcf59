"""The explorer against programs with known answers, and against real threads."""

from __future__ import annotations

import random

import pytest

from tests.deadlock_oracle.examples import EXAMPLES
from tests.deadlock_oracle.explore import explore
from tests.deadlock_oracle.real_threads import replay, run_at_random


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
