"""A run, from paths to a report.

Each file is read, screened, indexed and lowered by itself; then all of them are resolved and
analysed together. Functions that do not mention locks are lowered too if they call one that turned
out to acquire or release for its caller.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.core.config import Config
from locklint.core.diagnostic import Diagnostic
from locklint.engine.declared_names import (
    Analysed,
    odd_orders,
    unknown_in_settings,
    unknown_locks,
)
from locklint.engine.discover import Discovery, FoundFile
from locklint.engine.facts_store import FactsStore
from locklint.engine.file_bytes import FileBytes
from locklint.engine.find_files import UsageError, find_files
from locklint.engine.load_config import LoadedConfig
from locklint.engine.lock_places import LockPlaces
from locklint.engine.parsing import undisturbed_parsing
from locklint.engine.program_files import ProgramFiles
from locklint.engine.progress import NoProgress, Progress
from locklint.engine.report import InternalError, Report, Statistics, UnknownName
from locklint.engine.run_rules import run_rules, visible
from locklint.engine.settings import RuleSelection, Settings
from locklint.engine.stdin import StdinText
from locklint.engine.suppress import UNUSED_SUPPRESSION, Reported, Silencer
from locklint.engine.whole_program import WholeProgram
from locklint.engine.workers import Workers
from locklint.ir.cfg import FunctionKind
from locklint.ir.event import ALL_EVENTS, EventKind
from locklint.reporting.fingerprint import identity, numbered

if TYPE_CHECKING:
    from locklint.analysis.program import Program
    from locklint.core.source import SourceFile, Span
    from locklint.engine.memory import Memory

__all__ = ["Solved", "UsageError", "analyse", "check", "counted", "solve"]


def check(
    paths: Sequence[str],
    config: Config,
    *,
    progress: Progress | None = None,
    settings: Settings | None = None,
    stdin: StdinText | None = None,
    discovery: Discovery | None = None,
    means: Means | None = None,
) -> Report:
    """Analyse the Python files under ``paths``.

    ``config`` holds the settings of the whole run; ``settings`` has those of each file, by default
    the same. ``stdin`` replaces a file, or is added to those that are found. ``discovery`` are the
    files, if they were searched for already; ``means`` says where they are read, cached and
    lowered. Raise `UsageError` for a named path that does not exist or where nothing is to be
    analysed, and `locklint.engine.load_config.SettingsError` for an unknown rule.
    """
    from locklint.rules import ALL_RULES

    settings = settings or Settings(LoadedConfig(config))
    selection = RuleSelection(settings, ALL_RULES)
    solved = solve(
        paths,
        config,
        progress=progress,
        folder=settings.folder,
        stdin=stdin,
        prepare=selection.prepare,
        wants=selection.wants,
        discovery=discovery,
        means=means,
    )
    names = frozenset(rule.name for rule in ALL_RULES)
    solved = replace(solved, program=replace(solved.program, rule_names=names))
    files, program = solved.files, solved.program
    found = run_rules(program, selection, paths, progress)
    statistics, order_errors = counted(solved)
    internal = (*solved.errors, *found.errors, *order_errors)
    places = LockPlaces(file.index for file in files.files.values())
    silencer = Silencer(program.sources, names)
    for diagnostic in found.all:
        silencer.silences(with_anchors(diagnostic, places))
    reported = _reported(found.shown, silencer, places, program)
    half_analysed = {
        *(each.path for each in program.not_analysed),
        *(each.path for each in internal),
    }
    idle = [
        diagnostic
        for path in sorted(program.sources)
        if path not in half_analysed and _judges_comments(path, paths, selection)
        for diagnostic in silencer.unused(path, selection.running(path), ALL_RULES, reported)
    ]
    shown = sorted(
        (*found.shown, *visible(idle, selection, paths)),
        key=Diagnostic.sort_key,
    )
    kept, silenced = silencer.split(
        numbered(completed(diagnostic, places, program.sources) for diagnostic in shown)
    )
    everything = (*kept, *(each.diagnostic for each in silenced))
    needed = {step.path for d in everything for step in d.steps} | {d.path for d in everything}
    return Report(
        diagnostics=kept,
        statistics=replace(statistics, suppressed=len(silenced)),
        errors=internal,
        not_analysed=program.not_analysed,
        sources={path: program.sources[path] for path in needed if path in program.sources},
        files=tuple(found.shown for found in solved.discovery.files),
        noqa=silencer.mentions_noqa(),
        silenced=silenced,
        consulted=tuple(sorted(files.consulted)),
        silent=frozenset(files.silent),
        loaded=frozenset(files.loaded),
        holders=files.holders,
        unknown_names=solved.unknown_names,
        passed_over=solved.discovery.passed_over,
    )


def _reported(
    shown: Sequence[Diagnostic], silencer: Silencer, places: LockPlaces, program: Program
) -> list[Reported]:
    """Return the findings that no comment suppresses, each with the innermost function around it.

    Those in notebooks are left out, as their lines are counted by cell.
    """
    functions: defaultdict[str, list[Span]] = defaultdict(list)
    for function in program.functions.values():
        if function.kind is not FunctionKind.MODULE:
            functions[function.path].append(function.span)
    found: list[Reported] = []
    for diagnostic in shown:
        source = program.sources.get(diagnostic.path)
        if source is None or source.cells:
            continue
        if not silencer.silences(with_anchors(diagnostic, places)):
            line = diagnostic.span.line
            around = [e for e in functions[diagnostic.path] if e.line <= line <= e.end_line]
            found.append(Reported(diagnostic, max(around, default=None)))
    return found


class Means(msgspec.Struct, frozen=True):
    """The source, the workers and the known facts of a run's files.

    By default, these are the disk, this process, and none. ``compiles``: whether to find each file
    that Python cannot use, also among those that mention no lock. ``memory`` is what the last run
    of this process found out.
    """

    contents: FileBytes | None = None
    workers: Workers | None = None
    store: FactsStore | None = None
    compiles: bool = False
    memory: Memory | None = None


class Solved(msgspec.Struct, frozen=True):
    """Everything that is known about some files before rules look at it."""

    discovery: Discovery
    files: ProgramFiles
    program: Program
    errors: tuple[InternalError, ...]
    unknown_names: tuple[UnknownName, ...] = ()


def solve(
    paths: Sequence[str],
    config: Config,
    *,
    progress: Progress | None = None,
    folder: str | None = None,
    stdin: StdinText | None = None,
    prepare: Callable[[Iterable[str]], None] = lambda paths: None,
    wants: Callable[[], frozenset[EventKind]] = lambda: ALL_EVENTS,
    discovery: Discovery | None = None,
    means: Means | None = None,
    guesses: bool = False,
) -> Solved:
    """Find the Python files under ``paths`` and analyse them as one program.

    ``folder`` is that of the project's settings. ``prepare`` is called with the paths of the files
    that were found, so that what is wrong with their settings is said before a long run; then
    ``wants`` says which events matter. ``guesses``: see `WholeProgram`. Raise `UsageError` as
    `check` does.
    """
    progress = progress or NoProgress()
    discovery = discovery or find_files(paths, config, folder, stdin, progress)
    prepare(found.path for found in discovery.files)
    means = means or Means()
    contents = means.contents or FileBytes.of_disk(config, stdin)
    analysed = Analysed(paths, folder, config.source_roots) if contents.is_disk else None

    def attempt() -> tuple[ProgramFiles, Program, list[InternalError], list[UnknownName]]:
        store, memory = means.store, means.memory
        if memory is not None:
            store = memory.facts_over(store or FactsStore())
        files = ProgramFiles(config, contents, means.workers, store, compiles=means.compiles)
        for problem in discovery.problems:
            files.problem(problem.path, problem.message)
        with _undisturbed():
            found = analyse(
                files,
                discovery.files,
                config,
                progress,
                analysed,
                wants(),
                guesses=guesses,
                memory=memory,
            )
            files.keep_graphs()
        return files, *found

    try:
        files, program, errors, unknown = attempt()
        if means.memory is not None:
            if means.memory.is_doubtful:
                files, program, errors, unknown = attempt()
            means.memory.consulted |= files.consulted
            files.consulted |= means.memory.consulted
    finally:
        if means.workers is not None:
            means.workers.close()
    # The order in which work is finished must not show.
    errors = sorted((*files.errors, *errors), key=lambda error: (error.path, error.message))
    return Solved(discovery, files, program, tuple(errors), tuple(sorted(unknown)))


def counted(solved: Solved) -> tuple[Statistics, tuple[InternalError, ...]]:
    """Return how much was analysed, and errors from counting the edges of the lock-order graph."""
    program = solved.program
    statistics = Statistics(
        files=len(solved.discovery.files),
        candidates=sum(file.mentions_locks for file in solved.files.files.values()),
        functions=len(program.functions),
        incomplete=sum(not states.complete for states in program.states.values()),
        locks=len(program.locks()),
    )
    try:
        return replace(statistics, edges=len(program.lock_order.edges)), ()
    except Exception as error:
        return statistics, (InternalError.of("<lock-order graph>", error),)


def with_anchors(diagnostic: Diagnostic, places: LockPlaces) -> Diagnostic:
    """A finding that is also about the places where its locks are made."""
    made = {anchor for lock in diagnostic.locks for anchor in places.of(lock)}
    anchors = (*diagnostic.anchors, *sorted(made - set(diagnostic.anchors)))
    return msgspec.structs.replace(diagnostic, anchors=anchors)


def completed(
    diagnostic: Diagnostic, places: LockPlaces, sources: Mapping[str, SourceFile]
) -> Diagnostic:
    """A finding with all its anchors and with its fingerprint."""
    diagnostic = with_anchors(diagnostic, places)
    mark = identity(diagnostic, sources.get(diagnostic.path), places.modules)
    return msgspec.structs.replace(diagnostic, fingerprint=mark)


def _judges_comments(path: str, paths: Sequence[str], selection: RuleSelection) -> bool:
    """Return whether the run can know what comments in a file suppress.

    A file that is analysed without its folder may lack other files that show its faults.
    """
    if UNUSED_SUPPRESSION not in selection.running(path):
        return False
    return UNUSED_SUPPRESSION in selection.explicit(path) or path not in map(
        os.path.normpath, paths
    )


def analyse(
    files: ProgramFiles,
    found: Sequence[FoundFile],
    config: Config,
    progress: Progress | None = None,
    analysed: Analysed | None = None,
    wanted: frozenset[EventKind] = ALL_EVENTS,
    *,
    guesses: bool = False,
    memory: Memory | None = None,
) -> tuple[Program, list[InternalError], list[UnknownName]]:
    """The program of some files, what went wrong, and names in the settings that nothing has.

    ``analysed`` says how much of the project the files are; by default names are not looked at.
    ``wanted`` are the kinds of events that are recorded. ``guesses`` and ``memory``: see
    `SolvedFunctions`.
    """
    from locklint.analysis.declared_order import DeclaredOrder, OddOrder, orders_in
    from locklint.analysis.program import Program

    progress = progress or NoProgress()
    progress.begin("reading files", len(found))
    lowered = files.read_all(found, progress)
    if not files.files:
        # Nothing mentions locks: what resolves and analyses need not even be imported.
        sources = dict(files.unparsed)
        return Program({}, {}, {}, sources, tuple(files.not_analysed)), [], []
    from locklint.engine.solved_functions import SolvedFunctions

    solved = SolvedFunctions(files, config, progress, wanted, guesses=guesses, memory=memory)
    analysis = WholeProgram(solved)
    analysis.solve(lowered)
    sources = {**files.unparsed, **{path: file.source for path, file in files.files.items()}}
    comments = list(orders_in(sources))
    orders: tuple[DeclaredOrder, ...] = (
        *(DeclaredOrder(first, second) for first, second in config.lock_order_pairs),
        *(each for each in comments if isinstance(each, DeclaredOrder)),
    )
    inputs = analysis.inputs()
    program = Program(
        functions=analysis.interprocedural.functions,
        states=analysis.interprocedural.states,
        summaries=analysis.interprocedural.summaries,
        sources=sources,
        problems=tuple(sorted(files.not_analysed, key=lambda each: each.sort_key)),
        made=inputs.made(),
        back_references=inputs.back_references(),
        hierarchy=inputs.hierarchy(),
        fields=inputs.fields(),
        log_handlers=inputs.log_handlers(),
        called_with_lock=inputs.called_with_lock(),
        module_calls=inputs.module_calls(),
        unseen_callers=inputs.unseen_callers(),
        called_by_constructors=inputs.called_by_constructors(),
        unseen_releases=inputs.unseen_releases(),
        interrupting=analysis.interrupting,
        processes=inputs.processes(analysis.processes),
        shared_fields=inputs.shared_fields(analysis.interrupting),
        user_callbacks=inputs.user_callbacks(),
        top_imports=inputs.top_imports(),
        thread_locals=inputs.thread_locals(),
        kept_executors=inputs.kept_executors(),
        declared_orders=orders,
    )
    indexes = [file.index for file in files.files.values()]
    unknown = list(unknown_locks(orders, program.locks(), indexes)) if orders else []
    odd = [each for each in comments if isinstance(each, OddOrder)]
    program = replace(program, odd_orders=odd_orders(odd, unknown))
    names: list[UnknownName] = []
    if analysed is not None:
        # A file that was not read may have any name.
        if program.problems or files.errors or analysis.errors:
            analysed = analysed.with_gaps()
        names = unknown_in_settings(config, analysis.project, analysed, unknown)
    analysis.forget()
    return program, analysis.errors, names


_has_frozen = False
"""The mark of a process with frozen objects: to count them takes longer than a small run."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the collector away, and parse in peace.

    Syntax trees are millions of objects that stay alive during the work. Looking through them again
    and again takes a tenth of the time and finds next to nothing, because no dropped object is part
    of a reference cycle. The same applies later, while rules work on the result: so the objects
    that exist by then are frozen up to the next run.
    """
    global _has_frozen
    was_enabled, thresholds = gc.isenabled(), gc.get_threshold()
    if _has_frozen:
        # Most objects of an earlier run in this process are garbage by now; the collector has to
        # free them, but to run seldom.
        gc.unfreeze()
        gc.set_threshold(100_000, 20, 50)
    else:
        gc.disable()
    try:
        with undisturbed_parsing():
            yield
    finally:
        gc.freeze()
        _has_frozen = True
        gc.set_threshold(*thresholds)
        if was_enabled:
            gc.enable()
