"""What a function runs, read from its text, against what its graph says."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.facts import outermost
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, Enter, Exit

_MODULES = (
    "argparse",
    "asyncio.base_events",
    "concurrent.futures.thread",
    "email.message",
    "enum",
    "http.client",
    "inspect",
    "logging",
    "multiprocessing.pool",
    "queue",
    "subprocess",
    "tarfile",
    "threading",
    "unittest.mock",
    "zipfile",
)


def _runs(function: Function) -> set[str]:
    """The functions that a graph runs, but for those that stand in the text itself."""
    found: set[str] = set()
    for block in function.blocks.values():
        for instruction in block.instructions:
            match instruction:
                case Call(targets=targets, overrides=overrides):
                    found.update((*targets, *overrides))
                case Enter(manager=manager) | Exit(manager=manager) if manager is not None:
                    keys = (manager.enter, manager.exit, manager.generator)
                    found.update(key for key in keys if key is not None)
                case _:
                    pass
    return {key for key in found if "<lambda@" not in key and "<genexpr@" not in key}


@pytest.mark.parametrize("module", _MODULES)
def test_the_text_tells_what_the_graph_tells(module: str) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    files = ProgramFiles(Config())
    file, relevant = files.add_text("m.py", Path(spec.origin).read_text("utf-8"))
    assert file is not None
    index = file.index
    wanted = {outermost(index, each).qualname for each in index.functions.values()}
    graphs = [*relevant, *files.lower(file, wanted)]
    solved = SolvedFunctions(files, Config())
    by_outermost: defaultdict[str, set[str]] = defaultdict(set)
    for graph in solved.with_effects(file, graphs):
        holder = graph.qualname.split("<", 1)[0].rstrip(".")
        while holder and holder not in index.functions:
            holder = holder.rpartition(".")[0]
        if holder:
            by_outermost[outermost(index, index.functions[holder]).qualname] |= _runs(graph)
    written = solved.written_calls()
    assert any(by_outermost.values())
    for qualname, expected in by_outermost.items():
        found: set[str] = set()
        for use in written.of(index, index.functions[qualname]) or ():
            callee = written.runs(index, use)
            found.update((*callee.targets, *callee.overrides, *callee.runs))
        assert expected <= found, qualname


def test_text_that_cannot_be_read_is_told() -> None:
    files = ProgramFiles(Config())
    file, _ = files.add_text("m.py", "import threading\ndef f():\n    x = (\n        1)\n")
    assert file is not None
    written = SolvedFunctions(files, Config()).written_calls()
    decl = file.index.functions["f"]
    assert written.of(file.index, decl) == ()
    assert not written.calls(file.index, decl, {"g"}, {"m:g"})
