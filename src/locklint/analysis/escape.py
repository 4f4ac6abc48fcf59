"""Locks that never leave the scope in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from locklint.analysis.events import LockStates
from locklint.analysis.story import user_word, with_word
from locklint.core.diagnostic import Severity
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, predecessors, reaching
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Decorator, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Defer,
    Enter,
    HandOver,
    Instruction,
    Release,
    Spawn,
    TryAcquire,
)
from locklint.ir.lock import Exactness, LockRef, LockRole
from locklint.ir.operands import terminator_paths, used_paths
from locklint.ir.terminator import Return, Terminator

_PLAIN_DECORATORS = frozenset(("classmethod", "override", "property", "staticmethod"))
"""Decorators of functions that run on each call. Others may keep the first result."""

_THREAD_STARTERS = ("threading.Thread", "threading.Timer")


class FreshLock(msgspec.Struct, frozen=True):
    """A lock that excludes no thread: its construction, its use, and the message."""

    lock: LockRef
    made: Span
    used: Span
    message: str
    story: str
    severity: Severity = Severity.ERROR
    maker: Function | None = None
    """The function that makes it, where that is another one."""


def fresh_locks(states: LockStates, functions: Mapping[str, Function]) -> list[FreshLock]:
    """Return all locks of a function that no other code can use, in source order.

    ``functions`` are those of the program: the target of a thread may share the lock.
    """
    function = states.function
    if not states.names_locks or not _has_fresh_lock(function):
        return []
    found = {
        **{fresh.used: fresh for fresh in _anonymous(function, functions)},
        **{fresh.used: fresh for fresh in _local(function, functions)},
    }
    return [found[span] for span in sorted(found)]


def _has_fresh_lock(function: Function) -> bool:
    """Return whether a function uses a lock that each of its calls makes for itself."""
    return any(
        isinstance(each, (Acquire, TryAcquire, HandOver)) and each.lock.exactness is Exactness.FRESH
        for block in function.blocks.values()
        for each in block.instructions
    )


def _anonymous(function: Function, functions: Mapping[str, Function]) -> Iterator[FreshLock]:
    calls = {
        place: instruction
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Call)
        for place in _places(instruction)
    }
    for block in function.blocks.values():
        for instruction in block.instructions:
            if (
                isinstance(instruction, Acquire)
                and instruction.enter is not None
                and instruction.lock.exactness is Exactness.FRESH
                and not instruction.lock.kind.cross_process
            ):
                lock, span = instruction.lock, instruction.span
                is_temporary = lock.path.root is Root.TEMP
                call = calls.get(lock.path if is_temporary else (lock.path, span))
                made = _made(call, lock, functions)
                if made is None:
                    continue
                new = f"a new `{lock.api.name}`"
                where = (
                    f"on {new}, which" if made.maker is None else f"on {made.asked}: {new}, which"
                )
                message = f"`{with_word(lock)}` {where} no other {user_word(lock)} shares"
                yield FreshLock(lock, made.span, span, message, "", _severity(lock), made.maker)


def _places(call: Call) -> Iterator[AccessPath | tuple[AccessPath, Span]]:
    """Yield by what an acquire names the result of a call; that of a property by its path."""
    if call.implicit and call.callee is not None:
        yield call.callee, call.span
    if call.result is not None:
        yield call.result


def _local(function: Function, functions: Mapping[str, Function]) -> Iterator[FreshLock]:
    made: dict[AccessPath, list[tuple[Span, BlockId]]] = {}
    results: dict[AccessPath, Call] = {}
    calls: dict[AccessPath, Call] = {}
    acquires: dict[AccessPath, list[Acquire | TryAcquire]] = {}
    released: set[AccessPath] = set()
    mentions: dict[AccessPath, list[tuple[Instruction | Terminator, BlockId]]] = {}
    for block in function.blocks.values():
        for instruction in block.instructions:
            match instruction:
                case Call(result=AccessPath() as result):
                    results[result] = instruction
                case Assign(target=target, value=AccessPath() as value) if value in results:
                    if target.is_variable and target.root is Root.LOCAL:
                        made.setdefault(target, []).append((results[value].span, block.id))
                        calls[target] = results[value]
                        continue
                case Acquire(lock=lock) | TryAcquire(lock=lock) if _is_own(lock):
                    acquires.setdefault(lock.path, []).append(instruction)
                    continue
                case Release(lock=lock) if _is_own(lock):
                    released.add(lock.path)
                    continue
                case HandOver() | Enter():
                    continue
                case Defer(lock=LockRef() as lock):
                    released.add(lock.path)
            for path in used_paths(instruction):
                variable = AccessPath(path.root_name, (), path.root)
                mentions.setdefault(variable, []).append((instruction, block.id))
        for path in terminator_paths(block.terminator):
            variable = AccessPath(path.root_name, (), path.root)
            mentions.setdefault(variable, []).append((block.terminator, block.id))
    for variable, places in made.items():
        if len({span for span, _ in places}) != 1:
            continue
        if calls[variable].result in mentions:
            continue  # `lock = self._lock = Lock()`: others have it by the other name.
        own, others = acquires.get(variable, []), mentions.get(variable, [])
        if own and not others and variable in released:
            first = min(own, key=lambda instruction: instruction.span)
            by_hand = {i.span for i in own if not (isinstance(i, Acquire) and i.enter)}
            new = _made(calls[variable], first.lock, functions)
            if first.lock.kind.cross_process or new is None:
                continue
            if len(by_hand) > 1 or first.lock.kind.role not in (LockRole.LOCK, LockRole.CONDITION):
                continue
            yield FreshLock(
                first.lock,
                new.span,
                first.span,
                f"`{variable}` is created in `{function.name}` and never leaves it, so no other"
                f" {user_word(first.lock)} shares it",
                "it is acquired here: each call has its own lock",
                maker=new.maker,
            )
        elif not own and others:
            yield from _one_each(function, functions, variable, places[0], others)


def _one_each(
    function: Function,
    functions: Mapping[str, Function],
    variable: AccessPath,
    made: tuple[Span, BlockId],
    mentions: list[tuple[Instruction | Terminator, BlockId]],
) -> Iterator[FreshLock]:
    """A lock made in a loop and given to one new thread in each round."""
    calls = {m.span: m for m, _ in mentions if isinstance(m, Call)}
    if len(calls) != 1 or len(calls) != len(mentions):
        return
    call = next(iter(calls.values()))
    if call.external not in _THREAD_STARTERS or _shares(function, functions, call):
        return
    span, block = made
    loop = reaching([block], predecessors(function, all_successors))
    after = set(all_successors(function.blocks[block]))
    if not after & loop:
        return
    lock = next(
        (
            i.lock
            for b in function.blocks.values()
            for i in b.instructions
            if isinstance(i, HandOver) and i.lock.path == variable
        ),
        None,
    )
    if lock is None or lock.exactness is not Exactness.FRESH or lock.kind.role is not LockRole.LOCK:
        return
    yield FreshLock(
        lock,
        span,
        call.span,
        f"each thread gets its own `{variable}`, which excludes no other thread",
        "it is passed to one thread here",
        Severity.WARNING,
    )


def _shares(function: Function, functions: Mapping[str, Function], start: Call) -> bool:
    """Return whether the target of a thread stores a lock that it is given, or passes it on."""
    targets = {
        target
        for block in function.blocks.values()
        for each in block.instructions
        if isinstance(each, Spawn) and each.span == start.span
        for target in each.targets
    }
    return any(
        isinstance(each, HandOver) and each.lock.path.is_parameter
        for target in targets & functions.keys()
        for block in functions[target].blocks.values()
        for each in block.instructions
    )


def _severity(lock: LockRef) -> Severity:
    """Return the severity of a lock that is not shared: without a limit no data are at risk."""
    return Severity.WARNING if lock.kind.role is LockRole.SEMAPHORE else Severity.ERROR


class _New(NamedTuple):
    """The call that makes a lock, in ``maker`` if that is not the function that acquires it.

    ``asked`` is then the expression that returns it.
    """

    span: Span
    maker: Function | None = None
    asked: str = ""


def _made(call: Call | None, lock: LockRef, functions: Mapping[str, Function]) -> _New | None:
    """Return where the lock is made that a call gives, or None if the call may give another.

    It is a call of the lock's class, or of a function that returns nothing but new ones.
    """
    if call is None or call.callee is None:
        return None
    if not call.targets:
        return _New(call.span) if call.external in lock.api.constructors else None
    maker = functions.get(call.targets[0])
    if maker is None or len(call.targets) > 1 or call.overrides or not call.certain:
        return None
    if call.callee.root is Root.TEMP or not all(map(_is_plain, maker.decorators)):
        return None
    span = _returns_new(maker, lock)
    asked = f"`{call.callee}`" if call.implicit else f"`{call.callee}()`"
    return None if span is None else _New(span, maker, asked)


def _is_plain(decorator: Decorator) -> bool:
    return decorator.path is not None and decorator.path.name in _PLAIN_DECORATORS


def _returns_new(maker: Function, lock: LockRef) -> Span | None:
    """Return where a function makes the lock that it returns, for its caller alone."""
    blocks = maker.blocks.values()
    returned = [b.terminator.value for b in blocks if isinstance(b.terminator, Return)]
    value = returned[0] if len(returned) == 1 else None
    names = {value}
    made: list[Span] = []
    for each in reversed([each for block in blocks for each in block.instructions]):
        match each:
            case Call(result=result, external=external, targets=()) if result in names:
                if external in lock.api.constructors:
                    made.append(each.span)
                    continue
            case Assign(target=target, value=AccessPath() as source) if target in names:
                if target.is_variable and target.root is Root.LOCAL:
                    names.add(source)
                    continue
            case HandOver():
                continue
        if not names.isdisjoint(used_paths(each)):
            return None
    return made[0] if len(made) == 1 else None


def _is_own(lock: LockRef) -> bool:
    return (
        lock.exactness is Exactness.FRESH and lock.path.root is Root.LOCAL and lock.path.is_variable
    )
