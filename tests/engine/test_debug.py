"""What `locklint debug` shows of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.engine.debug import print_stage, print_traces

_TEXT = """
class A:
    def inherited(self):
        with self._lock:
            pass

    def plain(self):
        return 1
"""


def test_functions_that_mention_locks_are_shown_though_nothing_is_known_of_these(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.py"
    path.write_text(_TEXT)
    shown = print_stage("ir", str(path))
    assert "A.inherited" in shown
    assert "A.plain" not in shown


@pytest.mark.parametrize("stage", ["ir", "locks"])
def test_a_function_is_shown_whatever_it_does(tmp_path: Path, stage: str) -> None:
    path = tmp_path / "m.py"
    path.write_text(_TEXT)
    assert "A.plain" in print_stage(stage, str(path), "plain")
    with pytest.raises(LookupError, match="there is no function named other here"):
        print_stage(stage, str(path), "other")


def test_traces(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("import threading\nlock = threading.Lock()\n")
    two.write_text("from one import lock\n\ndef use():\n    with lock:\n        pass\n")
    found = print_traces([str(tmp_path)])
    assert not found.problems
    facts = (f"file {one}", f"file {two}", "module one", "module one.lock", "module threading")
    assert found.text == "\n  ".join(("function two:use", *facts))
    with pytest.raises(LookupError, match="no function named other touches a lock here"):
        print_traces([str(tmp_path)], "other")
