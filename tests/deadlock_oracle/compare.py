"""What the analysis says of a program, beside what can happen to it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from tests.deadlock_oracle.explore import (
    REAL,
    Cycle,
    Discarded,
    Schedule,
    Truth,
    World,
    explore,
    normalised,
    orders,
)
from tests.deadlock_oracle.model import BOX, Program
from tests.deadlock_oracle.writer import LOCKS, MAIN, MAKER, write_files

MISSED = "missed"
COVERED = "covered"
FALSE_ALARM = "false alarm"
CYCLE = "LCK301"
SELF_DEADLOCK = "LCK302"


@dataclass(frozen=True)
class Answer:
    """What the analysis reports."""

    cycles: frozenset[Cycle] = frozenset()
    self_deadlocks: frozenset[str] = frozenset()


class AnalysisError(Exception):
    """The analysis broke off."""


@dataclass(frozen=True, order=True)
class Mismatch:
    """One disagreement.

    ``kind``: ``missed``; ``covered``, a cycle that can happen and is not reported, while one of
    fewer of its locks is; or ``false alarm``. ``reason``: of a false alarm, why it cannot happen.
    """

    kind: str
    code: str
    locks: Cycle
    reason: str = ""

    @property
    def family(self) -> tuple[str, str, str]:
        """What a smaller program has to share with this one."""
        return (self.kind, self.code, self.reason)

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.kind}: {self.code} {' → '.join(self.locks)}{reason}"


@dataclass(frozen=True)
class Comparison:
    """What agrees, by code, and all that does not."""

    truth: Truth
    answer: Answer
    exact: tuple[str, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def outcome(self) -> str:
        """One word: the gravest disagreement, or ``exact``."""
        kinds = {mismatch.kind for mismatch in self.mismatches}
        return next((kind for kind in (MISSED, FALSE_ALARM, COVERED) if kind in kinds), "exact")


def judge(
    program: Program,
    answer_of: Callable[[Program], Answer] | None = None,
    explain: Callable[[Program, Cycle], str] | None = None,
) -> Comparison:
    """Compare; raises `Discarded` where there is no truth, and `AnalysisError`.

    ``explain`` gives the reason of a false alarm: `why_not`, unless told otherwise.
    """
    explain = explain or why_not
    truth = explore(program)
    answer = (answer_of or static_answer)(program)
    exact: list[str] = []
    found: list[Mismatch] = []
    # A function that takes a lock twice that it is given says so of its parameter, once for all.
    parameters = {lock for lock in answer.self_deadlocks if "<locals>" in lock}
    named = set(answer.self_deadlocks) - parameters
    if parameters:
        named |= set(truth.self_deadlocks)
    pairs = (
        (CYCLE, set(truth.cycles), set(answer.cycles)),
        (
            SELF_DEADLOCK,
            {(lock,) for lock in truth.self_deadlocks},
            {(lock,) for lock in named},
        ),
    )
    for code, real, said in pairs:
        exact += [code] * len(real & said)
        for locks in sorted(real - said):
            covered = any(set(other) < set(locks) for other in said)
            found.append(Mismatch(COVERED if covered else MISSED, code, locks))
        for locks in sorted(said - real):
            found.append(Mismatch(FALSE_ALARM, code, locks, explain(program, locks)))
    return Comparison(truth, answer, tuple(exact), tuple(found))


def static_answer(program: Program) -> Answer:
    """Ask the analysis, with its default settings; information is no alarm."""
    from locklint.core.config import Config
    from locklint.core.diagnostic import Severity
    from locklint.engine.pipeline import check

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in write_files(program).items():
            paths.append(Path(folder, f"{name}.py"))
            paths[-1].write_text(text, encoding="utf-8")
        report = check([str(path) for path in paths], Config())
    if report.errors:
        error = report.errors[0]
        raise AnalysisError(f"{error.message}\n{error.traceback}")
    cycles: set[Cycle] = set()
    self_deadlocks: set[str] = set()
    names = (lock.name for lock in program.locks if lock.name.startswith(f"{BOX}."))
    of_box = next(names, f"{BOX}.lock")
    for diagnostic in report.diagnostics:
        if diagnostic.severity <= Severity.INFO:
            continue
        locks = tuple(lock_name(each, of_box) for each in diagnostic.locks)
        if diagnostic.code == CYCLE:
            cycles.add(normalised(locks))
        elif diagnostic.code == SELF_DEADLOCK:
            self_deadlocks.update(locks)
    return Answer(frozenset(cycles), frozenset(self_deadlocks))


def lock_name(identity: str, of_box: str = f"{BOX}.lock") -> str:
    """The model's name of a lock: ``m.a``, ``locks.a`` and ``m.make.<locals>.a`` are ``a``,
    ``m.Box.lock`` and ``m.box.lock`` one lock.

    Where a box is nothing but its lock, ``of_box``, the lock goes by the name of the box.
    """
    name = identity.removeprefix(MAIN + ".").removeprefix(LOCKS + ".").replace(":", ".")
    name = name.removeprefix(f"{MAKER}.<locals>.")
    if name == BOX:
        return of_box
    return name.replace("Box.", "box.", 1) if name.startswith("Box.") else name


_ONCE = "one thread alone runs it"
_LIBERTIES: dict[str, Callable[[World, Cycle], World]] = {
    "starts and joins keep the threads apart": lambda world, _: replace(world, all_at_once=True),
    "the thread stops for ever before": lambda world, _: replace(world, past_self_deadlock=True),
    "another lock keeps the threads apart": lambda world, locks: replace(
        world, only=frozenset(locks)
    ),
    "a condition has one outcome": lambda world, _: replace(world, free_branches=True),
    "an attempt does not wait": lambda world, _: replace(world, attempts_wait=True),
    _ONCE: lambda world, _: world,  # There is a world for each thread: see `_happens`.
}
"""Reasons why something cannot happen, each with the world in which that reason is none."""

_MAXIMUM_REASONS = 2
_AND = "; "
_STATES_OF_AN_EXPLANATION = 10_000
WRONG_ORDER = "no thread takes them in that order"
A_SIGNAL = "any thread releases the lock"
UNEXPLAINED = "unexplained"


def why_not(program: Program, locks: Cycle) -> str:
    """Why a deadlock cannot happen: the least set of reasons without which it could.

    A lock that keeps others out by itself can no longer be part of what it keeps out, and so on:
    each reason is tried by exploring the program in a world without it.
    """
    if any(lock.signal for lock in program.locks if lock.name in locks):
        return A_SIGNAL
    if _has_wrong_order(program, locks):
        return WRONG_ORDER
    for number in range(1, _MAXIMUM_REASONS + 1):
        for reasons in combinations(_LIBERTIES, number):
            if _happens(program, locks, reasons):
                return _AND.join(reasons)
    return UNEXPLAINED


def _has_wrong_order(program: Program, locks: Cycle) -> bool:
    taken = orders(program)
    return any(pair not in taken for pair in zip(locks, (*locks[1:], locks[0]), strict=True))


def is_reason(program: Program, locks: Cycle, reason: str) -> bool:
    """Whether a false alarm could have that reason; costs less than to look for one."""
    if reason == WRONG_ORDER:
        return _has_wrong_order(program, locks)
    if reason in (UNEXPLAINED, A_SIGNAL):
        return why_not(program, locks) == reason
    return _happens(program, locks, reason.split(_AND))


def _happens(program: Program, locks: Cycle, reasons: Iterable[str]) -> bool:
    """Whether it happens in a world without those reasons, as far as that can be explored."""
    world = REAL
    for reason in reasons:
        world = _LIBERTIES[reason](world, locks)
    worlds = [world]
    if _ONCE in reasons:
        worlds = [replace(world, twice=thread) for thread in range(len(program.threads) + 1)]
    for one in worlds:
        try:
            truth = explore(program, one, _STATES_OF_AN_EXPLANATION)
        except Discarded:
            continue
        if locks in truth.cycles or (len(locks) == 1 and locks[0] in truth.self_deadlocks):
            return True
    return False


def witnesses(comparison: Comparison) -> Iterator[tuple[Mismatch, Schedule]]:
    """What was missed, with steps that lead there."""
    for mismatch in comparison.mismatches:
        if mismatch.kind == FALSE_ALARM:
            continue
        if mismatch.code == CYCLE:
            yield mismatch, comparison.truth.cycles[mismatch.locks]
        else:
            yield mismatch, comparison.truth.self_deadlocks[mismatch.locks[0]]
