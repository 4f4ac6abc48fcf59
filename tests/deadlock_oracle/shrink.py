"""Makes a program of the model smaller while it keeps what is of interest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.deadlock_oracle.model import (
    BOX,
    TRY,
    WITH,
    Access,
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
    walk,
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
    if program.files > 1:
        yield replace(program, files=1)
    if program.given:
        yield replace(program, given=False)
    if program.local:
        yield replace(program, local=False)
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
        if function.enclosed:
            yield _with_function(program, index, replace(function, enclosed=False))
        if function.access is not Access.NAME:
            yield _with_function(program, index, replace(function, access=Access.NAME))
    for lock in program.locks:
        if lock.name.startswith(BOX + "."):
            free = next(n for n in "abcdefgh" if n not in program.lock_names())
            yield _renamed(program, lock.name, free)
    for index, function in enumerate(program.functions):
        arguments = _arguments(program, function)
        if function.parameters and len(arguments) == 1:
            yield _without_parameters(program, index, arguments.pop())
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


def _arguments(program: Program, function: Function) -> set[tuple[str, ...]]:
    """All that a function is called with."""
    blocks = (program.main, *(other.body for other in program.functions))
    calls = [s for block in blocks for s in walk(block) if isinstance(s, Call)]
    given = {call.arguments for call in calls if call.function == function.name}
    return given | {t.arguments for t in program.threads if t.function == function.name}


def _without_parameters(program: Program, index: int, arguments: tuple[str, ...]) -> Program:
    """The program in which a function mentions those locks by itself."""
    function = program.functions[index]
    body = function.body
    for parameter, argument in zip(function.parameters, arguments, strict=True):
        body = _rename_in(body, parameter, argument)
    changed = _with_function(program, index, replace(function, body=body, parameters=()))

    def call(block: Block) -> Block:
        return tuple(
            replace(statement, arguments=())
            if isinstance(statement, Call) and statement.function == function.name
            else _with_blocks(statement, call)
            for statement in block
        )

    return replace(
        changed,
        functions=tuple(replace(other, body=call(other.body)) for other in changed.functions),
        threads=tuple(
            replace(thread, arguments=()) if thread.function == function.name else thread
            for thread in changed.threads
        ),
        main=call(changed.main),
    )


def _with_blocks(statement: Statement, change: Callable[[Block], Block]) -> Statement:
    changed = {name: change(block) for name, block in blocks_of(statement)}
    return replace(statement, **changed) if changed else statement  # type: ignore[arg-type]


def _renamed(program: Program, old: str, new: str) -> Program:
    def name(lock: str) -> str:
        return new if lock == old else lock

    def rename(block: Block) -> Block:
        return _rename_in(block, old, new)

    return replace(
        program,
        locks=tuple(replace(lock, name=name(lock.name)) for lock in program.locks),
        functions=tuple(
            replace(function, body=rename(function.body)) for function in program.functions
        ),
        threads=tuple(
            replace(thread, arguments=tuple(map(name, thread.arguments)))
            for thread in program.threads
        ),
        main=rename(program.main),
    )


def _rename_in(block: Block, old: str, new: str) -> Block:
    def name(lock: str) -> str:
        return new if lock == old else lock

    def statement(given: Statement) -> Statement:
        changed = _with_blocks(given, lambda inner: _rename_in(inner, old, new))
        match changed:
            case Section() | Attempt() | Acquire() | Release():
                return replace(changed, lock=name(changed.lock))
            case Call():
                return replace(changed, arguments=tuple(map(name, changed.arguments)))
            case _:
                return changed

    return tuple(map(statement, block))


def _edits(program: Program, block: Block) -> Iterator[Block]:
    """Blocks one step smaller or simpler."""
    for index, statement in enumerate(block):
        before, after = block[:index], block[index + 1 :]
        if not isinstance(statement, Acquire | Release | Start):
            # What is acquired and never released, or never started, would be another matter.
            yield (*before, *after)
        for part in _instead(program, statement):
            yield (*before, *part, *after)
        lock = _taken_by(statement)
        if lock:
            for end, other in enumerate(after):
                if other == _giving_back(statement, lock):
                    yield (*before, *after[:end], *after[end + 1 :])
                    section = Section(lock, after[:end])
                    yield (*before, section, *after[end + 1 :])
                    break
    for index, statement in enumerate(block):
        for name, inner in blocks_of(statement):
            for changed in _edits(program, inner):
                with_it: Statement = replace(statement, **{name: changed})  # type: ignore[arg-type]
                yield (*block[:index], with_it, *block[index + 1 :])


def _taken_by(statement: Statement) -> str:
    """The lock that a statement takes and does not give back, if it does nothing else."""
    match statement:
        case Acquire(lock) | If((Acquire(lock),), ()):
            return lock
        case _:
            return ""


def _giving_back(statement: Statement, lock: str) -> Statement:
    if isinstance(statement, If):
        return replace(statement, body=(Release(lock),))
    return Release(lock)


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
            if statement.wrapped:
                yield (replace(statement, wrapped=False),)
            if statement.call != _PLAIN_ATTEMPT:
                yield (replace(statement, call=_PLAIN_ATTEMPT),)
        case Acquire(wrapped=True):
            yield (replace(statement, wrapped=False),)
        case If(variable=variable) if variable:
            yield (replace(statement, variable="", negated=False),)
        case _:
            pass
