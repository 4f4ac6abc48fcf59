"""The long run: ``python -m tests.oracle --programs 100000 --seed 1``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.oracle.campaign import CHUNK, OUTCOMES, Tally, Task, run_all, shrunk
from tests.oracle.compare import ANALYSED, Answer, judge, static_answer
from tests.oracle.execute import execute
from tests.oracle.generate import STATEMENTS, generate
from tests.oracle.machine import World
from tests.oracle.others import with_others
from tests.oracle.writer import Options


def _explain(text: str, world: World) -> str:
    """A program with line numbers, and what is said of it."""
    lines = [f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1)]
    answer: Answer | None = None
    world = with_others(text, world)
    try:
        answer = static_answer(text)
        lines += [f"  {mismatch}" for mismatch in judge(text, static_answer, world).mismatches]
    except Exception as error:
        lines.append(f"  {type(error).__name__}: {error}")
    if answer is not None:
        lines.append(f"  said: {answer}")
        lines.append(f"  true: {execute(text, world)}")
    return "\n".join(lines)


def _print_summary(tally: Tally, programs: int, seconds: float) -> None:
    print(f"{programs} programs in {seconds:.0f} s")
    for outcome in OUTCOMES:
        count = tally.outcomes[outcome]
        if count or outcome != "described":
            print(f"  {outcome:<10} {count:>8}  {100 * count / max(programs, 1):6.2f} %")
    if tally.exits_compared:
        share = 100 * tally.exits_forgotten / tally.exits_compared
        print(f"  exits of locks forgotten: {tally.exits_forgotten} ({share:.2f} %)")
    for family, count in sorted(tally.families.items()):
        print(f"  {count:>8} {': '.join(family)}")
    for fact, count in tally.facts.items():
        mean = count / max(1, programs - tally.outcomes["discarded"])
        text = f"{mean:.1f} in the mean" if fact in ("paths", "lines") else f"{100 * mean:.1f} %"
        print(f"  {fact}: {text}")


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where the analysis is wrong about a program."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--programs", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="disagreements to shrink, per kind")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--statements", type=int, default=Options.statements)
    parser.add_argument(
        "--one-function",
        action="store_true",
        help="no helper acquires or releases for the program: there the analysis is exact",
    )
    parser.add_argument("--without", action="append", default=[], choices=sorted(STATEMENTS))
    parser.add_argument("--truth-only", action="store_true", help="describe the programs")
    parser.add_argument("--print", type=int, metavar="SEED", help="print one program and its truth")
    options = parser.parse_args(arguments)
    program_options = Options(
        options.statements,
        without=frozenset(options.without),
        one_function=options.one_function,
    )
    world = ANALYSED
    if options.print is not None:
        print(_explain(generate(options.print, program_options), world))
        return 0
    starts = range(0, options.programs, CHUNK)
    tasks = [
        Task(
            options.seed,
            start,
            min(start + CHUNK, options.programs),
            program_options,
            world,
            options.truth_only,
        )
        for start in starts
    ]
    began = time.monotonic()
    tally = Tally()
    for part in run_all(tasks, options.jobs):
        tally.add(part)
    _print_summary(tally, options.programs, time.monotonic() - began)
    shown: Counter[tuple[str, str]] = Counter()
    for family, seed in tally.found:
        shown[family] += 1
        if shown[family] <= options.show:
            print(f"\n{': '.join(family)} (program {seed})")
            print(_explain(shrunk(seed, family, program_options, world), world))
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
