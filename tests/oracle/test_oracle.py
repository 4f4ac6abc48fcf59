"""The oracle's own tests, and a short slice of its long run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.oracle.campaign import program_seed
from tests.oracle.compare import ANALYSED, Answer, compare, judge, static_answer
from tests.oracle.execute import EXCEPTION, NORMAL, Discarded, Truth, execute
from tests.oracle.generate import STATEMENTS, generate
from tests.oracle.machine import World
from tests.oracle.others import with_others
from tests.oracle.shrink import shrink
from tests.oracle.writer import Options

HEAD = """\
import contextlib
import threading
from environment import choose, may_raise, pick
L0 = threading.Lock()
L1 = threading.RLock()
"""
HEAD_LINES = HEAD.count("\n")


def run(body: str, parameters: str = "", world: World | None = None) -> Truth:
    """The truth of a body; its first line is line 1 of what `shown` prints."""
    return execute(program(body, parameters), world, watch=True)


def program(body: str, parameters: str = "") -> str:
    """A whole program around a body."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return f"{HEAD}def program({parameters}):\n{lines}"


def shown(truth: Truth) -> str:
    """The truth on one line, with lines counted from the body's first."""

    def line(number: int) -> int:
        return number - HEAD_LINES - 1

    parts = [
        f"{way_out}: {' '.join(map(str, sorted(v[0] for v in truth.exits[way_out])))}"
        for way_out in (NORMAL, EXCEPTION)
        if truth.exits[way_out]
    ]
    parts += [f"leak {line(n)} {'+'.join(sorted(w))}" for n, w in sorted(truth.leaks.items())]
    parts += [f"unheld {line(n)}" for n in sorted(truth.unheld_releases)]
    parts += [f"deadlock {line(n)}" for n in sorted(truth.deadlocks)]
    return "; ".join(parts)


