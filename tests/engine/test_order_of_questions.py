"""The facts about a function do not depend on which questions were asked before."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locklint.analysis.printer import print_states
from locklint.core.config import Config
from locklint.engine.discover import FoundFile
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram
from locklint.ir.printer import print_function
from tests.markdown_runner import Case, read_suite, suites, write_files

CASES = [case for suite in suites() for case in read_suite(suite) if len(case.files) > 1][::4]

Reorder = Callable[[list[Any]], None]


def _reverse(items: list[Any]) -> None:
    items.reverse()


def _shuffle(items: list[Any]) -> None:
    random.Random(1).shuffle(items)


def _facts(folder: Path, reorder: Reorder | None) -> dict[str, str]:
    """Return the graphs, lock states and callees of a program's functions, by their keys."""
    files = ProgramFiles(Config())
    paths = sorted(str(path) for path in folder.rglob("*.py"))
    lowered = files.read_all([FoundFile(path, 0) for path in paths])
    if reorder is not None:
        reorder(lowered)
    analysis = WholeProgram(SolvedFunctions(files, Config()))
    analysis.interprocedural.keeps_all = True
    analysis.solve(lowered)
    known = analysis.interprocedural
    return {
        key: "\n".join(
            (
                print_function(function),
                print_states(known.states[key], known.summaries[key]),
                *sorted(called.target for called in known.states[key].calls),
            )
        )
        for key, function in known.functions.items()
    }


@pytest.mark.parametrize("reorder", [_reverse, _shuffle])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_order(case: Case, reorder: Reorder, tmp_path: Path) -> None:
    write_files(case, tmp_path)
    assert _facts(tmp_path, reorder) == _facts(tmp_path, None)


# `Plugin` mentions no lock: nothing but its constructor, far away, leads to it.
PROGRAM = {
    "base.py": """\
import threading


class Base:
    def __init__(self):
        self._lock = threading.Lock()

    def run(self):
        with self._lock:
            self.work()

    def work(self):
        pass
""",
    "plugin.py": """\
import base


class Plugin(base.Base):
    def work(self):
        self.run()
""",
    "middle.py": """\
import base


class Middle(base.Base):
    @property
    def ready(self):
        return self.run()
""",
    "use.py": """\
import threading
from middle import Middle

lock = threading.Lock()
middle = Middle()


def use():
    with lock:
        return middle.ready
""",
}


def test_files_that_mention_no_lock(tmp_path: Path) -> None:
    for name, text in PROGRAM.items():
        (tmp_path / name).write_text(text)
    facts = _facts(tmp_path, None)
    assert _facts(tmp_path, _reverse) == facts
    assert "plugin:Plugin.work" in facts["base:Base.run"]
    assert "middle:Middle.ready" in facts["use:use"]
