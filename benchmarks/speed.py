"""How long locklint takes, against other programs: python -m benchmarks.speed [OPTIONS].

Runs whole processes. In each round every program runs once, one after the other, and what counts
is the median of the ratios within the rounds, so that a machine that is shared or slow does not
decide. Processor time is user and system time of the process and its children; memory is the
highest peak of one process. --setup installs the other programs first.

Figures stand as locklint / the other, and a ratio below 1 says that locklint took less.

What is measured:

\b
cold     without a cache, in one process, against every program of --against
warm     with a filled cache and nothing changed, against ruff without one
changed  the same after a comment was added to one file, against warm and ruff: to one that
         makes locks, and to one that says nothing of locks
jobs     without a cache, in as many processes as --jobs says, against one
small    one small file, process start included, against python -c "import libcst"
start    --help, and a tree in which nothing mentions a lock, against python -c pass
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks import costs, opponents
from benchmarks.corpora import STDLIB, Corpus, stdlib
from benchmarks.costs import Cost, MeasurementError
from benchmarks.opponents import OPPONENTS, Opponent
from benchmarks.subject import Locklint
from benchmarks.table import HEADINGS, Row, print_rows

WHAT = ("cold", "jobs", "warm", "changed", "small", "start")
# Corpora of fewer bytes are small enough for every program to look at all of them.
SAMPLED = 5_000_000

_SMALL = '''\
"""A counter that several threads share."""

import threading


class Counter:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0

    def add(self, amount: int) -> int:
        self._lock.acquire()
        try:
            self._value += amount
            return self._value
        finally:
            self._lock.release()

    def value(self) -> int:
        with self._lock:
            return self._value
'''
_WITHOUT_LOCKS = '''\
"""Shapes."""


class Square:
    def __init__(self, side: float) -> None:
        self.side = side

    def area(self) -> float:
        return self.side * self.side
'''


@dataclass(frozen=True)
class Program:
    """What runs once in each round.

    Attributes:
        name: As the table calls it.
        command: What runs.
        normal: The exit statuses that are no failure.
        before: Done before each run, and not measured.
        factor: Where only a sample was looked at: how many times the step from the smaller one
            to it leads to the whole.
        smaller: The same over half that sample.
        note: For the table.
    """

    name: str
    command: Sequence[str]
    normal: frozenset[int] = frozenset({0})
    before: Callable[[], None] = lambda: None
    factor: float = 1.0
    smaller: Sequence[str] = ()
    note: str = ""


@dataclass
class Suite:
    """The settings of one run of the suite, and what came out."""

    locklint: Locklint
    rivals: Sequence[Opponent]
    sample: int
    runs: int
    start_runs: int
    jobs: int | None
    temporary: Path
    rows: list[Row] = field(default_factory=list)

    def cold(self, corpus: Corpus) -> None:
        """Without a cache, in one process."""
        command = self.locklint.check(corpus.paths, jobs=1)
        self._compare(corpus.name, Program("cold", command), self._programs(corpus, self.rivals))

    def in_parallel(self, corpus: Corpus) -> None:
        """Without a cache, in several processes."""
        ours = Program("jobs", self.locklint.check(corpus.paths, jobs=self.jobs))
        one = Program("locklint --jobs 1", self.locklint.check(corpus.paths, jobs=1))
        self._compare(corpus.name, ours, [one])

    def warm(self, corpus: Corpus) -> None:
        """With a cache that has everything."""
        cache = self.temporary / "cache-warm"
        command = self.locklint.check(corpus.paths, cache=cache, jobs=self.jobs)
        if self._fill(corpus, "warm", command, cache):
            self._compare(corpus.name, Program("warm", command), self._programs(corpus, self._ruff))

    def changed(self, corpus: Corpus) -> None:
        """With a cache that has everything but one file."""
        copy = corpus.copied(self.temporary / "copy")
        cache = self.temporary / "cache-changed"
        command = self.locklint.check(copy.paths, cache=cache, jobs=self.jobs)
        if self._fill(corpus, "changed", command, cache):
            self._change(corpus, copy, "changed", command, copy.typical_file())
            self._change(corpus, copy, "changed, no locks", command, copy.silent_file())
        shutil.rmtree(copy.root)

    def _change(
        self, corpus: Corpus, copy: Corpus, what: str, command: Sequence[str], file: Path
    ) -> None:
        print(f"  {what} each time: {file.relative_to(copy.root)}", file=sys.stderr)

        def change() -> None:
            with file.open("a", encoding="utf-8") as stream:
                stream.write("# Changed.\n")

        # The run after that with the change finds nothing changed: it is a warm one.
        rivals = [Program("locklint warm", command), *self._programs(copy, self._ruff)]
        self._compare(corpus.name, Program(what, command, before=change), rivals)

    def small(self) -> None:
        """One small file."""
        file = self.temporary / "small.py"
        file.write_text(_SMALL, encoding="utf-8")
        rival = Program('python -c "import libcst"', [sys.executable, "-c", "import libcst"])
        ours = Program("small", self.locklint.check([file]))
        self._compare("one small file", ours, [rival], self.start_runs)

    def start(self) -> None:
        """What there is to pay before anything is analysed."""
        tree = self.temporary / "without_locks"
        tree.mkdir()
        for number in range(20):
            (tree / f"shapes{number}.py").write_text(_WITHOUT_LOCKS, encoding="utf-8")
        rival = Program("python -c pass", [sys.executable, "-c", "pass"])
        for corpus, command in (
            ("--help", [*self.locklint.command, "--help"]),
            ("20 files without locks", self.locklint.check([tree])),
        ):
            self._compare(corpus, Program("start", command), [rival], self.start_runs)

    def _sampled(self, name: str, corpus: Corpus, rival: Opponent) -> Program:
        part, smaller = corpus.sample(self.sample), corpus.sample(2 * self.sample)
        return Program(
            name,
            rival.command(part.paths),
            rival.normal,
            factor=costs.steps(corpus.bytes, part.bytes, smaller.bytes),
            smaller=rival.command(smaller.paths),
            note=f"worked out from {part.name} and {smaller.name}; memory that of the former",
        )

    @property
    def _ruff(self) -> list[Opponent]:
        return [rival for rival in self.rivals if rival.name == "ruff"]

    def _programs(self, corpus: Corpus, rivals: Sequence[Opponent]) -> list[Program]:
        """The commands of those that are installed; the table names the others as missing."""
        programs = []
        for rival in rivals:
            name = f"{rival.what} ({rival.version})"
            try:
                if rival.slow and self.sample > 1 and corpus.bytes > SAMPLED:
                    programs.append(self._sampled(name, corpus, rival))
                else:
                    programs.append(Program(name, rival.command(corpus.paths), rival.normal))
            except FileNotFoundError as missing:
                self.rows.append(Row(corpus.name, "", name, None, f"MISSING: {missing}"))
        return programs

    def _fill(self, corpus: Corpus, what: str, command: Sequence[str], cache: Path) -> bool:
        """Fill a new cache. Without a cache there is nothing to measure, and a row that says so."""
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        try:
            self._run(Program(f"{what}, filling the cache", command))
        except MeasurementError as error:
            self.rows.append(Row(corpus.name, what, "", None, f"FAILED: {error}"))
            return False
        if not any(path.is_file() for path in cache.rglob("*")):
            missing = "NOT MEASURED: this locklint keeps no cache"
            self.rows.append(Row(corpus.name, what, "", None, missing))
            return False
        return True

    def _compare(
        self, corpus: str, ours: Program, rivals: Sequence[Program], runs: int = 0
    ) -> None:
        """Run all in turns. Who fails is left out from then on, and is in the table as failed."""
        taken: dict[str, list[Cost]] = {program.name: [] for program in (ours, *rivals)}
        left = list(rivals)
        for _ in range(runs or self.runs):
            try:
                taken[ours.name].append(self._run(ours))
            except MeasurementError as error:
                self.rows.append(Row(corpus, ours.name, "", None, f"FAILED: {error}"))
                return
            for rival in tuple(left):
                try:
                    taken[rival.name].append(self._run(rival))
                except MeasurementError as error:
                    left.remove(rival)
                    self.rows.append(Row(corpus, ours.name, rival.name, None, f"FAILED: {error}"))
        for rival in left:
            comparison = costs.compare(taken[ours.name], taken[rival.name])
            self.rows.append(Row(corpus, ours.name, rival.name, comparison, rival.note))

    def _run(self, program: Program) -> Cost:
        program.before()
        cost = self._taken(program, program.command)
        if program.smaller:
            cost = cost.extrapolated(self._taken(program, program.smaller), program.factor)
        shown = f"{cost.processor:.2f} s CPU, {cost.wall:.2f} s, {cost.peak:.0f} MiB"
        worked_out = " (worked out)" if program.smaller else ""
        print(f"  {program.name}: {shown}{worked_out}", file=sys.stderr, flush=True)
        return cost

    def _taken(self, program: Program, command: Sequence[str]) -> Cost:
        return costs.run(
            command,
            environment=opponents.environment(self.temporary),
            folder=self.temporary,
            normal=program.normal,
        )


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, out of a set of known ones if there is such a set."""

    name = "NAMES"

    def __init__(self, known: Sequence[str] = ()) -> None:
        self.known = known

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split them."""
        names = tuple(name for name in str(value).split(",") if name)
        for name in names:
            if self.known and name not in self.known:
                self.fail(f"{name} is none of {', '.join(self.known)}", param, ctx)
        return names


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--corpus",
    "roots",
    multiple=True,
    metavar="DIR",
    help=f"A folder to scan; may be repeated. By default `{STDLIB}`, this Python's library.",
)
@click.option("--packages", type=Names(), help="Only these packages of each folder.")
@click.option("--what", type=Names(WHAT), default=",".join(WHAT), show_default=True)
@click.option(
    "--against",
    type=Names([rival.name for rival in OPPONENTS]),
    default=",".join(rival.name for rival in OPPONENTS),
    show_default=True,
)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Rounds.")
@click.option(
    "--start-runs",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Rounds of small and start.",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Of a corpus above 5 MB pylint looks at one file in so many; the rest is worked out.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes for jobs, warm and changed.")
@click.option("--locklint", default="", metavar="COMMAND", help="Another locklint.")
@click.option("--arguments", default="", help="Further arguments for `locklint check`.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.option("--setup", is_flag=True, help="Install the other programs, and stop.")
def main(
    roots: tuple[str, ...],
    packages: tuple[str, ...] | None,
    what: tuple[str, ...],
    against: tuple[str, ...],
    runs: int,
    start_runs: int,
    sample: int,
    jobs: int | None,
    locklint: str,
    arguments: str,
    markdown: bool,
    setup: bool,
) -> None:
    """Measure what is asked for, and print one table."""
    rivals = [rival for rival in OPPONENTS if rival.name in against]
    if setup:
        _setup(rivals)
        return
    # Outside the checkout, where no .gitignore keeps files from being scanned.
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        temporary = Path(folder).resolve()
        try:
            subject = Locklint(locklint, arguments)
        except MeasurementError as error:
            raise click.UsageError(str(error)) from error
        suite = Suite(subject, rivals, sample, runs, start_runs, jobs, temporary)
        print(f"{subject.version}, commit {subject.revision()}, {_machine()}, {runs} rounds\n")
        try:
            _measure(suite, what, lambda: _corpora(roots, packages or (), temporary))
        except KeyboardInterrupt:
            print("interrupted; this is what there is", file=sys.stderr)
        print("\nFigures stand as locklint / the other; a ratio below 1: locklint took less.\n")
        print_rows(HEADINGS, [row.cells() for row in suite.rows], markdown=markdown)


def _measure(suite: Suite, what: Sequence[str], corpora: Callable[[], Sequence[Corpus]]) -> None:
    of_corpora = {
        "cold": suite.cold,
        "jobs": suite.in_parallel,
        "warm": suite.warm,
        "changed": suite.changed,
    }
    asked = [measure for name, measure in of_corpora.items() if name in what]
    for corpus in corpora() if asked else ():
        _describe(corpus, suite.locklint)
        for measure in asked:
            measure(corpus)
    if "small" in what:
        suite.small()
    if "start" in what:
        suite.start()


def _setup(rivals: Sequence[Opponent]) -> None:
    failed = False
    for rival in rivals:
        try:
            rival.install()
            print(f"{rival.name} {rival.version}: {rival.program}")
        except RuntimeError as error:
            print(error, file=sys.stderr)
            failed = True
    sys.exit(1 if failed else 0)


def _corpora(roots: Sequence[str], packages: Sequence[str], temporary: Path) -> list[Corpus]:
    try:
        return [
            stdlib(temporary / "Lib") if root == STDLIB else Corpus.of(Path(root), packages)
            for root in roots or (STDLIB,)
        ]
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error


def _describe(corpus: Corpus, locklint: Locklint) -> None:
    print(
        f"{corpus.name}: {len(corpus.files):,} files ({locklint.counted(corpus):,} for locklint),"
        f" {corpus.lines:,} lines, {corpus.bytes:,} bytes",
        flush=True,
    )


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
