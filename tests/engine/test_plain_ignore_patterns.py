"""Patterns that are not given to pathspec mean what it would say."""

from __future__ import annotations

import re

import pytest

from locklint.engine import ignore
from locklint.engine.ignore import IgnoreRules

_PATTERNS = (
    "*.egg-info/ *.egg-info build/ build .git/ *x *. a.b -x x- .. ... . * *.. *_a/ .a *.a.b/ _ *__"
).split()
_NAMES = (
    "build .git x.egg-info .egg-info egg-info a.b -x x x- .. ... a.. - _a b_a .a q.a.b .a.b _ a__"
).split()


@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("other", ["*.egg-info/", "!build", "!*.b", "*x"])
def test_plain_patterns_mean_what_pathspec_says(
    pattern: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lines in ((pattern, other), (other, pattern)):
        ours = IgnoreRules("/r", lines)
        with monkeypatch.context() as patch:
            patch.setattr(ignore, "_PLAIN", re.compile("(?!)"))
            theirs = IgnoreRules("/r", lines)
        for one, two in ((ours, theirs), (ours.admitting("/r"), theirs.admitting("/r"))):
            assert bool(one) == bool(two)
            for name in _NAMES:
                for is_directory in (False, True):
                    said = one.verdict("/r", name, is_directory)
                    assert said == two.verdict("/r", name, is_directory), (lines, name)
