"""The stages of the analysis as text, for people and for tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from locklint.core.config import Config
from locklint.engine.discover import FoundFile
from locklint.engine.program_files import ProgramFiles, outermost
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram
from locklint.ir.event import ACCESSES, ALL_EVENTS


def print_stage(stage: str, path: str, function: str | None = None) -> str:
    """The text of one stage (``ir`` or ``locks``) of a file, or of one function in it.

    Raise `OSError` if the file cannot be read, `SyntaxError` where it does not parse and
    `LookupError` where there is no such function.
    """
    from locklint.analysis.printer import print_states
    from locklint.ir.printer import print_function

    if not os.path.exists(path):
        raise FileNotFoundError(2, "there is no such file", path)
    analysis, problems = _analyse(path, function)
    if problems:
        raise SyntaxError("; ".join(problems))
    known = analysis.interprocedural
    chosen = [
        key
        for key, one in sorted(known.functions.items(), key=lambda item: (item[1].span, item[0]))
        if function is None or one.qualname == function or one.name == function
    ]
    if function is not None and not chosen:
        raise LookupError(f"there is no function named {function} here")
    if stage == "ir":
        return "\n".join(print_function(known.functions[key]) for key in chosen)
    return "\n".join(print_states(known.states[key], known.summaries[key]) for key in chosen)


@dataclass(frozen=True)
class ProgramText:
    """The text of a stage of a whole program, and what was wrong with its files."""

    text: str
    problems: tuple[str, ...] = ()


def print_program_stage(
    stage: str, paths: Sequence[str], function: str | None = None
) -> ProgramText:
    """The text of one stage (``summary``, ``calls``, ``graph`` or ``accesses``) of all files.

    Of the stages that go by function, ``function`` chooses one by its name; the last two have none.
    Raise `locklint.engine.pipeline.UsageError` for a path that does not exist or holds no Python
    file, and `LookupError` where there is no such function.
    """
    from locklint.analysis.call_graph_printer import print_calls
    from locklint.analysis.composition_printer import print_summaries
    from locklint.analysis.guarded_data import print_data
    from locklint.analysis.lock_order_printer import print_lock_order
    from locklint.engine.pipeline import solve

    is_of_data = stage == "accesses"
    wanted = ALL_EVENTS | ACCESSES if is_of_data else ALL_EVENTS
    solved = solve(paths, Config(), wants=lambda: wanted, guesses=stage == "graph")
    program = solved.program
    problems = (
        *(f"{each.path}:{each.span.line}: {each.message}" for each in program.problems),
        *(f"{each.path}: internal error: {each.message}" for each in solved.errors),
    )
    if stage == "graph":
        return ProgramText(print_lock_order(program), problems)
    if is_of_data:
        return ProgramText(print_data(program.data), problems)
    chosen = [
        each
        for each in program.ordered_functions
        if function is None or function in (each.qualname, each.name)
    ]
    if function is not None and not chosen:
        raise LookupError(f"no function named {function} touches a lock here")
    print_functions = print_summaries if stage == "summary" else print_calls
    return ProgramText(print_functions(program, chosen), problems)


def print_traces(paths: Sequence[str], function: str | None = None) -> ProgramText:
    """The facts of the project that the graph of each function rests on.

    Raise `locklint.engine.pipeline.UsageError` and `LookupError` as `print_program_stage` does.
    """
    from locklint.engine.find_files import find_files

    config = Config()
    files = ProgramFiles(config)
    found = find_files(paths, config, None)
    for problem in found.problems:
        files.problem(problem.path, problem.message)
    lowered = files.read_all(found.files)
    analysis = WholeProgram(SolvedFunctions(files, config, traced=True))
    analysis.solve(lowered)
    known = sorted(analysis.interprocedural.functions.items())
    chosen = [key for key, one in known if function in (None, one.qualname, one.name)]
    if function is not None and not chosen:
        raise LookupError(f"no function named {function} touches a lock here")
    problems = (*(f"{each.path}: {each.message}" for each in files.not_analysed),)
    blocks = [
        "\n  ".join((f"function {key}", *map(str, analysis.facts_behind(key)))) for key in chosen
    ]
    return ProgramText("\n\n".join(blocks), problems)


def _analyse(path: str, name: str | None) -> tuple[WholeProgram, list[str]]:
    """A file by itself; functions that mention locks, or have the name, are solved in any case."""
    files = ProgramFiles(Config())
    lowered = files.read_all([FoundFile(path, 0)])
    analysis = WholeProgram(SolvedFunctions(files, Config()))
    analysis.interprocedural.keeps_all = True
    analysis.solve(lowered)
    analysis.include(
        {
            shown: {
                outermost(file.index, decl).qualname
                for decl in file.index.functions.values()
                if decl.mentions_lock or name in (decl.name, decl.qualname)
            }
            for shown, file in files.files.items()
        }
    )
    return analysis, [problem.message for problem in files.not_analysed]
