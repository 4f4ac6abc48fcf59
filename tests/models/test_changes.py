"""Methods that change the container that they belong to."""

from __future__ import annotations

import pytest

from locklint.models.changes import _CHANGES, changes_container


def test_methods_exist() -> None:
    import builtins
    import collections

    for dotted, methods in _CHANGES.items():
        module, _, name = dotted.rpartition(".")
        cls = getattr(builtins if module == "builtins" else collections, name)
        extra = {"move_to_end", "subtract"}  # of some of the mappings
        assert {each for each in methods - extra if not hasattr(cls, each)} == set()


@pytest.mark.parametrize(
    ("dotted", "changes"),
    [
        ("builtins.list.append", True),
        ("builtins.list.index", False),
        ("builtins.dict.get", False),
        ("collections.OrderedDict.move_to_end", True),
        ("queue.Queue.put", False),
        ("collections.deque.append", False),
    ],
)
def test_changes(dotted: str, changes: bool) -> None:
    assert changes_container(dotted) is changes
