"""What `locklint debug` shows of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.engine.debug import print_stage

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
