"""Tests of Python's version that the oldest version decides."""

from __future__ import annotations

import ast
import sys

import pytest

from locklint.index.versions import version_test


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("sys.version_info >= (3, 9)", True),
        ("sys.version_info >= (3, 11)", True),
        ("sys.version_info >= (3, 12)", None),
        ("sys.version_info < (3, 9)", False),
        ("sys.version_info < (3,)", False),
        ("sys.version_info <= (3, 11)", False),  # (3, 11, 0, "final", 0) is greater.
        ("sys.version_info > (3, 11, 0)", True),
        ("sys.version_info >= (3, 11, 1)", None),
        ("(3, 9) <= sys.version_info", True),
        ("sys.version_info[:2] >= (3, 11)", True),
        ("sys.version_info[:2] == (3, 12)", None),
        ("sys.version_info[:2] != (3, 8)", True),
        ("sys.version_info[0] == 2", False),
        ("sys.version_info[0] > 2", True),
        ("sys.version_info.major >= 3", True),
        ("sys.version_info.minor < 10", False),
        ("not sys.version_info < (3, 9)", True),
        ("version_info >= (3, 8)", True),
        ("sys.version_info", None),
        ("sys.version_info >= LOWEST", None),
        ("sys.version_info >= '3.9'", None),
        ("sys.version_info[9] >= 3", None),
        ("3 < sys.version_info[0] < 4", None),
        ("sys.platform == 'linux'", None),
        ("other.version_info >= (3, 9)", None),
        ("sys.version_info is (3, 9)", None),
    ],
)
def test_an_oldest_version_of_3_11(test: str, outcome: bool | None) -> None:
    assert version_test(ast.parse(test, mode="eval").body, 11) is outcome
    if outcome is not None and sys.version_info >= (3, 11, 1):
        assert eval(test, {"sys": sys, "version_info": sys.version_info}) is outcome


def test_without_a_setting_all_of_python_3_counts() -> None:
    for test, outcome in (
        ("sys.version_info[0] < 3", False),
        ("sys.version_info >= (3,)", True),
        ("sys.version_info >= (3, 1)", None),
    ):
        assert version_test(ast.parse(test, mode="eval").body, 0) is outcome
