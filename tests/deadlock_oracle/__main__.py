"""The long run: ``python -m tests.deadlock_oracle --programs 5000 --seed 1``."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.deadlock_oracle.campaign import CHUNK, Tally, Task, run_all, shrunk
from tests.deadlock_oracle.compare import MISSED, AnalysisError, judge, witnesses
from tests.deadlock_oracle.explore import Discarded, explore
from tests.deadlock_oracle.generate import FEATURES, STATEMENTS, Options, generate
from tests.deadlock_oracle.model import Program
from tests.deadlock_oracle.real_threads import replay, run_at_random
from tests.deadlock_oracle.writer import shape, write_files
from tests.oracle.campaign import program_seed


def _explain(program: Program) -> str:
    """A program with line numbers, what is said of it, and how what is missed comes about."""
    lines: list[str] = []
    for name, text in write_files(program).items():
        lines += [f"  {name}.py"] if program.files > 1 else []
        lines += [f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1)]
    try:
        comparison = judge(program)
    except (AnalysisError, Discarded) as error:
        return "\n".join([*lines, f"  {type(error).__name__}: {error}"])
    answer, truth = comparison.answer, comparison.truth
    lines.append(f"  said: {_listed(answer.cycles)}; alone: {_listed(answer.self_deadlocks)}")
    lines.append(f"  true: {_listed(truth.cycles)}; alone: {_listed(truth.self_deadlocks)}")
    lines += [f"  {mismatch}" for mismatch in comparison.mismatches]
    for mismatch, schedule in witnesses(comparison):
        lines.append(f"  how {' → '.join(mismatch.locks)} happens:")
        lines += [f"    {step}" for step in schedule]
    return "\n".join(lines)


def _listed(found: object) -> str:
    assert isinstance(found, frozenset | dict)
    names = sorted(one if isinstance(one, str) else " → ".join(one) for one in found)
    return ", ".join(names) or "none"


def _print_summary(tally: Tally, programs: int, seconds: float) -> None:
    print(f"{programs} programs in {seconds:.0f} s")
    for outcome, count in tally.outcomes.most_common():
        print(f"  {outcome:<12} {count:>7}  {100 * count / max(programs, 1):6.2f} %")
    for fact, count in tally.facts.items():
        print(f"  {fact}: {count}")
    for code, count in sorted(tally.exact.items()):
        print(f"  {code} reported as it happens: {count}")
    for family, count in sorted(tally.families.items()):
        print(f"  {count:>7} {': '.join(part for part in family if part)}", flush=True)


def _run_for_real(options: argparse.Namespace, program_options: Options) -> int:
    """Let real threads replay each deadlock, and look for others at random."""
    replayed = wrong = 0
    for number in range(options.programs):
        seed = program_seed(options.seed, number)
        program = generate(seed, program_options)
        try:
            truth = explore(program)
        except Discarded:
            continue
        known = dict(truth.cycles)
        known.update(((lock,), schedule) for lock, schedule in truth.self_deadlocks.items())
        for cycle, schedule in known.items():
            replayed += 1
            if cycle not in replay(program, schedule):
                wrong += 1
                print(f"program {seed}: {cycle} does not happen")
        rng = random.Random(seed)
        for _ in range(options.tries):
            if other := run_at_random(program, rng) - known.keys():
                wrong += 1
                print(f"program {seed}: {sorted(other)} happen too")
    print(f"{options.programs} programs, {replayed} deadlocks replayed, {wrong} wrong")
    return 1 if wrong else 0


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where the analysis misses something that can happen."""
    parser = argparse.ArgumentParser(prog="python -m tests.deadlock_oracle", description=__doc__)
    parser.add_argument("--programs", type=int, default=1_000, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=1, help="disagreements to shrink, per kind")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted((*STATEMENTS, *FEATURES))
    )
    parser.add_argument("--truth-only", action="store_true", help="explore the programs alone")
    parser.add_argument("--print", type=int, metavar="SEED", help="print one program and its truth")
    parser.add_argument(
        "--real-threads", action="store_true", help="check the explorer against real threads"
    )
    parser.add_argument("--tries", type=int, default=10, help="random runs on real threads")
    options = parser.parse_args(arguments)
    program_options = Options(frozenset(options.without))
    if options.print is not None:
        print(_explain(generate(options.print, program_options)))
        return 0
    if options.real_threads:
        return _run_for_real(options, program_options)
    tasks = [
        Task(
            options.seed,
            start,
            min(start + CHUNK, options.programs),
            program_options,
            options.truth_only,
        )
        for start in range(0, options.programs, CHUNK)
    ]
    began = time.monotonic()
    tally = Tally()
    for part in run_all(tasks, options.jobs):
        tally.add(part)
    _print_summary(tally, options.programs, time.monotonic() - began)
    for family, seeds in sorted(tally.found.items(), key=lambda each: (each[0][0] != MISSED, each)):
        shown: set[str] = set()
        for seed in seeds[: 3 * options.show]:
            if len(shown) == options.show:
                break
            program = shrunk(seed, family, program_options)
            if shape(program) not in shown:
                shown.add(shape(program))
                print(f"\n{': '.join(part for part in family if part)} (program {seed})")
                print(_explain(program), flush=True)
    return 1 if tally.has_missed else 0


if __name__ == "__main__":
    sys.exit(main())
