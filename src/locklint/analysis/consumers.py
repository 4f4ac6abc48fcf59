"""Consumers of generators: the code that makes one, and how it goes through the items.

A generator that yields with a lock held keeps it until its consumer wants the next item, or
closes it. CPython closes a plain generator as soon as nothing refers to it, so that a loop that
ends early closes one that only the loop knows. No `async for` closes its generator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from functools import cached_property, partial
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.events import Called
from locklint.analysis.mentions import mentions
from locklint.analysis.raising import run_by
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import SourceFile, Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function, FunctionKind, split_key
from locklint.ir.instruction import (
    Assign,
    Await,
    Call,
    Display,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
    Yield,
)
from locklint.ir.means import BY_ITER, AwaitForm, Implicit, OperateKind, Use
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch, Return
from locklint.models.iterators import Taking, closes, taking

PLAIN_DECORATORS = frozenset(
    "staticmethod classmethod override final abstractmethod overload typechecked".split()
)
"""The decorators that leave a generator what it is, and its calls what they are."""


_MOST_NAMES = 6
"""The largest number of names of a generator that are followed."""


class Consuming(IdentityEnum):
    """Ways to consume a generator."""

    FINISHES = "finishes"  # runs it to its end, or closes it, at once
    ACQUIRES = "acquires"  # and acquires the generator's own lock between two items
    AWAITS = "awaits"  # a task suspends between two items
    LEAVES = "leaves"  # an `async for` may end before the generator does
    KEEPS = "keeps"  # stores it, or takes some of its items only
    PASSES = "passes"  # goes on with it for consumers that are not known


class Consumer(msgspec.Struct, frozen=True):
    """A place that consumes a generator: in a function, by its key.

    ``between`` are the places that run between two items, ``receiver`` is the object of whose
    method the generator comes, as the function names it. It ``is_certain`` unless the call
    may make other objects: of another class, or as only the name of the method is known.
    """

    function: str
    span: Span
    consuming: Consuming
    between: frozenset[Span] = frozenset()
    receiver: AccessPath | None = None
    is_certain: bool = True


class _Making(NamedTuple):
    """A call that makes a generator, or perhaps another object, in a function by its key."""

    caller: str
    called: Called
    is_certain: bool


class Consumers:
    """The consumers of the generators of a program, as far as its functions were analysed."""

    def __init__(self, graph: CallGraph, sources: Mapping[str, SourceFile]) -> None:
        self._graph = graph
        self._sources = sources

    def of(self, key: str) -> tuple[Consumer, ...]:
        """Return the places that consume a generator, or pass it to code that is not known."""
        found: set[Consumer] = set()
        seen = {key}
        doubtful: set[str] = set()
        work = [key]
        while work:
            maker = work.pop()
            for each in self._made[maker]:
                caller, called = self._graph.states[each.caller].function, each.called
                is_certain = each.is_certain and maker not in doubtful
                uses = _Uses(caller, self._graph, self._sources)
                for use in uses.of_call(called):
                    if isinstance(use, Consumer):
                        receiver = _receiver(called, maker == key)
                        found.add(replace(use, receiver=receiver, is_certain=is_certain))
                    elif caller.is_generator and is_managed(caller):
                        found.add(Consumer(caller.key, called.span, Consuming.FINISHES))
                    elif caller.key not in seen:
                        seen.add(caller.key)
                        work.append(caller.key)
                        if not is_certain:
                            doubtful.add(caller.key)
                        if not self._made[caller.key]:
                            passing = Consumer(caller.key, called.span, Consuming.PASSES)
                            found.add(replace(passing, is_certain=is_certain))
        return tuple(
            sorted(found, key=lambda each: (each.function, each.span, each.consuming.value))
        )

    @cached_property
    def _made(self) -> dict[str, list[_Making]]:
        """Return the calls that make each generator, or an object that gives one, by callers.

        Where the receiver of a method is not known, its name has to be enough.
        """
        found: dict[str, list[_Making]] = defaultdict(list)
        for key, states in self._graph.states.items():
            for called in states.calls:
                found[called.target].append(_Making(key, called, called.certain))
        names: dict[str, list[str]] = defaultdict(list)
        for key, states in self._graph.states.items():
            if states.function.is_generator and not states.function.is_anonymous:
                names[states.function.name].append(key)
        for key, states in self._graph.states.items():
            for call in _calls(states.function):
                path = call.callee
                if call.targets or call.external or path is None or not path.fields:
                    continue
                for target in names.get(path.name, ()):
                    called = Called(call.span, target, call=call)
                    found[target].append(_Making(key, called, False))
        return found


def _receiver(called: Called, is_direct: bool) -> AccessPath | None:
    """Return the object of whose method a generator comes, if the call itself makes it."""
    if called.call is None or not is_direct:
        return None
    return called.call.written_receiver


def is_managed(function: Function) -> bool:
    """Return whether a decorator decides who consumes a generator: it is no plain one."""
    return any(
        each.path is None or each.path.name not in PLAIN_DECORATORS for each in function.decorators
    )


class _PassedOn(msgspec.Struct, frozen=True):
    """The function returns the generator, or goes on with it in one of its own."""


class _Uses:
    """The uses of generators in one function."""

    def __init__(
        self, function: Function, graph: CallGraph, sources: Mapping[str, SourceFile]
    ) -> None:
        self._function = function
        self._graph = graph
        self._sources = sources

    def of_call(self, called: Called) -> Iterator[Consumer | _PassedOn]:
        """Yield what is done with what a call gives, or an implicit call iterates over."""
        call = called.call
        if call is None:
            return
        if called.implicit is not None:
            for block in self._function.blocks.values():
                for each in block.instructions:
                    if isinstance(each, Operate) and each.span == called.span:
                        if each.kind is OperateKind.ITERATE:
                            yield from self._iterated(block, each.span, is_kept=False)
                            return
            keeps = called.implicit == BY_ITER
            yield self._at(called.span, Consuming.KEEPS if keeps else Consuming.FINISHES)
            return
        if call.result is not None:
            yield from self._uses(call.result, {call.result}, is_kept=False)

    def _at(self, span: Span, consuming: Consuming) -> Consumer:
        return Consumer(self._function.key, span, consuming)

    def _uses(
        self, path: AccessPath, seen: set[AccessPath], *, is_kept: bool
    ) -> Iterator[Consumer | _PassedOn]:
        """Yield the uses of a value; ``is_kept``: a variable refers to it after each of them.

        A function that closes it somewhere is assumed to close it on all paths.
        """
        closing = next(filter(partial(_closes, path), _calls(self._function)), None)
        if closing is not None:
            yield self._at(closing.span, Consuming.FINISHES)
            return
        for block in self._function.blocks.values():
            for each in block.instructions:
                yield from self._use(block, each, path, seen, is_kept=is_kept)
            if isinstance(block.terminator, Return) and block.terminator.value == path:
                yield _PassedOn()

    def _use(
        self,
        block: BasicBlock,
        each: Instruction,
        path: AccessPath,
        seen: set[AccessPath],
        *,
        is_kept: bool,
    ) -> Iterator[Consumer | _PassedOn]:
        match each:
            case Operate(kind=OperateKind.ITERATE, values=values) if path in values:
                yield from self._iterated(block, each.span, is_kept=is_kept)
            case Operate(values=values) if path in values:
                yield self._at(each.span, Consuming.FINISHES)
            case Await(form=AwaitForm.FOR, value=value) if value == path:
                yield from self._iterated(block, each.span, is_kept=is_kept)
            case Yield(value=value, is_from=True) if value == path:
                yield _PassedOn()
            case Yield(value=value) if _holds(value, path):
                yield self._at(each.span, Consuming.KEEPS)
            case Assign(target=target, value=value) if value == path:
                if target.root is Root.LOCAL and target.is_variable:
                    if target not in seen:
                        yield from self._uses(target, seen | {target}, is_kept=True)
                else:
                    yield self._at(each.span, Consuming.KEEPS)
            case Assign(value=value) if _holds(value, path):
                yield self._at(each.span, Consuming.KEEPS)
            case Call(callee=None, implicit=Implicit()):
                pass  # A generator expression, which has begun to iterate over it before.
            case Call(arguments=arguments, callee=callee):
                if any(_holds(argument.value, path) for argument in arguments):
                    yield from self._passed(block, each, path, seen, is_kept=is_kept)
                elif callee is not None and callee.fields and callee.starts_with(path):
                    ends = self._runs_out(block, each)
                    yield self._at(each.span, Consuming.FINISHES if ends else Consuming.KEEPS)

    def _passed(
        self,
        block: BasicBlock,
        call: Call,
        path: AccessPath,
        seen: set[AccessPath],
        *,
        is_kept: bool,
    ) -> Iterator[Consumer | _PassedOn]:
        """Yield what a call does that gets the generator."""
        if any(each.star is not None and each.value == path for each in call.arguments):
            yield self._at(call.span, Consuming.FINISHES)
            return
        if call.constructs is not None and self._is_closed_by(call, path):
            yield self._at(call.span, Consuming.FINISHES)
            return
        if self._is_followed(call, seen):
            yield from self._in_callees(call, path, seen, is_kept=is_kept)
            return
        does = Taking.UNKNOWN if call.targets else taking(call.external, call.callee)
        match does:
            case Taking.ALL:
                yield self._at(call.span, Consuming.FINISHES)
            case Taking.SOME:
                is_left = is_kept and not self._runs_out(block, call)
                yield self._at(call.span, Consuming.KEEPS if is_left else Consuming.FINISHES)
            case Taking.LATER if call.result is not None:
                if call.result not in seen:
                    yield from self._uses(call.result, seen | {call.result}, is_kept=is_kept)
            case _:
                yield self._at(call.span, Consuming.PASSES)

    def _is_closed_by(self, call: Call, path: AccessPath) -> bool:
        """Return whether an object that keeps the generator has a method that closes it.

        Its file shows that: most methods of a class without locks are not analysed.
        """
        states = self._graph.states.get(call.targets[0]) if call.targets else None
        if states is None or states.function.path not in self._sources:
            return False
        constructor, text = states.function, self._sources[states.function.path].text
        roots = Binding(self._function, constructor, call, None).roots
        return any(
            isinstance(each, Assign)
            and each.target.is_own_attribute
            and isinstance(each.value, AccessPath)
            and roots.get(each.value.root_name) == path
            and any(
                found.owner == "self" and found.is_called and found.member in _CLOSE
                for found in mentions(each.target.name, text)
            )
            for block in constructor.blocks.values()
            for each in block.instructions
        )

    def _runs_out(self, block: BasicBlock, call: Call) -> bool:
        """Return whether a loop takes items by a call until there are no more.

        An exception ends it otherwise, or a test of the item leads out of it.
        """
        function = self._function
        following = reached(function, block.successors(), successors=BasicBlock.successors)
        if block.id not in following:
            return False
        names: set[Operand] = {call.result} if call.result is not None else set()
        inside = [
            function.blocks[each]
            for each in following
            if block.id in reached(function, [each], successors=BasicBlock.successors)
        ]
        for each in inside:
            for one in each.instructions:
                if isinstance(one, Assign) and one.value in names:
                    names.add(one.target)
        within = {each.id for each in inside}
        return all(
            isinstance(each.terminator, Branch)
            and not names.isdisjoint(condition_paths(each.terminator.condition))
            for each in inside
            if not within.issuperset(each.successors())
        )

    def _is_followed(self, call: Call, seen: set[AccessPath]) -> bool:
        """Return whether a call runs known functions, none of which other code will run."""
        if len(seen) > _MOST_NAMES or not call.targets or call.constructs is not None:
            return False
        known = [self._graph.states.get(key) for key in (*call.targets, *call.overrides)]
        return all(
            each is not None
            and not is_managed(each.function)
            and (call.use is Use.AWAITED or not each.function.is_async)
            for each in known
        )

    def _in_callees(
        self, call: Call, path: AccessPath, seen: set[AccessPath], *, is_kept: bool
    ) -> Iterator[Consumer | _PassedOn]:
        """Yield what the functions do that get the generator for a parameter.

        One may go on with it in its result.
        """
        for key in (*call.targets, *call.overrides):
            callee = self._graph.states[key].function
            roots = Binding(self._function, callee, call, None).roots
            names = [name for name, passed in roots.items() if passed == path]
            if not names:
                yield self._at(call.span, Consuming.PASSES)
            for name in names:
                own = AccessPath(name, (), Root.PARAMETER)
                uses = _Uses(callee, self._graph, self._sources)
                for use in uses._uses(own, seen | {own}, is_kept=False):
                    if isinstance(use, Consumer):
                        yield use
                    elif call.result is None:
                        yield self._at(call.span, Consuming.PASSES)
                    elif call.result not in seen:
                        result = call.result
                        yield from self._uses(result, seen | {own, result}, is_kept=is_kept)

    def _iterated(
        self, block: BasicBlock, span: Span, *, is_kept: bool
    ) -> Iterator[Consumer | _PassedOn]:
        """Yield what a loop or generator expression does that iterates over it."""
        end = block.terminator
        if not isinstance(end, Branch) or end.span != span:
            yield self._in_expression(span)
            return
        function = self._function
        head = block.id
        body = reached(function, [end.then], lambda _, to: to != head, BasicBlock.successors)
        ends_early = any(isinstance(function.blocks[each].terminator, Return) for each in body)
        # Code that only follows an early end is no part of the loop.
        inside = {
            each
            for each in body
            if head in reached(function, [each], successors=BasicBlock.successors)
        }
        instructions = [i for each in inside for i in function.blocks[each].instructions]
        is_async = any(isinstance(i, Await) and i.span == span for i in block.instructions)
        awaits = any(isinstance(i, Await) for i in instructions)
        if awaits:
            yield self._at(span, Consuming.AWAITS)
        if ends_early and is_async:
            yield self._at(span, Consuming.LEAVES)
        elif ends_early and is_kept:
            yield self._at(span, Consuming.KEEPS)
        elif any(isinstance(i, Yield) for i in instructions):
            yield _PassedOn()
        elif not awaits:
            between = frozenset([each.span for each in instructions])
            yield Consumer(function.key, span, Consuming.FINISHES, between)

    def _in_expression(self, span: Span) -> Consumer | _PassedOn:
        """Return what a display with a star does, or a generator expression.

        A call may run the latter to its end at once, or take some of its items and drop it.
        """
        module = split_key(self._function.key)[0]
        for key, states in self._graph.states.items():
            if split_key(key)[0] == module and _contains(states.function, span):
                if any(map(partial(_is_function, key), self._returned)):
                    return _PassedOn()
                is_done = key in self._run_at_once
                return self._at(span, Consuming.FINISHES if is_done else Consuming.KEEPS)
        return self._at(span, Consuming.FINISHES)

    @cached_property
    def _run_at_once(self) -> Set[str]:
        """The keys of the generator expressions that no code refers to after a call, or a loop.

        A loop of a generator may be suspended.
        """
        done = (Taking.ALL, Taking.SOME)
        module, _ = split_key(self._function.key)
        operated = {
            f"{module}:{value.qualname}"
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Operate)
            and not (each.kind is OperateKind.ITERATE and self._function.is_generator)
            for value in each.values
            if isinstance(value, FunctionRef)
        }
        return operated | frozenset(
            key
            for call in _calls(self._function)
            for key in (
                *run_by(call),
                *(
                    key
                    for argument in call.arguments
                    if isinstance(argument.value, FunctionRef)
                    for key in argument.functions
                    if argument.star is not None
                    or (not call.targets and taking(call.external, call.callee) in done)
                ),
            )
        )

    @cached_property
    def _returned(self) -> list[Operand]:
        ends = (block.terminator for block in self._function.blocks.values())
        return [end.value for end in ends if isinstance(end, Return) and end.value is not None]


_CLOSE = ("close", "aclose")


def _closes(path: AccessPath, call: Call) -> bool:
    """Return whether a call closes a generator, leaves that to others, or runs to its end.

    A statement ``next(items, None)`` expects that there is none left.
    """
    methods = [path.field(name) for name in _CLOSE]
    if call.callee in methods or any(each.value in methods for each in call.arguments):
        return True
    values = [each.value for each in call.arguments]
    if closes(call.external) and path in values:
        return True
    is_next = call.external in ("builtins.next", "builtins.anext")
    is_statement = call.use is Use.DISCARDED and len(values) > 1
    return is_next and is_statement and values[0] == path


def _is_function(key: str, value: Operand) -> bool:
    return isinstance(value, FunctionRef) and split_key(key)[1] == value.qualname


def _contains(function: Function, span: Span) -> bool:
    return function.kind is FunctionKind.GENERATOR_EXPRESSION and function.span.contains(span)


def _holds(value: Operand, path: AccessPath) -> bool:
    """Return whether a value is what a path leads to, or has it as an item."""
    match value:
        case Display(items=items):
            return any(_holds(item, path) for item in items)
        case FunctionRef(captures=captures):
            return path in captures
        case _:
            return value == path


def _calls(function: Function) -> Iterator[Call]:
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call) and each.implicit is None:
                yield each
