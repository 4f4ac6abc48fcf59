"""A graph only changes if a fact changes that it was recorded to rest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from locklint.core.config import Config
from locklint.engine.discover import FoundFile
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram
from locklint.frontend.trace import InterfaceKind
from locklint.index.declarations import ModuleIndex
from locklint.index.interface import digest_of
from tests.frontend.resolving import index_files
from tests.markdown_runner import Case, read_suite, suites, write_files

CASES = [case for suite in suites() for case in read_suite(suite) if len(case.files) > 1][::4]


def _solved(folder: Path) -> WholeProgram:
    files = ProgramFiles(Config())
    paths = sorted(str(path) for path in folder.rglob("*.py"))
    lowered = files.read_all([FoundFile(path, 0) for path in paths])
    analysis = WholeProgram(SolvedFunctions(files, Config(), traced=True))
    analysis.solve(lowered)
    return analysis


def _classes(analysis: WholeProgram) -> list[tuple[ModuleIndex, str, tuple[str, ...]]]:
    return [
        (index, decl.name, tuple(decl.methods))
        for index in analysis.project.modules()
        for decl in index.classes.values()
        if decl.parent is None
    ]


def _edits(folder: Path, analysis: WholeProgram) -> Iterator[tuple[Path, str]]:
    """Yield edits: files and their new texts."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        yield path, ""
        yield path, text.replace("return ", "return None and ")
        yield path, text.replace("    def ", "    @property\n    def ")
        yield path, text.replace("Lock()", "RLock()").replace("RRLock", "Lock")
    for index, name, methods in _classes(analysis):
        body = "".join(f"    def {method}(self, *a, **k): ...\n" for method in methods)
        heir = f"from {index.module} import {name}\nclass Heir({name}):\n{body}    lock = 1\n"
        yield folder / "heir.py", heir
        maker = f"from {index.module} import {name}\nmade = {name}(print, print, print)\n"
        yield folder / "maker.py", f"{maker}made.lock = made.value = print\n"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_changes_are_foreseen(case: Case, tmp_path: Path) -> None:
    write_files(case, tmp_path)
    before = _solved(tmp_path)
    functions = before.interprocedural.functions
    facts = {
        key: {fact: before.digest(fact) for fact in before.facts_behind(key)} for key in functions
    }
    old = {key: msgspec.msgpack.encode(function) for key, function in functions.items()}
    for path, text in list(_edits(tmp_path, before)):
        kept = path.read_text() if path.exists() else None
        path.write_text(text)
        after = _solved(tmp_path)
        path.unlink() if kept is None else path.write_text(kept)
        for key, function in after.interprocedural.functions.items():
            if key not in old or function.path == str(path):
                continue
            if msgspec.msgpack.encode(function) != old[key]:
                changed = [one for one, digest in facts[key].items() if after.digest(one) != digest]
                assert changed, f"{key} changes with {path.name}, which it does not rest on"


def test_most_functions_rest_on_few_files(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import threading\nlock = threading.Lock()\n")
    (tmp_path / "two.py").write_text(
        "from one import lock\ndef use():\n    with lock:\n        pass\n"
    )
    (tmp_path / "three.py").write_text(
        "import threading\nown = threading.Lock()\ndef use():\n    with own:\n        pass\n"
    )
    analysis = _solved(tmp_path)
    files = {
        key: {
            Path(fact.name).name
            for fact in analysis.facts_behind(key)
            if fact.kind is InterfaceKind.FILE
        }
        for key in analysis.interprocedural.functions
    }
    assert files["two:use"] == {"one.py", "two.py"}
    assert files["three:use"] == {"three.py"}


def test_an_interface_has_no_places() -> None:
    text = "import threading\nlock = threading.Lock()\nclass A:\n    def f(self, x=lock): ...\n"
    (index,) = index_files({"app.py": text}).values()
    (moved,) = index_files({"app.py": f"# a comment\n\n{text}"}).values()
    (changed,) = index_files({"app.py": text.replace("x=lock", "x=None")}).values()
    assert digest_of(moved) == digest_of(index)
    assert digest_of(changed) != digest_of(index)
