"""What saves time in parsing changes nothing of what comes out."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locklint.frontend.parse import _most_text_depth, text_depth
from locklint.frontend.unvalidated import ONLY_CHECKS, unvalidated

_SOURCES = sorted(Path(cst.__file__).parent.joinpath("_nodes").glob("*.py"))
_TOKENS = ["(", ")", "[", "]", "{", "}", ",", ";", "\n", ".", "**", "-", "not ", "if ", "lambda "]
_TOKENS += ["await ", "a", "'", '"', "#", "\\\n", "\ndef f", "return ", " ", '"""']


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: path.name)
def test_trees_are_the_same_without_checks(path: Path) -> None:
    text = path.read_text("utf-8")
    checked = cst.parse_module(text)
    with unvalidated():
        tree = cst.parse_module(text)
    assert tree.deep_equals(checked)
    assert tree.code == text


def test_nodes_are_checked_again_afterwards() -> None:
    assert ONLY_CHECKS
    with unvalidated():
        cst.Name("")
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")
    with pytest.raises(ZeroDivisionError), unvalidated(), unvalidated():
        raise ZeroDivisionError
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_TOKENS)).map("".join))
def test_no_text_is_deeper_than_its_bound(text: str) -> None:
    exact, bound = text_depth(text), _most_text_depth(text)
    assert exact[0] <= bound[0]
    assert exact[1] <= bound[1]
