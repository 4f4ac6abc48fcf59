"""Time limits of tasks, and scopes after which the code goes on."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.ir.instruction import Call, CallArgument, Constant
from locklint.models.time_limits import limits_body, limits_wait, moves_on


def call(*values: float | None, name: str | None = None, external: str = "") -> Call:
    arguments = tuple(CallArgument(Constant(value), name) for value in values)
    return Call(Span(1, 1, 1, 2), None, None, arguments, external=external)


def test_what_limits_a_body() -> None:
    assert limits_body("asyncio.timeout", call(1))
    assert limits_body("asyncio.timeout", call(1, name="delay"))
    assert not limits_body("asyncio.timeout", call(None))
    assert not limits_body("asyncio.TaskGroup", call(1))
    assert limits_body("trio.CancelScope", call(5, name="deadline"))
    assert not limits_body("trio.CancelScope", call(True, name="shield"))


def test_what_limits_a_wait() -> None:
    assert limits_wait(call(0, 1, external="asyncio.wait_for")) is not None
    assert limits_wait(call(0, None, external="asyncio.wait_for")) is None
    assert limits_wait(call(0, external="asyncio.shield")) is None


def test_where_the_code_goes_on() -> None:
    assert moves_on("trio.move_on_after", is_bound=False)
    assert moves_on("anyio.CancelScope", is_bound=True)
    assert not moves_on("anyio.CancelScope", is_bound=False)
    assert not moves_on("trio.fail_after", is_bound=True)
