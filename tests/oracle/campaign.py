"""Many programs at once: what the analysis says of each, beside the truth."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.oracle.compare import judge, static_answer
from tests.oracle.execute import Discarded, execute
from tests.oracle.generate import generate
from tests.oracle.machine import World
from tests.oracle.shrink import shrink
from tests.oracle.writer import Options

_Range = TypeVar("_Range")
_Outcome = TypeVar("_Outcome")

OUTCOMES = (
    "agree",
    "forgotten",
    "silent",
    "unsound",
    "imprecise",
    "crashed",
    "discarded",
    "described",
)
CHUNK = 200  # programs of one task
_KEPT = 200  # disagreements that are remembered


@dataclass(frozen=True)
class Task:
    """A range of programs to look at."""

    seed: int
    start: int
    stop: int
    options: Options
    world: World
    truth_only: bool = False


@dataclass
class Tally:
    """What came out of some programs; ``found`` are program seeds with a disagreement each."""

    outcomes: Counter[str] = field(default_factory=Counter)
    families: Counter[tuple[str, str]] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    exits_compared: int = 0
    exits_forgotten: int = 0
    found: list[tuple[tuple[str, str], int]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in the tally of another range."""
        self.outcomes += other.outcomes
        self.families += other.families
        self.facts += other.facts
        self.exits_compared += other.exits_compared
        self.exits_forgotten += other.exits_forgotten
        self.found += other.found[: max(0, _KEPT - len(self.found))]

    @property
    def disagreements(self) -> int:
        """How many programs the analysis is wrong about."""
        return sum(self.outcomes[kind] for kind in ("unsound", "imprecise", "crashed"))


def program_seed(seed: int, number: int) -> int:
    """The seed of one program of a run."""
    return seed * 10_000_019 + number


def run(task: Task) -> Tally:
    """Look at one range of programs."""
    tally = Tally()
    for number in range(task.start, task.stop):
        seed = program_seed(task.seed, number)
        text = generate(seed, task.options)
        try:
            if task.truth_only:
                _note_facts(tally, text, task.world)
                tally.outcomes["described"] += 1
                continue
            comparison = judge(text, static_answer, task.world)
        except Discarded:
            tally.outcomes["discarded"] += 1
            continue
        except Exception as error:
            family = ("crashed", type(error).__name__)
            tally.outcomes["crashed"] += 1
            tally.families[family] += 1
            tally.found.append((family, seed))
            continue
        tally.outcomes[comparison.outcome] += 1
        tally.exits_compared += comparison.compared
        tally.exits_forgotten += comparison.forgotten
        for family in {mismatch.family for mismatch in comparison.mismatches}:
            tally.families[family] += 1
            tally.found.append((family, seed))
    return tally


def _note_facts(tally: Tally, text: str, world: World) -> None:
    truth = execute(text, world)
    ways = {way for ways in truth.leaks.values() for way in ways}
    tally.facts["paths"] += truth.paths
    tally.facts["lines"] += text.count("\n")
    tally.facts["programs that leak by a normal exit"] += "normal" in ways
    tally.facts["programs that leak by an exception"] += "exception" in ways
    tally.facts["programs that release what is not held"] += bool(truth.unheld_releases)
    tally.facts["programs that can deadlock with themselves"] += bool(truth.deadlocks)
    tally.facts["programs with nothing wrong"] += not (
        ways or truth.unheld_releases or truth.deadlocks
    )
    tally.facts["programs that never end"] += not any(truth.exits.values())
    tally.facts["programs whose loops do not settle"] += not truth.settled


def run_all(tasks: list[Task], jobs: int) -> Iterator[Tally]:
    """The tallies of all ranges, in order, so that the outcome never depends on ``jobs``."""
    return in_order(run, tasks, jobs)


def in_order(
    look_at: Callable[[_Range], _Outcome], ranges: Sequence[_Range], jobs: int
) -> Iterator[_Outcome]:
    """What each range gives, in their order, from ``jobs`` processes."""
    if jobs <= 1:
        yield from map(look_at, ranges)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(look_at, ranges)


def shrunk(seed: int, family: tuple[str, str], options: Options, world: World) -> str:
    """The smallest program found with the same kind of disagreement."""

    def keeps(text: str) -> bool:
        try:
            comparison = judge(text, static_answer, world, watch=True)
        except Discarded:
            return False
        except Exception as error:
            return family == ("crashed", type(error).__name__)
        return any(mismatch.family == family for mismatch in comparison.mismatches)

    return shrink(generate(seed, options), keeps)
