"""Paths that instructions, terminators and operands use and define."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Call,
    Defer,
    Display,
    Enter,
    Exit,
    FunctionRef,
    HandOver,
    Instruction,
    Notify,
    Operand,
    Read,
    Release,
    TryAcquire,
    Unknown,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.terminator import (
    Branch,
    Condition,
    Equals,
    IsNone,
    Opaque,
    Return,
    Swallows,
    Terminator,
    Truth,
)


def operand_paths(operand: Operand) -> Iterator[AccessPath]:
    """The paths in a value, captures and mentions included."""
    match operand:
        case AccessPath():
            yield operand
        case Display(items=items):
            for item in items:
                yield from operand_paths(item)
        case FunctionRef(captures=paths) | Unknown(mentions=paths):
            yield from paths
        case _:
            pass


def used_paths(instruction: Instruction) -> Iterator[AccessPath]:
    """The paths that an instruction reads. Of an assignment to a field, the receiver too."""
    match instruction:
        case Call(callee=callee, arguments=arguments):
            if callee is not None:
                yield callee
            for argument in arguments:
                yield from operand_paths(argument.value)
        case Await(value=value) | Yield(value=value):
            yield from operand_paths(value)
        case Assign(target=target, value=value):
            yield from operand_paths(value)
            if target.fields:
                yield target.parent()
        case Read(path=path):
            yield path
        case Enter(context=context) | Exit(context=context):
            yield from operand_paths(context)
        case Acquire(lock=lock, call=call) | TryAcquire(lock=lock, call=call):
            yield lock.path
            if call is not None:
                yield from used_paths(call)
        case Release(lock=lock, call=call):
            yield lock.path
            if call is not None:
                yield from used_paths(call)
        case Wait(lock=lock, call=call) | Notify(lock=lock, call=call):
            yield lock.path
            yield from used_paths(call)
        case Defer(stack=stack):
            yield stack
        case Unwind(stack=stack):
            yield stack
        case HandOver(lock=lock):
            yield lock.path
        case _:
            pass


def defined_path(instruction: Instruction) -> AccessPath | None:
    """The path that an instruction binds, if any."""
    match instruction:
        case Call(result=result) | Enter(result=result) | TryAcquire(result=result):
            return result
        case Assign(target=target):
            return target
        case Acquire(call=call, enter=enter):
            if call is not None:
                return call.result
            return enter.result if enter is not None else None
        case Release(call=call) if call is not None:
            return call.result
        case Wait(call=call) | Notify(call=call):
            return call.result
        case _:
            return None


def condition_paths(condition: Condition) -> Iterator[AccessPath]:
    """The paths on which the outcome of a test depends."""
    match condition:
        case Truth(value) | IsNone(value) | Equals(value) | Swallows(value):
            yield from operand_paths(value)
        case Opaque(mentions=paths):
            yield from paths


def terminator_paths(terminator: Terminator) -> Iterator[AccessPath]:
    """The paths that a terminator reads."""
    match terminator:
        case Return(value=value):
            yield from operand_paths(value)
        case Branch(condition=condition):
            yield from condition_paths(condition)
        case _:
            pass


def receivers(function: Function) -> set[AccessPath]:
    """The temporaries of which an attribute or method is used, be it through a variable."""
    used = {
        AccessPath(path.root_name, (), path.root)
        for block in function.blocks.values()
        for instruction in block.instructions
        for path in used_paths(instruction)
        if path.root in (Root.TEMP, Root.LOCAL) and path.fields
    }
    found = {path for path in used if path.root is Root.TEMP}
    return found | {value for target, value in bound_temporaries(function) if target in used}


def bound_temporaries(function: Function) -> list[tuple[AccessPath, AccessPath]]:
    """Variables and attributes, each with a temporary that it is bound to."""
    return [
        (instruction.target, instruction.value)
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Assign)
        and isinstance(instruction.value, AccessPath)
        and instruction.value.root is Root.TEMP
        and instruction.value.is_variable
    ]


def returned_temporaries(function: Function) -> set[AccessPath]:
    """The temporaries that a function returns as they are."""
    return {
        block.terminator.value
        for block in function.blocks.values()
        if isinstance(block.terminator, Return)
        and isinstance(block.terminator.value, AccessPath)
        and block.terminator.value.root is Root.TEMP
        and block.terminator.value.is_variable
    }
