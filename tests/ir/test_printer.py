"""The text form of instructions and terminators that no lowering test shows."""

from __future__ import annotations

import pytest

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Decorator, Function, FunctionKind
from locklint.ir.instruction import (
    Acquire,
    Call,
    Constant,
    Defer,
    HandOver,
    Instruction,
    Notify,
    Release,
    TryAcquire,
    Unwind,
    Wait,
)
from locklint.ir.lock import LockKind, LockRef, Mode
from locklint.ir.means import BY_WITH, How, Use
from locklint.ir.parameter import Parameter, Star
from locklint.ir.printer import (
    print_function,
    print_functions,
    print_instruction,
    print_terminator,
)
from locklint.ir.terminator import Catch, Handler, Raise, Return, Unreachable

PLACE = Span(3, 5, 3, 20)
PATH = AccessPath("self", ("_lock",), Root.SELF)
LOCK = LockRef(PATH, "bank.Account._lock", LockKind("threading.Lock"))
STACK = AccessPath("stack", (), Root.LOCAL)
CALL = Call(PLACE, AccessPath("%1", (), Root.TEMP), PATH.field("wait"))


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        (
            Acquire(PLACE, LOCK, How("acquire")),
            "acquire self._lock <bank.Account._lock: threading.Lock> by acquire",
        ),
        (
            Acquire(PLACE, LOCK, BY_WITH, Mode.SHARED),
            "acquire self._lock <bank.Account._lock: threading.Lock> by with  [shared]",
        ),
        (
            TryAcquire(PLACE, LOCK, How("acquire"), False, CALL.result),
            "%1 = try-acquire self._lock <bank.Account._lock: threading.Lock> by acquire",
        ),
        (
            TryAcquire(PLACE, LOCK, How("acquire"), True, None),
            "timed-acquire self._lock <bank.Account._lock: threading.Lock> by acquire",
        ),
        (
            Release(PLACE, LOCK, BY_WITH, exceptional=True),
            "release self._lock <bank.Account._lock: threading.Lock> by with  [exceptional]",
        ),
        (
            Wait(PLACE, LOCK, "wait", True, CALL),
            "wait self._lock <bank.Account._lock: threading.Lock> by wait  [timed]",
        ),
        (
            Notify(PLACE, LOCK, "notify_all", CALL),
            "notify self._lock <bank.Account._lock: threading.Lock> by notify_all",
        ),
        (
            Defer(PLACE, STACK, LOCK),
            "defer release of self._lock <bank.Account._lock: threading.Lock> to stack",
        ),
        (Unwind(PLACE, STACK), "unwind stack"),
        (
            HandOver(PLACE, LOCK),
            "hand over self._lock <bank.Account._lock: threading.Lock>",
        ),
        (
            Call(
                PLACE,
                CALL.result,
                AccessPath("pay"),
                use=Use.BOUND,
                use_name="x",
                targets=("bank:pay", "bank:pay@3"),
            ),
            "%1 = call pay()  [bound to x]  -> bank:pay, bank:pay@3",
        ),
        (
            Call(PLACE, None, AccessPath("sleep"), external="time.sleep"),
            "call sleep()  -> time.sleep (external)",
        ),
    ],
)
def test_instruction(instruction: Instruction, text: str) -> None:
    assert print_instruction(instruction) == text


def test_terminators() -> None:
    assert print_terminator(Raise(PLACE)) == "raise ?"
    assert print_terminator(Raise(PLACE, reraise=True)) == "reraise"
    assert print_terminator(Unreachable("why")) == "unreachable why"
    handlers = (Handler(("A", "b.C"), 1), Handler((), 2))
    assert (
        print_terminator(Catch(PLACE, handlers, 3))
        == "catch A|b.C -> b1, everything -> b2, else b3"
    )


def make(too_complex: bool = False) -> Function:
    end = Return(PLACE, Constant(None), implicit=True)
    return Function(
        key="bank:Account.pay",
        qualname="Account.pay",
        module="bank",
        path="bank.py",
        kind=FunctionKind.METHOD,
        span=PLACE,
        name_span=Span(2, 9, 2, 12),
        parameters=(Parameter("self"), Parameter("amounts", Star.POSITIONAL)),
        blocks={0: BasicBlock(0, (CALL,), end)},
        decorators=(Decorator(None, False, "property"),),
        is_async=True,
        is_generator=True,
        too_complex=too_complex,
    )


def test_function() -> None:
    assert print_function(make()).split("\n") == [
        "function bank:Account.pay (self, *amounts) [method] async generator  2:9",
        "  decorator property",
        "  b0",
        "       3:5  %1 = call self._lock.wait()",
        "       3:5  return None  [implicit]",
    ]
    assert print_function(make(too_complex=True)).split("\n")[2:] == ["  too complex"]
    assert print_functions([make(), make()]).count("\n\nfunction") == 1
