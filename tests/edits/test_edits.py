"""A run with the memory of the last one says what a cold run says."""

from __future__ import annotations

import concurrent.futures
import logging
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from locklint.core.config import Config, LockType
from locklint.engine.memory import Memory
from locklint.engine.pipeline import Means, check
from locklint.engine.program_inputs import ProgramInputs
from locklint.frontend import apply_effects
from locklint.ir.cfg import Function
from tests.edits.campaign import differences, rounds
from tests.markdown_runner import Case, read_suite, suites, write_files

CASES = [case for suite in suites() for case in read_suite(suite) if len(case.files) > 1][::24]


@pytest.mark.parametrize("package", [logging, concurrent.futures])
def test_random_edits_of_a_package(package: ModuleType, tmp_path: Path) -> None:
    assert package.__file__ is not None
    folder = tmp_path / "package"
    shutil.copytree(Path(package.__file__).parent, folder)
    for each in rounds(folder, 8, seed=3):
        assert not each.differences, f"{each.edit} of {each.path.name}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_edits_of_programs_with_several_files(case: Case, tmp_path: Path) -> None:
    write_files(case, tmp_path)
    config = Config(select=("ALL",))
    memory = Memory()
    check([str(tmp_path)], config, means=Means(memory=memory))
    for path in sorted(tmp_path.rglob("*.py")):
        text = path.read_text()
        for other in (f"# moved\n{text}", text.replace("return ", "return None and "), "", text):
            path.write_text(other)
            remembering = check([str(tmp_path)], config, means=Means(memory=memory))
            assert not differences(remembering, check([str(tmp_path)], config)), path.name


def test_other_settings_are_not_answered_from_memory(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from pool import Slot\nslot = Slot()\n\n\ndef use(work):\n"
        "    slot.take()\n    work()\n    slot.give()\n"
    )
    memory = Memory()
    before = check([str(tmp_path)], Config(), means=Means(memory=memory))
    kind = LockType(acquire=("take",), release=("give",))
    config = Config(lock_types={"pool.Slot": kind})
    after = check([str(tmp_path)], config, means=Means(memory=memory))
    assert not before.diagnostics
    assert not differences(after, check([str(tmp_path)], config))
    assert [each.code for each in after.diagnostics] == ["LCK102"]


LOCKED = "import threading\nlock = threading.Lock()\ndef {0}():\n    with lock:\n        pass\n"


def _resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the key of each function is added that is resolved from now on."""
    resolved: list[str] = []
    original = apply_effects.apply_effects

    def noted(function: Function, *rest: Any) -> Function:
        resolved.append(function.key)
        return original(function, *rest)

    monkeypatch.setattr(apply_effects, "apply_effects", noted)
    return resolved


def test_unchanged_files_are_neither_read_nor_resolved_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(LOCKED.format(name))
    memory = Memory()
    check([str(tmp_path)], Config(), means=Means(memory=memory))
    resolved = _resolved(monkeypatch)
    (tmp_path / "two.py").write_text(LOCKED.format("two") + "# the end\n")
    check([str(tmp_path)], Config(), means=Means(memory=memory))
    assert {key.partition(":")[0] for key in resolved} == {"two"}


def test_graphs_are_not_kept_if_a_late_question_was_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(LOCKED.format(name))
    memory = Memory()
    asked = ProgramInputs.back_references

    def given_up(inputs: ProgramInputs) -> frozenset[tuple[str, str]]:
        inputs._resolver.inference.give_up()
        return asked(inputs)

    with monkeypatch.context() as patch:
        patch.setattr(ProgramInputs, "back_references", given_up)
        check([str(tmp_path)], Config(), means=Means(memory=memory))
    resolved = _resolved(monkeypatch)
    check([str(tmp_path)], Config(), means=Means(memory=memory))
    assert {key.partition(":")[0] for key in resolved} == {"one", "two"}


def test_an_internal_error_is_reported_by_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.py").write_text(LOCKED.format("one"))

    def broken(*arguments: object, **more: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("locklint.analysis.interprocedural.solve", broken)
    memory = Memory()
    for _ in range(2):
        report = check([str(tmp_path)], Config(), means=Means(memory=memory))
        assert [error.message for error in report.errors] == ["KeyError: 'x'"]
