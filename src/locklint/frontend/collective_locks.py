"""Methods that acquire, or release, all locks of a collection in a loop.

If one method of a class acquires all that ``self.locks`` holds, and another one releases all of it,
and no other function of the file does either with some of it, then the collection is like one lock
to their callers::

    def acquire(self):
        for lock in self.locks:
            lock.acquire()
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField, Field, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Instruction,
    Operand,
    Release,
    TryAcquire,
    Unknown,
)
from locklint.ir.lock import Exactness, of_container
from locklint.ir.terminator import Branch, Jump, Return

_BLOCKS = 4  # what is before the loop, its head, its body, what is after it
_COPIES = frozenset(f"builtins.{name}" for name in "iter list reversed sorted tuple".split())


class _Loop(msgspec.Struct, frozen=True):
    """A loop in which ``each`` acquires or releases an element of ``collection``.

    ``after`` is the block behind it.
    """

    collection: AccessPath
    each: Acquire | Release
    after: BlockId


def with_collective_locks(functions: Sequence[Function]) -> list[Function]:
    """Return the resolved functions of a file, with such loops as uses of one lock."""
    loops = {each.key: loop for each in functions if (loop := _loop(each)) is not None}
    if len(loops) < 2:
        return list(functions)
    pairs: dict[tuple[str, AccessPath], set[type]] = defaultdict(set)
    for each in functions:
        if each.key in loops:
            loop = loops[each.key]
            pairs[each.class_key, _own(loop.collection)].add(type(loop.each))
    others = {name for each in functions if each.key not in loops for name in _used_in_part(each)}
    wanted = {
        (key, path)
        for (key, path), kinds in pairs.items()
        if len(kinds) == 2 and others.isdisjoint(((key, path.name), ("", path.name)))
    }
    return [
        _with_lock(each, loops[each.key])
        if each.key in loops and (each.class_key, _own(loops[each.key].collection)) in wanted
        else each
        for each in functions
    ]


def _own(path: AccessPath) -> AccessPath:
    """Return an attribute of a method's own object, whatever that is called."""
    return replace(path, root_name="self")


def _loop(function: Function) -> _Loop | None:
    """Return the loop that a method consists of, if it is one of these."""
    if len(function.blocks) != _BLOCKS or not function.class_name or function.is_async:
        return None
    start = function.blocks[function.entry]
    if not isinstance(start.terminator, Jump):
        return None
    head = function.blocks[start.terminator.target]
    if not isinstance(head.terminator, Branch):
        return None
    body, after = (function.blocks[i] for i in (head.terminator.then, head.terminator.otherwise))
    if body.terminator != Jump(head.id) or not isinstance(after.terminator, Return):
        return None
    match body.instructions:
        case (Assign(target=variable, value=value), Acquire() | Release() as each):
            collection = _collection(value, start.instructions)
            if collection is not None and each.lock.path == variable:
                return _Loop(collection, each, after.id)
    return None


def _collection(value: Operand, before: Sequence[Instruction]) -> AccessPath | None:
    """Return the attribute of the own object whose elements a loop variable is bound to."""
    match value:
        case AccessPath(fields=(*_, ElementField(key=None))):
            path = value.parent()
        case Unknown(mentions=(path,)):
            pass
        case _:
            return None
    for each in before:
        if isinstance(each, Call) and each.result == path and each.external in _COPIES:
            first = each.arguments[0].value if each.arguments else None
            if isinstance(first, AccessPath):
                path = first
    return path if path.is_own_attribute else None


def _used_in_part(function: Function) -> Iterator[tuple[str, Field]]:
    """The collections of which a function acquires or releases something.

    These are last names, after the key of the function's class for its own object's.
    """
    paths: list[AccessPath] = []
    touches = False
    for block in function.blocks.values():
        for each in block.instructions:
            match each:
                case Acquire() | TryAcquire() | Release():
                    touches = True
                    paths.append(each.lock.path)
                case Assign(value=AccessPath() as value):
                    paths.append(value)
                case Assign(value=Unknown(mentions=mentions)):
                    paths += [path.field(ANY_ELEMENT) for path in mentions]
    for path in paths if touches else ():
        own = path.root is Root.SELF and len(path.fields) == 2
        for name, after in zip(path.fields, path.fields[1:], strict=False):
            if isinstance(after, ElementField):
                yield (function.class_key if own else "", name)


def _with_lock(function: Function, loop: _Loop) -> Function:
    """Return a function that acquires or releases the collection after the loop."""
    each = loop.each
    lock = replace(
        each.lock,
        path=loop.collection,
        identity=of_container(each.lock.identity),
        exactness=Exactness.PER_INSTANCE,
    )
    after = function.blocks[loop.after]
    block = replace(after, instructions=(replace(each, lock=lock), *after.instructions))
    return replace(function, blocks={**function.blocks, after.id: block})
