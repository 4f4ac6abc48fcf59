"""Graphs can be stored: what is decoded is what was encoded, and anything else is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from locklint.core.config import Config
from locklint.engine.program_files import ProgramFiles
from locklint.index.declarations import ModuleIndex
from locklint.ir.access_path import MAX_FIELDS, AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import Constant, LiteralValue, Operand

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("examples", "tests") for path in (ROOT / folder).rglob("*.py"))
SOURCES = SOURCES[::2]  # A sample is enough.

_FUNCTIONS = msgspec.msgpack.Decoder(tuple[Function, ...])


def test_every_function_and_index_survives() -> None:
    files = ProgramFiles(Config())
    many = 0
    for path in SOURCES:
        file, _ = files.add_text(str(path), path.read_text("utf-8"))
        if file is None:
            continue
        outermost = [each.qualname for each in file.index.functions.values() if not each.parent]
        file.lowered.clear()
        functions = tuple(files.lower(file, outermost))
        decoded = _FUNCTIONS.decode(msgspec.msgpack.encode(functions))
        assert decoded == functions
        # Equality takes True for 1; the text does not.
        assert [repr(each.blocks) for each in decoded] == [repr(each.blocks) for each in functions]
        index = msgspec.msgpack.decode(msgspec.msgpack.encode(file.index), type=ModuleIndex)
        assert index == file.index
        many += len(functions)
    assert not files.errors
    assert many > 500


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        1,
        -(2**63),
        2**64 - 1,
        0.0,
        -0.0,
        1e308,
        float("inf"),
        "",
        "é\0",
        b"\xff",
    ],
)
def test_literals_keep_their_types(value: LiteralValue) -> None:
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(Constant(value)), type=Constant)
    assert type(decoded.value) is type(value)
    assert repr(decoded.value) == repr(value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800"])
def test_what_cannot_be_stored_says_so(value: LiteralValue) -> None:
    with pytest.raises((OverflowError, UnicodeEncodeError)):
        msgspec.msgpack.encode(Constant(value))


@pytest.mark.parametrize(
    "foreign",
    [
        ["Constant", [1]],
        ["Constant", {"a": 1}],
        ["Constant"],
        ["Spawned", 1],
        ["AccessPath", "x", [1], "global"],
        ["AccessPath", "x", [], "nowhere"],
        "Constant",
        7,
    ],
)
def test_foreign_data_is_refused(foreign: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(foreign), type=Operand)


def test_a_long_path_stays_bounded() -> None:
    path = AccessPath("a", tuple("bcdefghijk"))
    assert len(path.fields) == MAX_FIELDS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(path), type=AccessPath) == path
