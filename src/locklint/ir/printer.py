"""The text form of graphs: what tests and `locklint debug ir` show."""

from __future__ import annotations

from collections.abc import Sequence

from locklint.core.source import Span
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Notify,
    Operate,
    Read,
    Release,
    Spawn,
    TryAcquire,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.lock import LockRef, Mode
from locklint.ir.means import Use
from locklint.ir.terminator import (
    Branch,
    Catch,
    Handler,
    Jump,
    Raise,
    Return,
    Terminator,
    Unreachable,
)

_PLACE_WIDTH = 6


def print_functions(functions: Sequence[Function]) -> str:
    """Several functions, an empty line between them."""
    return "\n\n".join(print_function(function) for function in functions)


def print_function(function: Function) -> str:
    """Return a function as text: a heading, then its blocks in the order of their numbers."""
    lines = [_heading(function)]
    for decorator in function.decorators:
        lines.append(f"  decorator {decorator.text}")
    for name, lock in function.enclosed:
        lines.append(f"  enclosed {name} = {lock.identity}")
    for attribute, argument in function.kept:
        lines.append(f"  kept {attribute} = {argument.value}")
    if function.too_complex:
        lines.append("  too complex")
        return "\n".join(lines)
    for block in function.blocks.values():
        lines += print_block(block).split("\n")
    return "\n".join(lines)


def _heading(function: Function) -> str:
    kind = "" if function.kind is FunctionKind.FUNCTION else f" [{function.kind.value}]"
    flags = ""
    if function.is_async:
        flags += " async"
    if function.is_generator:
        flags += " generator"
    parameters = ", ".join(map(str, function.parameters))
    key = f"{function.module}:{function.qualname}"
    return f"function {key} ({parameters}){kind}{flags}  {function.name_span}"


def print_block(block: BasicBlock) -> str:
    """Return a block as text: its number, where exceptions go, its instructions, how it ends."""
    handler = "" if block.on_exception is None else f"  on-exception b{block.on_exception}"
    lines = [f"  b{block.id}{handler}"]
    lines += [_line(each.span, print_instruction(each)) for each in block.instructions]
    span = None if isinstance(block.terminator, (Jump, Unreachable)) else block.terminator.span
    lines.append(_line(span, print_terminator(block.terminator)))
    return "\n".join(lines)


def _line(span: Span | None, text: str) -> str:
    place = "" if span is None else str(span)
    return f"    {place:>{_PLACE_WIDTH}}  {text}"


def print_instruction(instruction: Instruction) -> str:
    """Return an instruction as text, without its place."""
    match instruction:
        case Call():
            return _call(instruction)
        case Await(value=value, form=form, acquires=acquires):
            return f"{form.value} {f'{acquires}() ' if acquires else ''}{value}"
        case Yield(value=value, is_from=is_from):
            return f"yield from {value}" if is_from else f"yield {value}"
        case Assign(target=target, value=value):
            return f"{target} = {value}"
        case Read(path=path, discarded=discarded):
            return f"read {path}{'  [discarded]' if discarded else ''}"
        case Operate():
            return f"operate {instruction.text}"
        case Enter():
            return _enter(instruction)
        case Exit(context=context, exceptional=exceptional, is_async=is_async):
            flags = _flags(exceptional=exceptional, **{"async": is_async})
            return f"exit {context}{flags}"
        case Acquire(lock=lock, how=how, mode=mode, gives_up=gives_up):
            return f"acquire {_lock(lock)} by {how}{_mode(mode)}{_flags(gives_up=gives_up)}"
        case TryAcquire(lock=lock, how=how, timed=timed, result=result, mode=mode):
            into = f"{result} = " if result is not None else ""
            kind = "timed" if timed else "try"
            return f"{into}{kind}-acquire {_lock(lock)} by {how}{_mode(mode)}"
        case Release(lock=lock, how=how, mode=held, exceptional=exceptional):
            flags = _flags(exceptional=exceptional)
            return f"release {_lock(lock)} by {how}{_mode(held)}{flags}"
        case Wait(lock=lock, method=method, timed=timed):
            return f"wait {_lock(lock)} by {method}{_flags(timed=timed)}"
        case Notify(lock=lock, method=method):
            return f"notify {_lock(lock)} by {method}"
        case Defer(stack=stack, lock=deferred):
            what = _lock(deferred) if deferred is not None else "something"
            return f"defer release of {what} to {stack}"
        case Unwind(stack=stack):
            return f"unwind {stack}"
        case Spawn(targets=targets):
            kind = "process" if instruction.is_process else "thread"
            return f"spawn {kind} {', '.join(targets)}"
        case HandOver(lock=lock):
            return f"hand over {_lock(lock)}"


def _call(call: Call) -> str:
    into = f"{call.result} = " if call.result is not None else ""
    arguments = ", ".join(map(str, call.arguments))
    what = f"{into}call {call.callee or '?'}({arguments})"
    if call.use is not Use.PASSED:
        name = f" to {call.use_name}" if call.use_name else ""
        what += f"  [{call.use.value}{name}]"
    if call.targets:
        what += f"  -> {', '.join(call.targets)}"
    if call.external:
        what += f"  -> {call.external} (external)"
    return what


def _enter(enter: Enter) -> str:
    into = f"{enter.result} = " if enter.result is not None else ""
    flags = _flags(
        **{"async": enter.is_async, "empty body": enter.empty_body, "commented": enter.commented}
    )
    left = f", its end left to {enter.stack}" if enter.stack is not None else ""
    return f"{into}enter {enter.context}{left}{flags}"


def _flags(**flags: bool) -> str:
    on = [name for name, value in flags.items() if value]
    return f"  [{', '.join(on)}]" if on else ""


def _mode(mode: Mode | None) -> str:
    return f"  [{mode.value}]" if mode is Mode.SHARED else ""


def _lock(lock: LockRef) -> str:
    return f"{lock.path} <{lock.identity}: {lock.kind.name}>"


def print_terminator(terminator: Terminator) -> str:
    """Return a terminator as text, without its place."""
    match terminator:
        case Jump(target):
            return f"-> b{target}"
        case Branch(condition=condition, then=then, otherwise=otherwise):
            return f"if {condition} -> b{then} else b{otherwise}"
        case Return(value=value, implicit=implicit):
            return f"return {value}{'  [implicit]' if implicit else ''}"
        case Raise(exception=exception, reraise=reraise):
            return "reraise" if reraise else f"raise {exception or '?'}"
        case Catch(handlers=handlers, uncaught=uncaught):
            caught = [_handler(handler) for handler in handlers]
            return f"catch {', '.join([*caught, f'else b{uncaught}'])}"
        case Unreachable(what):
            return f"unreachable {what}".rstrip()


def _handler(handler: Handler) -> str:
    star = "* " if handler.is_group else ""
    types = "|".join(handler.types) or "everything"
    return f"{star}{types} -> b{handler.target}"
