"""Translation of calls that make threads, tasks and processes to `Spawn`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from locklint.frontend.definitions import Definitions
from locklint.frontend.resolver import Callee
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Call, CallArgument, Display, FunctionRef, Operand, Spawn
from locklint.ir.lock import LockRef
from locklint.models.spawns import Spawner, spawner


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
        yield Spawn(call.span, callee.runs, receiver=call.result, result=call.result)
    known = spawner(call.external) if call.external is not None else None
    if known is None:
        return
    function = _argument(call, known.position, known.name)
    if function is None:
        return
    receiver: AccessPath | None = None
    targets: tuple[str, ...] = ()
    passed = _passed(call, known, definitions)
    if isinstance(function.value, AccessPath):
        path = function.value
        made = definitions.call(path)
        if made is not None and made.callee is not None and made.callee.name == "partial":
            first, *bound = made.arguments or (None,)
            if first is None or not isinstance(first.value, AccessPath):
                return
            path, passed = first.value, (*[b for b in bound if b is not None], *passed)
        found = resolve(path)
        targets = found.targets
        if found.bound and path.fields:
            receiver = found.receiver or path.parent()
        reference = definitions.function(path)
        if not targets and reference is not None:
            targets = (f"{module}:{reference.qualname}",)
    elif isinstance(function.value, FunctionRef):
        targets = (f"{module}:{function.value.qualname}",)
    if targets:
        passed = tuple([msgspec.structs.replace(each, lock=lock(each.value)) for each in passed])
        yield Spawn(call.span, targets, known.context, passed, receiver, call.result)


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
