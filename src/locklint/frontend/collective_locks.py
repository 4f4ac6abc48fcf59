"""Loops that acquire, or release, all locks of a collection.

If one method of a class acquires all that ``self.locks`` holds, and another one releases all of it,
and no other code of the file does either with some of it, then the collection is like one lock to
their callers::

    def acquire(self):
        for lock in self.locks:
            lock.acquire()

``all(lock.acquire() for lock in self.locks)`` is such a loop as well. What it has acquired before
one of the locks fails stays acquired, so that its result makes no difference. A loop may release
those locks alone that are locked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from locklint.frontend.resolver import Collection
from locklint.frontend.value_types import FunctionType
from locklint.index.declarations import CallValue, Element, Ref, Value
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField, Field, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
    Read,
    Release,
    TryAcquire,
    Unknown,
)
from locklint.ir.lock import LOCKING, Exactness, LockRef, of_container
from locklint.ir.means import OperateKind, Use
from locklint.ir.parameter import Star
from locklint.ir.terminator import Branch, Jump

_COPIES = frozenset(f"builtins.{name}" for name in "iter list reversed sorted tuple".split())
_MOST_BLOCKS = 4
"""The largest number of blocks of a loop's body: each test before a release has one."""


class _Loop(msgspec.Struct, frozen=True):
    """A loop in which ``each`` acquires or releases an element of ``collection``.

    ``body`` are its blocks, ``head`` the one that ends it. The loop ends before the instruction at
    ``place`` of the block ``after``.
    """

    collection: AccessPath
    each: Acquire | Release
    body: frozenset[BlockId]
    head: BlockId
    after: BlockId
    place: int = 0


