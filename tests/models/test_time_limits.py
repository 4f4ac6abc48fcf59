"""Time limits of tasks, and scopes after which the code goes on."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.ir.instruction import Call, CallArgument, Constant
from locklint.models.time_limits import is_plain, is_time_limit, limits_body, limits_wait, swallows


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
    assert swallows("trio.move_on_after")
    assert not is_plain("trio.move_on_after")
    assert swallows("anyio.CancelScope")
    assert is_plain("anyio.CancelScope")
    assert not swallows("trio.fail_after")


def test_what_does_no_more_than_cancel_its_body() -> None:
    assert is_time_limit("anyio.move_on_after")
    assert is_time_limit("trio.CancelScope")
    assert not is_time_limit("asyncio.TaskGroup")
