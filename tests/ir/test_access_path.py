"""Fields of access paths: types tell what they are, and no other module reads their text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from locklint.ir.access_path import (
    ANY_ELEMENT,
    BEYOND,
    RESULT,
    AccessPath,
    ElementField,
    Field,
    ResultField,
    Root,
)

PACKAGE = Path(__file__).parents[2] / "src" / "locklint"
OWN_MODULE = "ir/access_path.py"
OTHER_TEXTS = frozenset(
    (
        "analysis/lock_name.py: name.partition('[')",  # the name of a lock, for people
        "analysis/written.py: text.endswith(')')",  # code
        "engine/load_config.py: path.partition('[')",  # settings
        "frontend/from_ast.py: self.text(node).startswith('(')",  # code
        "engine/toml_places.py: stripped.startswith('[')",
        "frontend/static_resolver.py: dotted.endswith(')')",  # dotted names outside the project
        "models/grades.py: '()' in owner",
        "models/grades.py: owner[-2:] == '()'",
        "ir/parameter.py: name.partition('[')",  # names of arguments that are collected
        "ir/terminator.py: text.removeprefix(before).removesuffix(')')",  # tests as text
        "ir/terminator.py: classes.strip('[]')",
    )
)
"""Expressions that look for the same marks in other texts."""

BRACKETS = frozenset("[]()")
MARKS = BRACKETS | {"*"}
TAKING_APART = frozenset(
    "startswith endswith removeprefix removesuffix partition rpartition split strip lstrip rstrip"
    " find index replace".split()
)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("lock", "x.lock"),
        (ElementField("0"), "x[0]"),
        (ElementField("'key'"), "x['key']"),
        (ANY_ELEMENT, "x[*]"),
        (RESULT, "x()"),
        (ResultField("y, z=1"), "x(y, z=1)"),
        (ResultField(None), "x(*)"),
        (BEYOND, "x.*"),
    ],
)
def test_each_kind_is_written_and_stored(field: Field, text: str) -> None:
    path = AccessPath("x", (field,), Root.LOCAL)
    assert str(path) == text
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(path), type=AccessPath)
    assert decoded == path
    assert hash(decoded) == hash(path)
    assert type(decoded.last) is type(field)
    assert path.name == (field if isinstance(field, str) else "")


def test_kinds_with_the_same_text_are_not_equal() -> None:
    assert len({AccessPath("x", (each,)) for each in ("*", BEYOND, ANY_ELEMENT, RESULT)}) == 4


def test_paths_are_sorted_by_their_text() -> None:
    fields: tuple[Field, ...] = (RESULT, BEYOND, "A", ElementField("'k'"), ANY_ELEMENT, "a")
    paths = [AccessPath("x", (field,)) for field in fields]
    assert sorted(dict.fromkeys(paths[3:] + paths[:3])) == paths


def test_a_literal_key_is_a_text_or_a_whole_number() -> None:
    keys = ("0", "-1", "'a'", '"a"', "i", "self.n", "1.5", "None", None)
    found = [ElementField(key).literal for key in keys]
    assert found == ["0", "-1", "'a'", '"a"', None, None, None, None, None]


def test_no_other_module_reads_or_writes_the_text_of_fields() -> None:
    found = {
        f"{name}: {ast.unparse(node)}"
        for path in PACKAGE.rglob("*.py")
        if (name := path.relative_to(PACKAGE).as_posix()) != OWN_MODULE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.expr) and (_reads(node) or _writes(node))
    }
    assert found == OTHER_TEXTS


@pytest.mark.parametrize(
    "code",
    [
        "path.last[0] == '['",
        "path.fields[0][0] in '[('",
        "'[*]' in path.fields",
        "field == '()'",
        "text[-2:] != '[]'",
        "str(field).startswith('(')",
        "name.partition('[')",
        "path.field('[*]')",
        "path.field(f'[{key}]')",
        "AccessPath(name, ('[0]',), root)",
        "AccessPath(name, (f'({text})',), root)",
    ],
)
def test_reading_and_writing_is_found(code: str) -> None:
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.expr)]
    assert any(_reads(node) or _writes(node) for node in nodes)


def _reads(node: ast.expr) -> bool:
    """Return whether an expression compares something with marks of fields, or looks for them."""
    match node:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            return any(map(_is_marks, sides)) and not any(map(_is_operator, sides))
        case ast.Call(func=ast.Attribute(attr=attr), args=[first, *_]) if attr in TAKING_APART:
            return _is_marks(first)
        case _:
            return False


def _writes(node: ast.expr) -> bool:
    """Return whether an expression makes a field, or a path, from a text with marks."""
    match node:
        case ast.Call(func=ast.Attribute(attr="field")) | ast.Call(func=ast.Name(id="AccessPath")):
            return any(text[:1] in MARKS for each in node.args for text in _texts(each) if text)
        case _:
            return False


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts of an argument and of the items of a tuple, or how they start."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=[first, *_]):
            yield from _texts(first)
        case ast.Tuple(elts=items):
            for item in items:
                yield from _texts(item)


def _is_marks(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str() as text):
            return MARKS.issuperset(text) and not BRACKETS.isdisjoint(text)
        case _:
            return False


def _is_operator(node: ast.expr) -> bool:
    """Return whether it is what an operator or a token is compared by."""
    return isinstance(node, ast.Attribute) and node.attr in ("what", "string")
