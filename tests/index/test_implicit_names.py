"""The names of methods that no written call runs, from the bytes of files."""

from __future__ import annotations

import pytest

from locklint.index.implicit_names import ImplicitNames


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("class A:\n    @property\n    def size(self): ...\n", {"size"}),
        ("class A:\n    @functools.cached_property\n    def size(self): ...\n", {"size"}),
        ("class A:\n    @property\n    @other(1)\n    # why\n    def size(self): ...\n", {"size"}),
        ("class A:\n    @abc.abstractproperty\n    async def size(self): ...\n", {"size"}),
        ("class A:\n    @property\n\n    value = 1\n    def size(self): ...\n", set()),
        ("class A:\n    def property(self): ...\n    def size(self): ...\n", set()),
    ],
)
def test_properties(text: str, properties: set[str]) -> None:
    names = ImplicitNames()
    names.add(text.encode())
    assert names.properties == properties


def test_special_methods() -> None:
    names = ImplicitNames()
    names.add(b"class A:\n    def __len__(self): ...\n    def __plain(self): ...\n")
    names.add(b"class B:\n    def __iter__(self): ...\n")
    assert names.special == {"__len__", "__iter__"}