def with_collective_locks(functions: Sequence[Function]) -> list[Function]:
    """Return the resolved functions of a file, with such loops as uses of one lock."""
    if len(functions) < 2:
        return list(functions)
    generators = {each.qualname: each for each in functions if each.is_generator}
    loops = {each.key: found for each in functions if (found := _loops(each, generators))}
    if len(loops) < 2:
        return list(functions)
    pairs: dict[tuple[str, AccessPath], dict[type, set[str]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for each in functions:
        for loop in loops.get(each.key, ()):
            pairs[each.class_key, _own(loop.collection)][type(loop.each)].add(each.key)
    others = {name for each in functions for name in _used_in_part(each, loops.get(each.key, ()))}
    wanted = {
        (key, path)
        for (key, path), kinds in pairs.items()
        if len(kinds) == 2
        and kinds[Acquire] != kinds[Release]
        and others.isdisjoint(((key, path.name), ("", path.name)))
    }
    return [
        _with_locks(
            each,
            [
                loop
                for loop in loops.get(each.key, ())
                if (each.class_key, _own(loop.collection)) in wanted
            ],
        )
        for each in functions
    ]


def taken_collection(generator: FunctionType) -> Collection | None:
    """Return the argument of which a context manager acquires and releases each element.

    It goes through the elements as they come, for the order of locks is that of its loop.
    """
    decl = generator.decl
    names = [parameter.name for parameter in decl.parameters]
    taken = {
        (use.of.variable, use.word)
        for use in decl.lock_uses
        if use.of is not None and not use.of.fields
    }
    for variable, bindings in decl.locals.items():
        gone_through = {_gone_through(binding.value) for binding in bindings}
        if len(gone_through) != 1 or any((variable, word) not in taken for word in LOCKING):
            continue
        (name,) = gone_through
        if name in names and name not in decl.locals:
            position = names.index(name)
            rest = decl.parameters[position].star is Star.POSITIONAL
            return Collection(name, position - generator.bound, rest)
    return None


def _gone_through(value: Value) -> str:
    """Return the variable whose elements a loop goes through, in its order or in reverse."""
    match value:
        case Element(of=Ref(names=(name,)), key=None):
            return name
        case Element(
            of=CallValue(callee=Ref(names=("reversed",)), arguments=(Ref(names=(name,)),)), key=None
        ):
            return name
        case _:
            return ""


def _own(path: AccessPath) -> AccessPath:
    """Return an attribute of a method's own object, whatever that is called."""
    return replace(path, root_name="self")


def _loops(function: Function, generators: Mapping[str, Function]) -> list[_Loop]:
    """Return the loops of a method that acquire or release all elements of an own attribute."""
    if not function.class_name or function.is_async or function.is_generator:
        return []
    found: list[_Loop] = []
    for head in function.blocks.values():
        if isinstance(head.terminator, Branch):
            loop = _loop(function, head, head.terminator)
            if loop is not None:
                found.append(loop)
        for place, each in enumerate(head.instructions):
            if isinstance(each, Call) and each.external == "builtins.all":
                acquire = _acquire_of_all(head, place, each, generators)
                if acquire is not None:
                    found.append(acquire)
    return found


def _loop(function: Function, head: BasicBlock, branch: Branch) -> _Loop | None:
    """Return the loop whose first block is ``head``, if it is one of these."""
    body = _body(function, head.id, branch.then)
    if body is None:
        return None
    first = function.blocks[branch.then].instructions[0]
    if not isinstance(first, Assign):
        return None
    found: Acquire | Release | None = None
    for block_id in body:
        for each in function.blocks[block_id].instructions:
            match each:
                case Acquire() | Release() if found is None and each.lock.path == first.target:
                    if isinstance(each, Acquire) and len(body) > 1:
                        return None  # It acquires some of them.
                    found = each
                case Call(lock=LockRef() as asked) if asked.path == first.target:
                    pass  # A method of the lock that only looks at it.
                case Read():
                    pass
                case _ if each is not first:
                    return None
    collection = _collection(first.value, function)
    if found is None or collection is None:
        return None
    return _Loop(collection, found, body, head.id, branch.otherwise)


def _body(function: Function, head: BlockId, first: BlockId) -> frozenset[BlockId] | None:
    """Return the blocks of a loop from which nothing leads but to its head; None: there are others.

    A loop that nothing jumps back in is none.
    """
    work, body = [first], {first}
    is_loop = False
    while work:
        block = function.blocks[work.pop()]
        match block.terminator:
            case Jump(target=target):
                targets = [target]
            case Branch(then=then, otherwise=otherwise):
                targets = [then, otherwise]
            case _:
                return None
        for target in targets:
            if target == head:
                is_loop = True
            elif target not in body:
                body.add(target)
                work.append(target)
        if len(body) > _MOST_BLOCKS:
            return None
    return frozenset(body) if is_loop and function.blocks[first].instructions else None


def _collection(value: Operand, function: Function) -> AccessPath | None:
    """Return the attribute of the own object whose elements a loop variable is bound to."""
    match value:
        case AccessPath(fields=(*_, ElementField(key=None))):
            path = value.parent()
        case Unknown(mentions=(path,)):
            pass
        case _:
            return None
    if path.root is Root.TEMP and not path.fields:
        copies = [
            each.arguments[0].value
            for block in function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call)
            and each.result == path
            and each.external in _COPIES
            and each.arguments
        ]
        if len(copies) != 1 or not isinstance(copies[0], AccessPath):
            return None
        path = copies[0]
    return path if path.is_own_attribute else None


def _acquire_of_all(
    block: BasicBlock, place: int, call: Call, generators: Mapping[str, Function]
) -> _Loop | None:
    """Return the loop that a call of `all` is, if a generator expression acquires for it.

    What is returned at once is left out: whether all were acquired, the caller knows. A test in the
    expression chooses some of the locks.
    """
    value = call.arguments[0].value if len(call.arguments) == 1 else None
    generator = generators.get(value.qualname) if isinstance(value, FunctionRef) else None
    if generator is None or call.use is Use.RETURNED:
        return None
    iterated = [
        each.operands[0]
        for each in block.instructions[:place]
        if isinstance(each, Operate) and each.kind is OperateKind.ITERATE and each.operands
    ]
    acquires = [
        each
        for inner in generator.blocks.values()
        for each in inner.instructions
        if isinstance(each, Acquire | TryAcquire)
    ]
    variables = {
        each.target: each.value
        for inner in generator.blocks.values()
        for each in inner.instructions
        if isinstance(each, Assign)
    }
    tests = sum(isinstance(inner.terminator, Branch) for inner in generator.blocks.values())
    if not iterated or len(acquires) != 1 or acquires[0].lock.path not in variables or tests > 1:
        return None
    collection = iterated[-1]
    if not isinstance(collection, AccessPath) or not collection.is_own_attribute:
        return None
    each = acquires[0]
    acquire = Acquire(call.span, each.lock, each.how, each.mode, None, call)
    return _Loop(collection, acquire, frozenset(), block.id, block.id, place + 1)


def _used_in_part(function: Function, loops: Sequence[_Loop]) -> Iterator[tuple[str, Field]]:
    """The collections of which a function acquires or releases something, but for some loops.

    These are last names, after the key of the function's class for its own object's.
    """
    but = {block for loop in loops for block in loop.body}
    paths: list[AccessPath] = []
    touches = False
    for block in function.blocks.values():
        for each in block.instructions if block.id not in but else ():
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


def _with_locks(function: Function, loops: Sequence[_Loop]) -> Function:
    """Return a function that acquires or releases the collections after their loops."""
    blocks = dict(function.blocks)
    # From the last one on, so that the places of the others stay right.
    for loop in sorted(loops, key=lambda loop: loop.place, reverse=True):
        each = loop.each
        lock = replace(
            each.lock,
            path=loop.collection,
            identity=of_container(each.lock.identity),
            exactness=Exactness.PER_INSTANCE,
        )
        added: Instruction = replace(each, lock=lock)
        head, after = blocks[loop.head], blocks[loop.after]
        if loop.body and head.on_exception != after.on_exception:
            # The loop is not part of the `try` that follows it.
            between = BasicBlock(max(blocks) + 1, (added,), Jump(after.id), head.on_exception)
            blocks[between.id] = between
            blocks[head.id] = _ending_at(head, between.id)
            continue
        before, behind = after.instructions[: loop.place], after.instructions[loop.place :]
        blocks[after.id] = replace(after, instructions=(*before, added, *behind))
    return replace(function, blocks=blocks) if loops else function


def _ending_at(head: BasicBlock, after: BlockId) -> BasicBlock:
    """Return the first block of a loop that goes on at another block when it has ended."""
    assert isinstance(head.terminator, Branch)
    return replace(head, terminator=replace(head.terminator, otherwise=after))
