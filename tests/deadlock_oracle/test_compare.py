"""The comparison with made-up answers, the generator, the shrinker, and a short campaign."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.deadlock_oracle import compare
from tests.deadlock_oracle.__main__ import main
from tests.deadlock_oracle.automaton import InvalidProgramError
from tests.deadlock_oracle.campaign import Task, run
from tests.deadlock_oracle.compare import (
    COVERED,
    CYCLE,
    FALSE_ALARM,
    MISSED,
    UNEXPLAINED,
    WRONG_ORDER,
    Answer,
    judge,
    lock_name,
    static_answer,
    why_not,
)
from tests.deadlock_oracle.examples import AB, BA, EXAMPLES, both, cycles, nested, program
from tests.deadlock_oracle.explore import Cycle, Discarded, explore
from tests.deadlock_oracle.generate import FEATURES, STATEMENTS, Options, generate
from tests.deadlock_oracle.model import (
    Access,
    Acquire,
    Attempt,
    Call,
    Choose,
    Function,
    If,
    Join,
    LockDefinition,
    Loop,
    Program,
    Return,
    Section,
    Start,
    pruned,
    walk,
)
from tests.deadlock_oracle.real_threads import replay, run_at_random
from tests.deadlock_oracle.shrink import shrink
from tests.deadlock_oracle.writer import shape, write


def answering(answer: Answer) -> Callable[[Program], Answer]:
    """An analysis that always says the same."""
    return lambda _: answer


def test_agreement_is_exact() -> None:
    comparison = judge(EXAMPLES["opposite orders"].program, answering(Answer(cycles("ab"))))
    assert (comparison.outcome, comparison.exact) == ("exact", (CYCLE,))


def test_silence_misses() -> None:
    comparison = judge(EXAMPLES["a lock twice"].program, answering(Answer()))
    assert comparison.outcome == MISSED
    assert str(comparison.mismatches[0]) == "missed: LCK302 a"


def test_a_longer_cycle_is_covered_by_a_shorter_one() -> None:
    ring = both((AB,), (nested("b", "c", "a"),), (nested("c", "a"),))
    assert set(explore(ring).cycles) == cycles("ab", "abc")
    comparison = judge(ring, answering(Answer(cycles("ab"))))
    assert [(m.kind, m.locks) for m in comparison.mismatches] == [(COVERED, ("a", "b", "c"))]


def test_the_direction_of_a_ring_matters() -> None:
    comparison = judge(EXAMPLES["a ring of three"].program, answering(Answer(cycles("acb"))))
    assert [m.kind for m in comparison.mismatches] == [MISSED, FALSE_ALARM]


@pytest.mark.parametrize(
    ("name", "locks", "reason"),
    [
        ("a join between", "ab", "starts and joins keep the threads apart"),
        ("main before the start", "ab", "starts and joins keep the threads apart"),
        ("a gate around both", "ab", "another lock keeps the threads apart"),
        ("an inner attempt", "ab", "an attempt does not wait"),
        ("one thread runs both orders", "ab", "one thread alone runs it"),
        ("a lock tried while held", "a", "an attempt does not wait"),
        ("variables that exclude each other", "a", "a condition has one outcome"),
        ("stopped by itself before", "ab", "the thread stops for ever before"),
        ("both orders in main", "ab", "one thread alone runs it"),
        ("one order", "ab", WRONG_ORDER),
        ("hand over hand", "ac", WRONG_ORDER),
        ("an RLock twice", "r", UNEXPLAINED),
    ],
)
def test_why_a_false_alarm_is_one(name: str, locks: str, reason: str) -> None:
    assert why_not(EXAMPLES[name].program, tuple(locks)) == reason


def test_two_reasons() -> None:
    apart = program(
        (
            Function("run1", (Section("a", (Attempt("b", ()),)),)),
            Function("run2", (BA,)),
        ),
        (Start(1), Join(1), Start(2)),
    )
    expected = "starts and joins keep the threads apart; an attempt does not wait"
    assert why_not(apart, ("a", "b")) == expected


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("m.a", "a"),
        ("m.Box.lock", "box.lock"),
        ("m.box.lock", "box.lock"),
        ("m:Box.lock", "m.Box.lock"),
        ("m.use.first", "use.first"),
        ("m.make.<locals>.a", "a"),
        ("m.box", "box.lock"),
    ],
)
def test_lock_names(identity: str, name: str) -> None:
    assert lock_name(identity) == name


def test_the_generator_depends_on_the_seed_alone() -> None:
    assert generate(7) == generate(7)
    assert len({write(generate(seed)) for seed in range(50)}) > 45


def test_random_programs_use_everything_and_are_no_nonsense() -> None:
    kinds: Counter[type] = Counter()
    facts: Counter[str] = Counter()
    for seed in range(150):
        generated = generate(seed)
        for block in (generated.main, *(f.body for f in generated.functions)):
            kinds.update(type(statement) for statement in walk(block))
        facts["method"] += any(f.is_method for f in generated.functions)
        facts["parameter"] += any(f.parameters for f in generated.functions)
        facts["reentrant"] += any(lock.reentrant for lock in generated.locks)
        facts["gate"] += "gate" in generated.lock_names()
        facts["three threads"] += len(generated.threads) == 3
        facts["several files"] += generated.files > 1
        facts["signal"] += any(lock.signal for lock in generated.locks)
        facts["wrapper"] += "def grab(" in write(generated)
        facts["given"] += generated.given
        facts["local"] += generated.local
        facts["enclosed"] += any(f.enclosed for f in generated.functions)
        for access in Access:
            facts[access.value] += any(f.access is access for f in generated.functions)
        try:
            truth = explore(generated)
        except Discarded as error:
            facts[str(error)] += 1
            continue
        facts["cycle"] += bool(truth.cycles)
        facts["self-deadlock"] += bool(truth.self_deadlocks)
        facts["clean"] += not truth.hangs
    every = (Section, Attempt, Acquire, Call, Choose, If, Loop, Return, Start, Join)
    assert all(kinds[kind] > 5 for kind in every), kinds
    assert facts.pop("too many states", 0) < 5
    assert not [fact for fact in facts if "release" in fact or "joined" in fact]
    assert min(facts.values()) > 5, facts


def test_what_is_left_out_does_not_occur() -> None:
    options = Options(frozenset((*FEATURES, *STATEMENTS)) - {"section"})
    for seed in range(30):
        generated = generate(seed, options)
        assert not any(lock.reentrant for lock in generated.locks)
        for block in (generated.main, *(f.body for f in generated.functions)):
            assert {type(statement) for statement in walk(block)} <= {Section, Start}


def has_cycle(generated: Program) -> bool:
    try:
        return bool(explore(generated).cycles)
    except Discarded:
        return False


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_on_real_threads(seed: int) -> None:
    generated = generate(seed)
    try:
        truth = explore(generated)
    except Discarded:
        return  # Too many states: how often that happens is held to a bound above.
    known: set[Cycle] = {*truth.cycles, *((lock,) for lock in truth.self_deadlocks)}
    for cycle, schedule in truth.cycles.items():
        assert cycle in replay(generated, schedule)
    for lock, schedule in truth.self_deadlocks.items():
        assert (lock,) in replay(generated, schedule)
    rng = random.Random(seed)
    for _ in range(3):
        assert run_at_random(generated, rng) <= known


def test_shrinking_keeps_the_core() -> None:
    def deadlocks(candidate: Program) -> bool:
        try:
            truth = explore(candidate)
        except (Discarded, InvalidProgramError):
            return False
        return not truth.leaks and any(len(cycle) == 2 for cycle in truth.cycles)

    expected = shape(
        Program(
            (LockDefinition("a"), LockDefinition("b")),
            (Function("run1", (AB,)), Function("run2", (BA,))),
            EXAMPLES["opposite orders"].program.threads,
            (Start(1), Start(2)),
        )
    )
    seeds = [seed for seed in range(60) if deadlocks(generate(seed))]
    shrunken = Counter(shape(shrink(generate(seed), deadlocks)) for seed in seeds)
    assert shrunken[expected] >= 3, shrunken


def test_ranges_add_up() -> None:
    whole = run(Task(3, 0, 20, Options(), truth_only=True))
    parts = run(Task(3, 0, 8, Options(), truth_only=True))
    parts.add(run(Task(3, 8, 20, Options(), truth_only=True)))
    assert parts == whole
    assert whole.outcomes["explored"] + whole.outcomes["discarded"] == 20


def test_the_command_checks_the_explorer_on_real_threads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--real-threads", "--programs", "10", "--tries", "2"]) == 0
    assert capsys.readouterr().out.endswith(" 0 wrong\n")


def test_what_is_missed_fails_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "static_answer", answering(Answer()))
    assert main(["--programs", "15", "--jobs", "1", "--show", "0"]) == 1
    assert "missed: LCK301" in capsys.readouterr().out
    seed = next(seed for seed in range(100) if has_cycle(generate(seed)))
    assert main(["--print", str(seed)]) == 0
    assert " acquire " in capsys.readouterr().out


@pytest.mark.parametrize("name", EXAMPLES)
def test_known_programs(name: str) -> None:
    example = EXAMPLES[name]
    truth = Answer(example.cycles, example.self_deadlocks)
    assert static_answer(example.program) == truth


def test_nothing_is_missed_in_a_sample() -> None:
    tally = run(Task(9, 0, 50, Options()))
    missed = {family: seeds[0] for family, seeds in tally.found.items() if family[0] == MISSED}
    assert not missed


def test_a_lock_of_the_only_box_is_not_known_by_two_names() -> None:
    """A known miss: in a method it is a lock of any box, elsewhere one of the module's box."""
    method = Function("run1", (Call("use", ("box.lock",)),), is_method=True)
    use = Function("use", (Section("first", (nested("box.lock"),)),), ("first",))
    comparison = judge(pruned(program((method, use), (Start(1),))))
    assert [str(mismatch) for mismatch in comparison.mismatches] == ["missed: LCK302 box.lock"]


