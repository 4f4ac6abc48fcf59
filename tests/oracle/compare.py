"""The static answer beside the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from locklint.analysis.events import Exit, LockStates
from locklint.analysis.hold import Flow, Grade
from locklint.core.config import Config
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram
from tests.oracle.execute import EXCEPTION, NORMAL, Discarded, Truth, execute
from tests.oracle.machine import World
from tests.oracle.others import with_others

WAYS_OUT = (NORMAL, EXCEPTION)
UNSOUND = "unsound"
IMPRECISE = "imprecise"

ANALYSED = World(
    callers_hold=True,
    unheld_release_raises=True,
    acquire_raises=True,
    iteration_raises=True,
)
"""The world as the analysis takes it: counts are relative, and nearly everything may raise."""

_LARGER_BOUNDS = (4, 6)
_LARGER_PATHS = 40_000


@dataclass(frozen=True)
class Answer:
    """What the analysis says of ``program``.

    ``exits``: per way out and lock the held counts; None where the lock is forgotten. A lock that
    is not named was not touched. ``leaks``: per acquire line, by which exits its lock
    stays held.
    """

    exits: Mapping[str, Mapping[str, frozenset[int] | None]]
    unheld_releases: frozenset[int] = frozenset()
    leaks: Mapping[int, frozenset[str]] = field(default_factory=dict)


SILENCE = Answer({})
"""The answer where the analysis does not look at ``program``, for it touches no lock itself."""


@dataclass(frozen=True, order=True)
class Mismatch:
    """One disagreement: something real that the analysis misses, or something it makes up."""

    kind: str  # unsound, imprecise
    aspect: str  # normal, exception, unheld release, leak by normal exit, leak by exception
    where: str  # the lock or the line
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.aspect} of {self.where}: {self.detail}"

    @property
    def family(self) -> tuple[str, str]:
        """What a smaller program has to share with this one."""
        return (self.kind, self.aspect)


@dataclass(frozen=True)
class Comparison:
    """All disagreements on one program, and how many exits of locks were forgotten."""

    mismatches: tuple[Mismatch, ...] = ()
    forgotten: int = 0
    compared: int = 0
    silent: bool = False

    @property
    def outcome(self) -> str:
        """One word: the gravest disagreement, or ``silent``, ``forgotten`` or ``agree``."""
        kinds = {mismatch.kind for mismatch in self.mismatches}
        for kind in (UNSOUND, IMPRECISE):
            if kind in kinds:
                return kind
        if self.silent:
            return "silent"
        return "forgotten" if self.forgotten else "agree"


def compare(truth: Truth, answer: Answer, *, complete: bool = True) -> Comparison:
    """Put the two side by side.

    ``complete`` says that the truth holds everything that can happen; else, as loops may go round
    without bound, what the analysis says beyond it is let pass.
    """
    found: list[Mismatch] = []
    forgotten: dict[str, set[str]] = {way_out: set() for way_out in WAYS_OUT}
    compared = 0

    def check(aspect: str, where: str, real: Iterable[object], said: Iterable[object]) -> None:
        real, said = set(real), set(said)
        for kind, extra in ((UNSOUND, real - said), (IMPRECISE, said - real)):
            if extra and (complete or kind is UNSOUND):
                listed = ", ".join(sorted(map(str, extra)))
                found.append(Mismatch(kind, aspect, where, listed))

    for way_out in WAYS_OUT:
        for lock in truth.locks:
            real = truth.counts(way_out, lock)
            said = answer.exits.get(way_out, {}).get(lock, real & {0})
            compared += 1
            if said is None:
                forgotten[way_out].add(lock)
            else:
                check(way_out, lock, real, said)
    unknown = forgotten[NORMAL] | forgotten[EXCEPTION]
    for line in sorted(truth.unheld_releases | answer.unheld_releases):
        if not truth.locks_of_line.get(line, set()) & unknown:
            check(
                "unheld release",
                f"line {line}",
                {line} & truth.unheld_releases,
                {line} & answer.unheld_releases,
            )
    for line in sorted(truth.leaks.keys() | answer.leaks.keys()):
        for way_out in WAYS_OUT:
            if not truth.locks_of_line.get(line, set()) & forgotten[way_out]:
                real_leaks = truth.leaks.get(line, set()) & {way_out}
                said_leaks = answer.leaks.get(line, frozenset()) & {way_out}
                check(f"leak by {way_out}", f"line {line}", real_leaks, said_leaks)
    return Comparison(tuple(sorted(found)), sum(map(len, forgotten.values())), compared)


def judge(
    text: str,
    answer_of: Callable[[str], Answer],
    world: World = ANALYSED,
    *,
    watch: bool = False,
) -> Comparison:
    """Compare a program's answer with its truth; raises `Discarded` where there is no truth.

    Loops make two rounds at first. Where that does not settle the matter, or the answer says more
    than was seen, they make more, before the answer is called imprecise.
    """
    world = with_others(text, world)
    truth = execute(text, world, watch=watch)
    answer = answer_of(text)
    if answer is SILENCE:
        return Comparison(silent=True)
    comparison = compare(truth, answer)
    loops = "while" in text or "for " in text
    if loops and (not truth.settled or any(m.kind == IMPRECISE for m in comparison.mismatches)):
        for bound in _LARGER_BOUNDS:
            try:
                truth = execute(text, world, bound=bound, maximum_paths=_LARGER_PATHS)
            except Discarded:
                return compare(truth, answer, complete=False)
            comparison = compare(truth, answer)
            if truth.settled and not comparison.mismatches:
                return comparison
        if not truth.settled:
            return compare(truth, answer, complete=False)
    return comparison


def static_answer(text: str) -> Answer:
    """Return what the analysis says; lines are 1-based, and counts relative to the entry."""
    states = analysed(text, "Box.program" if "class Box" in text else "program")
    if states is None or not states.complete:
        return SILENCE
    counts: dict[str, dict[str, set[int | None]]] = {way_out: {} for way_out in WAYS_OUT}
    leaks: dict[int, set[str]] = {}
    for key, lock in states.locks.items():
        for way_out in WAYS_OUT:
            found = counts[way_out].setdefault(_short(lock.identity), set())
            for hold in (e.holds.get(key) for e in states.exits if _is_by(e, way_out)):
                if hold is None or hold.forgotten:
                    found.add(0 if hold is None else None)
                    continue
                found.add(hold.count)
                for acquisition in hold.acquisitions():
                    leaks.setdefault(acquisition.span.line, set()).add(way_out)
    exits = {
        way_out: {
            lock: None if None in found else frozenset(n for n in found if n is not None)
            for lock, found in locks.items()
        }
        for way_out, locks in counts.items()
    }
    unheld = frozenset(given.span.line for given in states.given if given.before.is_free)
    return Answer(exits, unheld, {line: frozenset(ways) for line, ways in leaks.items()})


def analysed(text: str, name: str) -> LockStates | None:
    """Return the lock states of one function of a module, or None if it touches no lock."""
    files = ProgramFiles(Config())
    file, functions = files.add_text("program.py", text)
    if file is None:
        raise SyntaxError(files.not_analysed[0].message)
    analysis = WholeProgram(SolvedFunctions(files, Config()))
    analysis.solve([(file, functions)])
    if analysis.errors:
        raise RuntimeError(analysis.errors[0].traceback)
    found = analysis.interprocedural.states.values()
    return next((states for states in found if states.function.qualname == name), None)


def _is_by(exit_: Exit, way_out: str) -> bool:
    """Whether a function is left by that way; an acquire that raises is none."""
    exception = exit_.exception
    if exception is None or way_out == NORMAL:
        return exception is None and way_out == NORMAL
    return exception.grade > Grade.ACQUIRE and exception.flow is Flow.ERROR


def _short(lock: str) -> str:
    """The name that the ground truth uses: ``module.L0`` and ``module.Box.l0`` are ``L0``."""
    return lock.rsplit(".", 1)[-1].upper()
