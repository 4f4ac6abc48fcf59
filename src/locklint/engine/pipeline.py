"""One run, from paths to a report.

Each file is read, screened, indexed and lowered by itself; then all of them are resolved and
analysed together. Functions without a word of locks in them are lowered too if they call something
that turned out to acquire or release for its caller.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from locklint.core.config import Config
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.engine import suppress
from locklint.engine.discover import discover
from locklint.engine.program_files import AnalysedFile, ProgramFiles
from locklint.engine.progress import NoProgress, Progress
from locklint.engine.report import GivenUp, InternalError, Report, Statistics
from locklint.engine.selection import explicit_codes, is_shown, select_rules
from locklint.engine.whole_program import WholeProgram

if TYPE_CHECKING:
    from locklint.analysis.program import Program
    from locklint.ir.cfg import Function
    from locklint.rule import Rule

_RECURSION_LIMIT = 10_000
_TEST_FOLDERS = frozenset({"test", "tests"})


class UsageError(Exception):
    """What was asked for cannot be done: a path that does not exist or holds no Python file."""


def check(paths: Sequence[str], config: Config, *, progress: Progress | None = None) -> Report:
    """Analyse the Python files under ``paths``.

    Raises `UsageError` for a named path that does not exist or where nothing is to be analysed, and
    `locklint.engine.load_config.SettingsError` for an unknown rule in ``config``.
    """
    from locklint.rules import ALL_RULES

    progress = progress or NoProgress()
    rules = select_rules(config, ALL_RULES)
    discovery = discover(paths, config)
    fatal = [problem for problem in discovery.problems if problem.fatal]
    if fatal:
        raise UsageError("\n".join(f"{problem.path}: {problem.message}" for problem in fatal))
    if not discovery.files and not discovery.problems:
        raise UsageError(f"no Python file was found in {', '.join(paths) or 'the given paths'}")
    files = ProgramFiles(config)
    for problem in discovery.problems:
        files.problem(problem.path, problem.message)
    try:
        with _undisturbed():
            program, errors = analyse(
                files, [(found.path, found.shown) for found in discovery.files], config, progress
            )
    finally:
        progress.end()
    diagnostics, more = run_rules(program, rules, config, paths)
    kept, suppressed = suppress.apply(diagnostics, program.sources)
    given_up = tuple(
        GivenUp(function.path, function.name_span, function.qualname)
        for function in program.ordered_functions()
        if not program.states[function.key].complete
    )
    shown = {step.path for d in kept for step in d.steps} | {d.path for d in kept}
    return Report(
        diagnostics=kept,
        statistics=Statistics(
            files=len(discovery.files),
            candidates=len(files.files),
            functions=len(program.functions),
            too_complex=len(given_up),
            locks=len(program.locks()),
            suppressed=suppressed,
        ),
        errors=(*files.errors, *errors, *more),
        too_complex=given_up,
        sources={path: program.sources[path] for path in shown if path in program.sources},
    )


def analyse(
    files: ProgramFiles,
    found: Sequence[tuple[str, str]],
    config: Config,
    progress: Progress | None = None,
) -> tuple[Program, list[InternalError]]:
    """The program of some files, given as pairs of real and shown paths, and what went wrong."""
    from locklint.analysis.program import Program

    progress = progress or NoProgress()
    progress.begin("reading", len(found))
    lowered: list[tuple[AnalysedFile, list[Function]]] = []
    for path, shown in found:
        file = files.read(path, shown)
        if file is not None:
            lowered.append((file, files.lower_relevant(file)))
            files.forget_trees()
        progress.advance()
    files.leave_unread(found)
    analysis = WholeProgram(files, config)
    analysis.solve(lowered, progress)
    return (
        Program(
            functions=analysis.interprocedural.functions,
            states=analysis.interprocedural.states,
            summaries=analysis.interprocedural.summaries,
            sources={path: file.source for path, file in files.files.items()},
            problems=tuple(files.problems),
            made=analysis.made(),
            back_references=analysis.back_references(),
        ),
        analysis.errors,
    )


def run_rules(
    program: Program, rules: Iterable[Rule], config: Config, paths: Sequence[str] = ()
) -> tuple[list[Diagnostic], list[InternalError]]:
    """The findings of the rules that are to be shown, in output order, and what went wrong."""
    rules = tuple(rules)
    explicit = explicit_codes(config, rules)
    found: list[Diagnostic] = []
    errors: list[InternalError] = []
    for rule in rules:
        try:
            found.extend(rule.check(program))
        except Exception as error:
            details = "".join(traceback.format_exception(error))
            errors.append(
                InternalError(f"<{rule.code}>", f"{type(error).__name__}: {error}", details)
            )
    stronger = {rule.code: rule.subsumed_by for rule in rules}
    places: dict[tuple[str, int, int], set[str]] = {}
    for diagnostic in found:
        place = (diagnostic.path, diagnostic.span.line, diagnostic.span.column)
        places.setdefault(place, set()).add(diagnostic.code)
    kept: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        span = diagnostic.span
        beside = places[diagnostic.path, span.line, span.column]
        if any(code in beside for code in stronger[diagnostic.code]):
            continue
        if is_test_code(diagnostic.path, paths) and diagnostic.code != "LCK901":
            severity = Severity(max(Severity.INFO, diagnostic.severity - 1))
            diagnostic = msgspec.structs.replace(diagnostic, severity=severity)
        if is_shown(diagnostic, config, explicit):
            kept.setdefault((*diagnostic.sort_key(), diagnostic.locks), diagnostic)
    return sorted(kept.values(), key=Diagnostic.sort_key), errors


def is_test_code(path: str, roots: Sequence[str] = ()) -> bool:
    """Whether a file holds tests, by its name or that of a folder below what was asked for."""
    inside = path
    for root in roots:
        if os.path.isdir(root) and os.path.abspath(path).startswith(os.path.abspath(root) + os.sep):
            inside = os.path.relpath(path, root)
    folders, name = os.path.split(inside)
    if os.path.isabs(folders) or folders.startswith(".."):
        folders = ""
    if name.startswith("test_") or name == "conftest.py" or name.endswith("_test.py"):
        return True
    return not _TEST_FOLDERS.isdisjoint(folders.split(os.sep))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the collector come round seldom, and keep quiet about what parsing warns of.

    Syntax trees are millions of objects that stay alive while they are worked on; to look through
    them again and again finds nothing. What analysed code does to deserve a `SyntaxWarning` is not
    for locklint to say.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)
    # Chains of names across modules are followed by recursion. Each kind of step has its own bound,
    # and all of them together stay far below this one.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setrecursionlimit(limit)
