"""A run with the memory of the last one says what a cold run says."""

from __future__ import annotations

import concurrent.futures
import logging
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from locklint.core.config import Config, LockType
from locklint.engine.memory import Memory
from locklint.engine.pipeline import Means, check
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


def test_unchanged_files_are_neither_read_nor_resolved_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.py").write_text(
        "import threading\nlock = threading.Lock()\ndef one():\n    with lock:\n        pass\n"
    )
    (tmp_path / "two.py").write_text(
        "import threading\nlock = threading.Lock()\ndef two():\n    with lock:\n        pass\n"
    )
    memory = Memory()
    check([str(tmp_path)], Config(), means=Means(memory=memory))
    from locklint.frontend import apply_effects

    resolved: list[str] = []
    original = apply_effects.apply_effects

    def noted(function, *rest):  # type: ignore[no-untyped-def]
        resolved.append(function.key)
        return original(function, *rest)

    monkeypatch.setattr(apply_effects, "apply_effects", noted)
    (tmp_path / "two.py").write_text((tmp_path / "two.py").read_text() + "# the end\n")
    check([str(tmp_path)], Config(), means=Means(memory=memory))
    assert {key.partition(":")[0] for key in resolved} == {"two"}