def test_a_stored_method_of_the_only_box_has_an_unknown_receiver() -> None:
    """A known miss: the value does not say which box it was taken from."""
    method = Function("step", (Section("box.lock", ()),), is_method=True)
    stored = replace(method, access=Access.CONSTRUCTOR)
    run = Function("run1", (Section("box.lock", (Call("step"),)),))
    assert judge(pruned(program((method, run), (Start(1),)))).outcome == "exact"
    comparison = judge(pruned(program((stored, run), (Start(1),))))
    assert [str(mismatch) for mismatch in comparison.mismatches] == ["missed: LCK302 box.lock"]


def _all_functions(one: Program, **changes: object) -> Program:
    changed = [replace(function, **changes) for function in one.functions]  # type: ignore[arg-type]
    return replace(one, functions=tuple(changed))


@pytest.mark.parametrize(
    "dressed",
    [
        lambda one: replace(one, given=True),
        lambda one: replace(one, files=3),
        lambda one: _all_functions(one, enclosed=True),
        *(partial(_all_functions, access=access) for access in Access),
    ],
)
def test_ways_to_locks_and_callees_change_nothing(dressed: Callable[[Program], Program]) -> None:
    step = Function("step", (nested("b", "a"),))
    runs = (
        Function("run1", (Section("a", (Section("b", ()),)),)),
        Function("run2", (Call("step"),)),
    )
    plain = pruned(program((step, *runs), (Start(1), Start(2))))
    for one in (plain, dressed(plain)):
        assert static_answer(one) == Answer(cycles("ab"))
        assert replay(one, explore(one).cycles["a", "b"]) == cycles("ab")
