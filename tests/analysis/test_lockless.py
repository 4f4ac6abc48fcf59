"""Functions that touch no lock come out the same on the walk of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from locklint.analysis.events import LockStates
from locklint.analysis.interprocedural import Interprocedural
from locklint.core.config import Config
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram

_MODULES = (
    "asyncio.base_events",
    "concurrent.futures.process",
    "logging",
    "multiprocessing.pool",
    "subprocess",
)


def _facts(states: LockStates) -> tuple[object, ...]:
    return (states.complete, states.raises, states.returns, states.calls, states.events)


@pytest.mark.parametrize("module", _MODULES)
def test_what_is_kept_is_the_same_as_with_everything(module: str) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    files = ProgramFiles(Config())
    file, relevant = files.add_text("m.py", Path(spec.origin).read_text("utf-8"))
    assert file is not None
    # All functions, not only those that a scan would look at.
    functions = [*relevant, *files.lower(file, set(file.index.functions))]
    analysis = WholeProgram(SolvedFunctions(files, Config()))
    analysis.solve([(file, functions)])
    known = analysis.interprocedural
    full = Interprocedural()
    full.keeps_all = True
    full.add(known.functions.values())
    lean = Interprocedural()
    lean.add(known.functions.values())
    assert lean.summaries == full.summaries
    untouched = [key for key, states in full.states.items() if not states.locks]
    assert len(untouched) > 20
    for key in full.states:
        assert _facts(lean.states[key]) == _facts(full.states[key]), key
    assert any(full.states[key].exits and not lean.states[key].exits for key in untouched)
