"""Many programs at once: what the analysis says of each, beside what can happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.deadlock_oracle.automaton import InvalidProgramError
from tests.deadlock_oracle.compare import (
    CYCLE,
    MISSED,
    SELF_DEADLOCK,
    AnalysisError,
    is_reason,
    judge,
)
from tests.deadlock_oracle.explore import Cycle, Discarded, Truth, explore
from tests.deadlock_oracle.generate import Options, generate
from tests.deadlock_oracle.model import Program
from tests.deadlock_oracle.shrink import shrink
from tests.oracle.campaign import in_order, program_seed

CHUNK = 50  # programs of one task
_KEPT = 200  # disagreements that are remembered, of each family
CRASHED = "crashed"

Family = tuple[str, str, str]


@dataclass(frozen=True)
class Task:
    """A range of programs to look at."""

    seed: int
    start: int
    stop: int
    options: Options
    truth_only: bool = False


@dataclass
class Tally:
    """What came out of some programs.

    ``outcomes`` counts programs, ``exact`` agreed reports by code, ``families`` disagreements;
    ``found`` has the seeds of programs with a disagreement each.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    families: Counter[Family] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    found: dict[Family, list[int]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take in the tally of another range."""
        self.outcomes += other.outcomes
        self.exact += other.exact
        self.families += other.families
        self.facts += other.facts
        for family, seeds in other.found.items():
            self.remember(family, *seeds)

    def remember(self, family: Family, *seeds: int) -> None:
        """Keep the seeds of programs with a disagreement, up to a bound."""
        known = self.found.setdefault(family, [])
        known += seeds[: max(0, _KEPT - len(known))]

    @property
    def has_missed(self) -> bool:
        """Whether something that can happen is not reported, or the analysis broke off."""
        return any(kind in (MISSED, CRASHED) for kind, _, _ in self.families)


def run(task: Task) -> Tally:
    """Look at one range of programs."""
    tally = Tally()
    for number in range(task.start, task.stop):
        seed = program_seed(task.seed, number)
        program = generate(seed, task.options)
        try:
            if task.truth_only:
                _note_facts(tally, explore(program))
                tally.outcomes["explored"] += 1
                continue
            comparison = judge(program)
        except Discarded:
            tally.outcomes["discarded"] += 1
            continue
        except AnalysisError:
            tally.outcomes[CRASHED] += 1
            tally.families[_CRASH] += 1
            tally.remember(_CRASH, seed)
            continue
        _note_facts(tally, comparison.truth)
        tally.outcomes[comparison.outcome] += 1
        tally.exact.update(comparison.exact)
        families = [mismatch.family for mismatch in comparison.mismatches]
        tally.families.update(families)
        for family in sorted(set(families)):
            tally.remember(family, seed)
    return tally


_CRASH: Family = (CRASHED, "", "")


def _note_facts(tally: Tally, truth: Truth) -> None:
    tally.facts["programs with a cycle"] += bool(truth.cycles)
    tally.facts["programs with a self-deadlock"] += bool(truth.self_deadlocks)
    tally.facts["programs that cannot stop"] += not truth.hangs
    tally.facts[f"real {CYCLE}"] += len(truth.cycles)
    tally.facts[f"real {SELF_DEADLOCK}"] += len(truth.self_deadlocks)


def run_all(tasks: list[Task], jobs: int) -> Iterator[Tally]:
    """The tallies of all ranges, in order, so that the outcome never depends on ``jobs``."""
    return in_order(run, tasks, jobs)


def shrunk(seed: int, family: Family, options: Options) -> Program:
    """The smallest program found with the same kind of disagreement."""

    _, _, reason = family

    def explain(program: Program, locks: Cycle) -> str:
        return reason if reason and is_reason(program, locks, reason) else ""

    def keeps(program: Program) -> bool:
        try:
            comparison = judge(program, explain=explain)
        except (Discarded, InvalidProgramError):
            return False
        except AnalysisError:
            return family == _CRASH
        if comparison.truth.leaks:
            return False  # Random programs give back what they take, so smaller ones do too.
        return any(mismatch.family == family for mismatch in comparison.mismatches)

    return shrink(generate(seed, options), keeps)
