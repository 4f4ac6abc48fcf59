"""Translation of calls that let a function run beside the caller, or in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from locklint.frontend.definitions import Definitions
from locklint.frontend.resolver import Callee
from locklint.ir.access_path import AccessPath
from locklint.ir.context import Context
from locklint.ir.instruction import Call, CallArgument, Display, FunctionRef, Operand, Spawn
from locklint.ir.lock import LockRef
from locklint.ir.registration import Registration
from locklint.models.registrations import registrars
from locklint.models.spawns import RUNS_FIRST, Spawner, spawner


def spawns(
    call: Call,
    callee: Callee,
    module: str,
    definitions: Definitions,
    resolve: Callable[[AccessPath | None], Callee],
    lock: Callable[[Operand], LockRef | None],
) -> Iterator[Spawn]:
    """Return the functions that a resolved call lets run in parallel with its caller.

    ``module`` is the key of the caller's file; ``resolve`` says what a path calls, ``lock`` which
    lock a value is.
    """
    if callee.runs:
        result, is_daemon = call.result, callee.is_daemon
        yield Spawn(call.span, callee.runs, receiver=result, result=result, is_daemon=is_daemon)
    if callee.runs_in_process:
        runs = callee.runs_in_process
        yield Spawn(call.span, runs, Context.PROCESS, receiver=call.result, result=call.result)
    known = spawner(call.external) if call.external is not None else None
    if known is None:
        return
    function = _argument(call, known.position, known.name)
    if function is None:
        return
    passed = _passed(call, known, definitions)
    value = function.value
    if isinstance(value, AccessPath) and resolve(value).external in RUNS_FIRST and passed:
        value, passed = passed[0].value, passed[1:]
    targets, receiver, bound = _resolved(value, module, definitions, resolve)
    passed = (*bound, *passed)
    if targets:
        passed = tuple([msgspec.structs.replace(each, lock=lock(each.value)) for each in passed])
        yield Spawn(call.span, targets, known.context, passed, receiver, call.result)


def registrations(
    call: Call,
    module: str,
    definitions: Definitions,
    resolve: Callable[[AccessPath | None], Callee],
) -> Iterator[Registration]:
    """Return the functions that a resolved call gives to the interpreter, to run in between."""
    for known in registrars(call.external) if call.external is not None else ():
        function = _argument(call, known.position, known.name)
        if function is None or call.external is None:
            continue
        targets, receiver, bound = _resolved(function.value, module, definitions, resolve)
        of = None if known.of is None else _argument(call, known.of, None)
        owner = of.value if of is not None and isinstance(of.value, AccessPath) else None
        if targets:
            yield Registration(
                call.span, known.context, call.external, targets, receiver, owner, bound
            )


_Resolved: TypeAlias = "tuple[tuple[str, ...], AccessPath | None, tuple[CallArgument, ...]]"


def _resolved(
    value: Operand,
    module: str,
    definitions: Definitions,
    resolve: Callable[[AccessPath | None], Callee],
) -> _Resolved:
    """Return the keys of a function that is passed, its receiver, and the arguments of a partial.

    There are no keys if nothing is known about it.
    """
    if isinstance(value, FunctionRef):
        return (f"{module}:{value.qualname}",), None, ()
    if not isinstance(value, AccessPath):
        return (), None, ()
    path, bound = value, tuple[CallArgument, ...]()
    made = definitions.call(path)
    if made is not None and made.callee is not None and made.callee.name == "partial":
        first, *rest = made.arguments or (None,)
        if first is None or not isinstance(first.value, AccessPath):
            return (), None, ()
        path, bound = first.value, tuple([each for each in rest if each is not None])
    found = resolve(path)
    targets = found.targets
    receiver = (found.receiver or path.parent()) if found.bound and path.fields else None
    reference = definitions.function(path)
    if not targets and reference is not None:
        targets = (f"{module}:{reference.qualname}",)
    return targets, receiver, bound


def _argument(call: Call, position: int | None, name: str | None) -> CallArgument | None:
    for argument in call.arguments:
        if name is not None and argument.name == name:
            return argument
    plain = [argument for argument in call.arguments if argument.name is None]
    if position is not None and position < len(plain) and not any(a.star for a in plain):
        return plain[position]
    return None


def _passed(call: Call, known: Spawner, definitions: Definitions) -> tuple[CallArgument, ...]:
    """Return the arguments with which the function will be called."""
    if known.rest:
        assert known.position is not None
        plain = [argument for argument in call.arguments if argument.name is None]
        named = [argument for argument in call.arguments if argument.name is not None]
        return (*plain[known.position + 1 :], *named)
    given = _argument(call, known.args_position, "args")
    if given is None:
        return ()
    value: Operand | None = given.value
    if isinstance(value, AccessPath):
        values = definitions.values(value)
        value = values[0] if len(values) == 1 else None
    if not isinstance(value, Display):
        return ()
    return tuple(
        [msgspec.structs.replace(given, value=item, name=None, lock=None) for item in value.items]
    )
