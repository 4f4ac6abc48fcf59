"""Results of library functions."""

from __future__ import annotations

import importlib

import pytest

from locklint.models import plain_values


@pytest.mark.parametrize("name", sorted(plain_values._NOT_NONE - plain_values.RESULTS.keys()))
def test_calls_that_give_objects_exist(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_results() -> None:
    assert plain_values.is_never_none("os.open")
    assert not plain_values.is_true("os.open")  # It may be 0.
    assert plain_values.is_true("builtins.open")
    assert not plain_values.is_never_none("re.match")