KNOWN = {
    "balanced": ("L0.acquire()\nL0.release()", "normal: 0"),
    "leak on exception": (
        "L0.acquire()\nmay_raise()\nL0.release()",
        "normal: 0; exception: 1; leak 1 exception",
    ),
    "finally": (
        "L0.acquire()\ntry:\n    may_raise()\nfinally:\n    L0.release()",
        "normal: 0; exception: 0",
    ),
    "early return": (
        "L0.acquire()\nif c0:\n    return\nL0.release()",
        "normal: 0 1; leak 1 normal",
    ),
    "with": ("with L0:\n    may_raise()", "normal: 0; exception: 0"),
    "released inside with": ("with L0:\n    L0.release()", "unheld 1"),
    "double release": ("L0.acquire()\nL0.release()\nL0.release()", "unheld 3"),
    "deadlock": ("L0.acquire()\nL0.acquire()", "deadlock 2"),
    "deadlock is the end": ("with L0:\n    with L0:\n        pass", "deadlock 2"),
    "a held lock cannot be tried": (
        "with L0:\n    if L0.acquire(False):\n        raise ValueError()",
        "normal: 0",
    ),
    "try-acquire": (
        "if L0.acquire(blocking=False):\n    L0.release()\nelse:\n    raise KeyError()",
        "normal: 0; exception: 0",
    ),
    "result ignored": ("L0.acquire(timeout=1)\nL0.release()", "normal: 0; unheld 2"),
    "result remembered": (
        "got = L0.acquire(False)\ntry:\n    may_raise()\nfinally:\n    if got:\n"
        "        L0.release()",
        "normal: 0; exception: 0",
    ),
    "condition repeated": (
        "if c0:\n    L0.acquire()\nmay_raise()\nif c0:\n    L0.release()",
        "normal: 0; exception: 0 1; leak 2 exception",
    ),
    "condition changed between": (
        "if c0:\n    L0.acquire()\nc0 = choose()\nif c0:\n    L0.release()",
        "normal: 0 1; exception: 0 1; leak 2 exception+normal; unheld 5",
    ),
    "polling": ("while not L0.acquire(timeout=1):\n    pass\nL0.release()", "normal: 0"),
    "handler of another class": (
        "L0.acquire()\ntry:\n    may_raise()\nexcept KeyError:\n    L0.release()\n    raise\n"
        "L0.release()",
        "normal: 0; exception: 0 1; leak 1 exception",
    ),
    "handler of the base class": (
        "L0.acquire()\ntry:\n    raise KeyError()\nexcept LookupError:\n    L0.release()",
        "normal: 0",
    ),
    "suppress": (
        "with contextlib.suppress(ValueError):\n    L0.acquire()\n    may_raise()\n"
        "    L0.release()",
        "normal: 0 1; exception: 1; leak 2 exception+normal",
    ),
    "exit stack": (
        "with contextlib.ExitStack() as stack:\n    stack.enter_context(L0)\n    may_raise()",
        "normal: 0; exception: 0",
    ),
    "callback before the acquire": (
        "with contextlib.ExitStack() as stack:\n    stack.callback(L0.release)\n"
        "    may_raise()\n    L0.acquire()",
        "normal: 0; unheld 1",
    ),
    "loop with else": (
        "for item in items:\n    if choose():\n        L0.acquire()\n        break\nelse:\n"
        "    return\nL0.release()",
        "normal: 0; exception: 0",
    ),
    "return in finally": (
        "L0.acquire()\ntry:\n    may_raise()\nfinally:\n    return",
        "normal: 1; leak 1 normal",
    ),
    "match": (
        "L0.acquire()\nmatch pick():\n    case 0:\n        L0.release()\n    case 1:\n        pass",
        "normal: 0 1; exception: 1; leak 1 exception+normal",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_truths(name: str) -> None:
    body, expected = KNOWN[name]
    parameters = ", ".join(p for p in ("c0", "items") if p in body)
    assert shown(run(body, parameters)) == expected


def test_reentrant_lock_counts() -> None:
    truth = run("for item in items:\n    L1.acquire()", "items")
    assert truth.counts(NORMAL, "L1") == {0, 1, 2}
    assert not truth.settled


def test_held_reentrant_lock_is_had_at_once() -> None:
    body = "with L1:\n    if not L1.acquire(False):\n        raise ValueError()\n    L1.release()"
    assert shown(run(body)) == "normal: 0"
    assert run(body, world=World(repeated_try_fails=True)).exits[EXCEPTION] == {(0, 0)}


def test_helper_counts_at_its_call() -> None:
    text = HEAD + "def take():\n    L0.acquire()\ndef program():\n    pass\n    take()\n"
    assert execute(text).leaks == {HEAD_LINES + 5: {NORMAL}}


def test_context_manager_without_finally() -> None:
    text = (
        HEAD + "@contextlib.contextmanager\ndef holding():\n    L0.acquire()\n    yield\n"
        "    L0.release()\ndef program():\n    with holding():\n        may_raise()\n"
    )
    truth = execute(text)
    assert truth.exits == {NORMAL: {(0, 0)}, EXCEPTION: {(1, 0)}}


def test_method_style() -> None:
    text = (
        "import threading\nclass Box:\n    def __init__(self):\n"
        "        self.l0 = threading.Lock()\n    def program(self, c0):\n"
        "        if c0:\n            self.l0.acquire()\n"
    )
    assert execute(text).exits[NORMAL] == {(0,), (1,)}


def test_caller_may_hold() -> None:
    world = World(callers_hold=True)
    assert shown(run("L0.release()", world=world)) == "normal: -1"
    assert shown(run("L0.release()\nL0.release()", world=world)) == "unheld 2"
    assert shown(run("L0.release()\nL0.acquire()\nL0.acquire()", world=world)) == "deadlock 3"
    assert shown(run("with L0:\n    pass\nL0.release()", world=world)) == "unheld 3"
    tried = "if L0.acquire(False):\n    return\nL0.release()"
    assert shown(run(tried, world=world)) == "normal: 1; leak 1 normal; unheld 3"


def test_worlds_that_raise_more() -> None:
    caught = "try:\n    may_raise()\nexcept Exception:\n    pass"
    assert not run(caught).exits[EXCEPTION]
    assert run(caught, world=World(interrupts=True)).exits[EXCEPTION]
    acquired = "try:\n    L0.acquire()\nexcept Exception:\n    pass"
    world = World(acquire_raises=True)
    assert shown(run(acquired, world=world)) == "normal: 0 1; leak 2 normal"
    assert shown(run("L0.acquire()", world=world)) == "normal: 1; leak 1 normal"
    double = "try:\n    L0.release()\nexcept Exception:\n    return"
    assert shown(run(double, world=World(unheld_release_raises=True))) == "normal: 0; unheld 2"
    loop = "for item in items:\n    pass"
    assert run(loop, "items", World(iteration_raises=True)).exits[EXCEPTION]


def test_endless_loop_has_no_exit() -> None:
    truth = run("while True:\n    try:\n        may_raise()\n    except:\n        pass")
    assert not any(truth.exits.values())
    assert truth.cut == truth.paths


def test_program_that_is_broken_is_discarded_even_where_it_is_swallowed() -> None:
    body = "try:\n    missing\nexcept Exception:\n    pass"
    with pytest.raises(Discarded, match="missing"):
        run(body)


def test_program_with_too_many_paths_is_discarded() -> None:
    with pytest.raises(Discarded, match="too many paths"):
        run("\n".join(["choose()"] * 12))


def answer_from(truth: Truth) -> Answer:
    """The right answer."""
    return Answer(
        exits={
            way_out: {lock: frozenset(truth.counts(way_out, lock)) for lock in truth.locks}
            for way_out in truth.exits
        },
        unheld_releases=frozenset(truth.unheld_releases),
        leaks={line: frozenset(ways) for line, ways in truth.leaks.items()},
    )


def test_right_answers_agree() -> None:
    discarded = 0
    for number in range(300):
        try:
            truth = execute(generate(number))
        except Discarded:
            discarded += 1
            continue
        assert compare(truth, answer_from(truth)).outcome == "agree"
    assert discarded < 5


WRONG = program("L0.acquire()\nmay_raise()\nL0.release()\nL0.release()")


def test_every_kind_of_wrong_answer_is_detected() -> None:
    truth = execute(WRONG)
    right = answer_from(truth)
    exits = dict(right.exits)
    wrong: dict[str, dict[str, Any]] = {
        "unsound: exception of L0: 1": {"exits": exits | {EXCEPTION: {"L0": frozenset()}}},
        "imprecise: exception of L0: 0": {"exits": exits | {EXCEPTION: {"L0": frozenset({0, 1})}}},
        "imprecise: normal of L0: 0": {"exits": exits | {NORMAL: {"L0": frozenset({0})}}},
        "unsound: unheld release of line 10: 10": {"unheld_releases": frozenset()},
        "imprecise: unheld release of line 9: 9": {"unheld_releases": frozenset({9, 10})},
        "unsound: leak by exception of line 7: exception": {"leaks": {}},
        "imprecise: leak by normal of line 7: normal": {
            "leaks": {7: frozenset({NORMAL, EXCEPTION})}
        },
    }
    assert compare(truth, right).outcome == "agree"
    for expected, changes in wrong.items():
        mismatches = compare(truth, replace(right, **changes)).mismatches
        assert [str(mismatch) for mismatch in mismatches] == [expected]


def test_forgotten_locks_are_counted_not_compared() -> None:
    truth = execute(WRONG)
    forgetful = Answer(exits={way_out: {"L0": None} for way_out in (NORMAL, EXCEPTION)})
    comparison = compare(truth, forgetful)
    assert (comparison.outcome, comparison.forgotten, comparison.compared) == ("forgotten", 2, 4)


def test_loop_is_tried_harder_before_an_answer_is_called_imprecise() -> None:
    body = (
        "one = two = three = False\nfor item in items:\n    if three:\n        L0.acquire()\n"
        "        break\n    three = two\n    two = one\n    one = True"
    )
    assert run(body, "items").settled
    said = answer_from(execute(program(body, "items"), bound=4))
    assert said.leaks
    assert judge(program(body, "items"), lambda text: said, World()).outcome == "agree"


def test_loop_without_bound_makes_too_small_an_answer_unsound() -> None:
    text = program("for item in items:\n    L1.acquire()", "items")
    said = answer_from(execute(text))
    assert judge(text, lambda text: said, World()).outcome == "unsound"
    everything = replace(said, exits={NORMAL: {"L1": frozenset(range(99))}, EXCEPTION: {}})
    assert judge(text, lambda text: everything, World()).outcome == "agree"


def test_shrinking_keeps_the_fault_and_little_else() -> None:
    def leaks_on_exception(text: str) -> bool:
        try:
            return bool(execute(text, watch=True).exits[EXCEPTION] - {(0,), (0, 0), (0, 0, 0)})
        except Discarded:
            return False

    seeds = [seed for seed in range(60) if leaks_on_exception(generate(seed))]
    for seed in seeds[:5]:
        small = shrink(generate(seed), leaks_on_exception)
        assert leaks_on_exception(small)
        assert len(ast_statements(small)) <= 8, small


def ast_statements(text: str) -> list[str]:
    """The lines that say something."""
    return [line for line in text.splitlines() if line.strip()]


def test_generation_is_repeatable_diverse_and_sound() -> None:
    texts = [generate(seed) for seed in range(400)]
    assert texts == [generate(seed) for seed in range(400)]
    assert len(set(texts)) > 390
    facts: Counter[str] = Counter()
    reasons: set[str] = set()
    for text in texts:
        try:
            truth = execute(text, watch=True)
        except Discarded as error:
            reasons.add(str(error))
            facts["discarded"] += 1
            continue
        facts["leaks"] += bool(truth.leaks)
        facts["unheld"] += bool(truth.unheld_releases)
        facts["clean"] += not (truth.leaks or truth.unheld_releases or truth.deadlocks)
        facts["exits"] += any(truth.exits.values())
    assert facts["leaks"] > 100
    assert facts["unheld"] > 40
    assert facts["clean"] > 40
    assert facts["exits"] > 300
    assert facts["discarded"] < 5
    assert reasons <= {"too many paths"}  # No path uses an unbound name.


GIVES = "\n\ndef give_0():\n    L0.release()\n"
KEEPS = "\n\ndef keep_0():\n    L0.acquire()\n"
OTHERS = {
    "a signal": (GIVES, "L0.acquire()\nL0.acquire()\nL0.release()", "normal: 0"),
    "a signal to a with": (GIVES, "L0.acquire()\nwith L0:\n    pass", "normal: 0"),
    "what a with holds": (GIVES, "with L0:\n    L0.acquire()", "deadlock 2"),
    "others only acquire": (KEEPS, "L0.acquire()\nL0.acquire()", "deadlock 2"),
    "taken meanwhile": (
        KEEPS,
        "L0.release()\nmay_raise()\nL0.release()",
        "normal: -1; exception: -1",
    ),
    "not at once": (KEEPS, "L0.release()\nL0.release()", "unheld 2"),
    "a helper is none of the others": (
        GIVES,
        "L0.acquire()\nL0.acquire()\ngive_0()",
        "deadlock 2",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_do_what_nothing_in_the_program_calls(name: str) -> None:
    functions, body, expected = OTHERS[name]
    text = program(body) + functions
    truth = execute(text, replace(with_others(text, ANALYSED), acquire_raises=False), watch=True)
    assert shown(truth) == expected
    assert judge(text, static_answer).outcome == "agree"


def test_statements_can_be_left_out() -> None:
    plain = Options(without=frozenset(STATEMENTS) - {"with_lock", "may_raise"})
    texts = "".join(generate(seed, plain) for seed in range(50))
    assert "with " in texts
    assert "if " not in texts.replace("if L", "").replace("yield", "")


EXACT = Options(one_function=True)


def test_the_analysis_agrees_on_a_short_slice() -> None:
    wrong = []
    outcomes: Counter[str] = Counter()
    for number in range(150):
        seed = program_seed(1, number)
        try:
            comparison = judge(generate(seed, EXACT), static_answer)
        except Discarded:
            continue
        outcomes[comparison.outcome] += 1
        wrong += [f"program {seed}: {mismatch}" for mismatch in comparison.mismatches]
    assert not wrong
    assert outcomes["agree"] > 125, outcomes
