"""Makes a program of the model smaller while it keeps what is of interest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.deadlock_oracle.model import (
    BOX,
    TRY,
    WITH,
    Acquire,
    Attempt,
    Block,
    Call,
    Function,
    If,
    Join,
    Program,
    Release,
    Section,
    Start,
    Statement,
    blocks_of,
    pruned,
)
from tests.oracle.shrink import smallest

_PLAIN_ATTEMPT = "acquire(False)"


def shrink(
    program: Program, keeps: Callable[[Program], bool], maximum_tries: int = 3_000
) -> Program:
    """The smallest program found for which ``keeps`` holds, as it does for ``program``.

    ``keeps`` gets programs that may be invalid too.
    """
    return smallest(program, smaller, keeps, maximum_tries)


def smaller(program: Program) -> Iterator[Program]:
    """Programs one step smaller or simpler, greatest steps first; no way leads back."""
    seen = {program}
    for candidate in _candidates(program):
        try:
            candidate = pruned(candidate)
        except KeyError:
            continue
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _candidates(program: Program) -> Iterator[Program]:
    for number in range(1, len(program.threads) + 1):
        yield _without_thread(program, number)
    for main in _edits(program, program.main):
        yield replace(program, main=main)
    for index, function in enumerate(program.functions):
        for body in _edits(program, function.body):
            yield _with_function(program, index, replace(function, body=body))
    for index, lock in enumerate(program.locks):
        if lock.reentrant:
            plain = replace(lock, reentrant=False)
            locks = (*program.locks[:index], plain, *program.locks[index + 1 :])
            yield replace(program, locks=locks)
    for index, function in enumerate(program.functions):
        if function.is_method:
            yield _with_function(program, index, replace(function, is_method=False))
    for lock in program.locks:
        if lock.name.startswith(BOX + "."):
            free = next(n for n in "abcdefgh" if n not in program.lock_names())
            yield _renamed(program, lock.name, free)
    for index, thread in enumerate(program.threads):
        # A thread that only calls can run the callee.
        body = program.function(thread.function).body
        if not thread.arguments and len(body) == 1 and isinstance(body[0], Call):
            direct = replace(thread, function=body[0].function, arguments=body[0].arguments)
            threads = (*program.threads[:index], direct, *program.threads[index + 1 :])
            yield replace(program, threads=threads)


def _with_function(program: Program, index: int, function: Function) -> Program:
    functions = (*program.functions[:index], function, *program.functions[index + 1 :])
    return replace(program, functions=functions)


def _without_thread(program: Program, number: int) -> Program:
    def without(block: Block) -> Block:
        kept: list[Statement] = []
        for statement in block:
            if isinstance(statement, Start | Join):
                if statement.thread == number:
                    continue
                if statement.thread > number:
                    statement = replace(statement, thread=statement.thread - 1)
            kept.append(_with_blocks(statement, without))
        return tuple(kept)

    threads = (*program.threads[: number - 1], *program.threads[number:])
    return replace(program, threads=threads, main=without(program.main))


def _with_blocks(statement: Statement, change: Callable[[Block], Block]) -> Statement:
    changed = {name: change(block) for name, block in blocks_of(statement)}
    return replace(statement, **changed) if changed else statement  # type: ignore[arg-type]


def _renamed(program: Program, old: str, new: str) -> Program:
    def name(lock: str) -> str:
        return new if lock == old else lock

    def rename(block: Block) -> Block:
        return tuple(map(statement, block))

    def statement(given: Statement) -> Statement:
        changed = _with_blocks(given, rename)
        match changed:
            case Section() | Attempt() | Acquire() | Release():
                return replace(changed, lock=name(changed.lock))
            case Call():
                return replace(changed, arguments=tuple(map(name, changed.arguments)))
            case _:
                return changed

    return Program(
        tuple(replace(lock, name=name(lock.name)) for lock in program.locks),
        tuple(replace(function, body=rename(function.body)) for function in program.functions),
        tuple(
            replace(thread, arguments=tuple(map(name, thread.arguments)))
            for thread in program.threads
        ),
        rename(program.main),
    )


def _edits(program: Program, block: Block) -> Iterator[Block]:
    """Blocks one step smaller or simpler."""
    for index, statement in enumerate(block):
        before, after = block[:index], block[index + 1 :]
        yield (*before, *after)
        for part in _instead(program, statement):
            yield (*before, *part, *after)
        if isinstance(statement, Acquire):
            for end, other in enumerate(after):
                if other == Release(statement.lock):
                    yield (*before, *after[:end], *after[end + 1 :])
                    section = Section(statement.lock, after[:end])
                    yield (*before, section, *after[end + 1 :])
                    break
    for index, statement in enumerate(block):
        for name, inner in blocks_of(statement):
            for changed in _edits(program, inner):
                with_it: Statement = replace(statement, **{name: changed})  # type: ignore[arg-type]
                yield (*block[:index], with_it, *block[index + 1 :])


def _instead(program: Program, statement: Statement) -> Iterator[Block]:
    for _, block in blocks_of(statement):
        if block:
            yield block
    match statement:
        case Call(name, ()):
            callee = program.function(name)
            if not callee.parameters:
                yield callee.body
        case Section(form=form) if form == TRY:
            yield (replace(statement, form=WITH),)
        case Attempt():
            yield (Section(statement.lock, statement.body),)
            if statement.leaves:
                yield (replace(statement, leaves=False),)
            if statement.call != _PLAIN_ATTEMPT:
                yield (replace(statement, call=_PLAIN_ATTEMPT),)
        case If(variable=variable) if variable:
            yield (replace(statement, variable="", negated=False),)
        case _:
            pass
