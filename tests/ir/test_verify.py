"""The verifier finds each kind of damage."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.instruction import Assign, Call, Constant
from locklint.ir.terminator import Branch, Catch, Jump, Return, Truth, Unreachable
from locklint.ir.verify import verify

PLACE = Span(1, 1, 1, 2)
ONE = AccessPath("%1", (), Root.TEMP)
X = AccessPath("x", (), Root.LOCAL)
END = Return(PLACE, Constant(None))


def make(*blocks: BasicBlock, entry: int = 0) -> Function:
    return Function(
        key="m:f",
        qualname="f",
        module="m",
        path="m.py",
        kind=FunctionKind.FUNCTION,
        span=PLACE,
        name_span=PLACE,
        parameters=(),
        blocks={block.id: block for block in blocks},
        entry=entry,
    )


def test_a_good_graph() -> None:
    call = Call(PLACE, ONE, X)
    assert verify(make(BasicBlock(0, (call,), Return(PLACE, ONE)))) == []


def test_missing_blocks() -> None:
    assert verify(make(entry=3)) == ["the entry b3 does not exist"]
    assert verify(make(BasicBlock(0, (), Jump(1), on_exception=2))) == [
        "b0 leads to b1, which does not exist",
        "b0 leads to b2, which does not exist",
    ]


def test_unfinished_and_unreachable_blocks() -> None:
    assert verify(make(BasicBlock(0, (), Unreachable()))) == ["b0 is unfinished"]
    assert verify(make(BasicBlock(0, (), END), BasicBlock(1, (), END))) == ["b1 is unreachable"]


def test_a_catch_without_handlers() -> None:
    assert verify(make(BasicBlock(0, (), Catch(PLACE, (), 1)), BasicBlock(1, (), END))) == [
        "b0 catches nothing"
    ]


def test_wrong_number() -> None:
    function = make(BasicBlock(0, (), END))
    function.blocks[0] = BasicBlock(7, (), END)
    assert verify(function) == ["b0 has the id 7"]


def test_a_handler_of_its_own_exceptions() -> None:
    block = BasicBlock(0, (Call(PLACE, None, X),), END, on_exception=0)
    assert verify(make(block)) == ["b0 handles its own exceptions"]


def test_a_temporary_that_is_defined_on_one_way_only() -> None:
    branch = Branch(PLACE, Truth(X), 1, 2)
    defined = BasicBlock(1, (Assign(PLACE, ONE, X),), Jump(2))
    assert verify(
        make(BasicBlock(0, (), branch), defined, BasicBlock(2, (), Return(PLACE, ONE)))
    ) == ["b2 uses %1 before it is defined"]


def test_a_temporary_of_a_call_that_raised() -> None:
    call = BasicBlock(0, (Call(PLACE, ONE, X),), END, on_exception=1)
    assert verify(make(call, BasicBlock(1, (), Return(PLACE, ONE)))) == [
        "b1 uses %1 before it is defined"
    ]
