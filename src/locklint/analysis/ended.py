"""Waits for something that is known to have ended, so that they end at once.

``if job.done(): job.result()``, ``thread.join()`` for the second time, ``process.wait()`` after a
`kill()`, ``for each in [t for t in threads if not t.is_alive()]: each.join()``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Set
from typing import NamedTuple, TypeAlias

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, blocks_of_loop_before, reached
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Constant,
    Enter,
    Exit,
    Instruction,
    Manager,
    Operand,
    Operate,
    Release,
    Unknown,
    Wait,
)
from locklint.ir.means import OperateKind, Use
from locklint.ir.operands import condition_paths, operand_paths
from locklint.ir.terminator import Branch, Equals, IsNone, Return, Truth
from locklint.models.ends import (
    CODES,
    ENDED_IF,
    FILLS,
    TAKES,
    ends,
    ends_arguments,
    gives_ended,
    gives_ended_first,
)
from locklint.models.events import waits_for
from locklint.models.pooled import RESULTS_OF_POOLS
from locklint.models.spawns import RUN_BY_POOL

_DEPTH = 4
"""Through how many variables, properties and containers a test is followed."""

_MOST_PATHS = 20

_FIRST = ElementField("0")
_UNTRACKED = Unknown()

_Is: TypeAlias = Callable[[AccessPath], bool]


class _Asked(NamedTuple):
    """The object in question: ``is_it`` tells whether a path of a function leads to it.

    ``is_queue``: an item of it is waited for, which others may take as soon as they get the lock.
    Objects of one ``name`` are the same.
    """

    is_it: _Is
    is_queue: bool
    name: object


class Ended:
    """A judge of the waits of a program: whether what they wait for has ended before."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._facts: dict[str, _Facts] = {}
        self._known: dict[tuple[object, ...], bool] = {}
        self._told: dict[tuple[object, ...], bool] = {}

    def is_over(self, key: str, wait: Span) -> bool:
        """Return whether a wait of a function is reached only after what it waits for has ended."""
        facts = self._of(key)
        if not facts.tells:
            return False
        places = [
            (block, index, each)
            for block in facts.function.blocks.values()
            for index, each in enumerate(block.instructions)
            if each.span == wait and _awaited(each) is not None
        ]
        # The futures decide that a function of a library waits for.
        of_pools = [place for place in places if _is_of_pool(place[-1])]
        places = of_pools or places
        return bool(places) and all(
            self._has_ended(facts, block, index, path, _takes(each), _DEPTH)
            for block, index, each in places
            if (path := _awaited(each)) is not None
        )

    def _of(self, key: str) -> _Facts:
        known = self._facts.get(key)
        if known is None:
            known = self._facts[key] = _Facts(self._graph.function(key))
        return known

    def _has_ended(
        self,
        facts: _Facts,
        block: BasicBlock,
        index: int,
        path: AccessPath,
        is_queue: bool,
        depth: int,
    ) -> bool:
        """Return whether an object has ended before an instruction."""
        if depth == 0:
            return False
        sources = facts.sources(path)
        if any(facts.may_be_of(each, sources) for each in facts.filters):
            return True
        if not sources.isdisjoint(facts.given_ended):
            return True
        for each in sorted(sources):
            for other, at, value in facts.fills.get(each, ()):
                if self._has_ended(facts, other, at, value, is_queue, depth - 1):
                    return True
        # A thing from a container has ended if all in the container have.
        return any(
            self._is_known(facts, block, index, _Asked(each.__eq__, is_queue, each), depth)
            for each in sorted(sources)
        )

    def _is_known(
        self, facts: _Facts, block: BasicBlock, index: int, asked: _Asked, depth: int
    ) -> bool:
        """Return whether each path to an instruction makes sure that an object has ended."""
        place = (facts.function.key, block.id, index, asked.name, asked.is_queue, depth)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self._find_known(facts, block, index, asked, depth)
        return known

    def _find_known(
        self, facts: _Facts, block: BasicBlock, index: int, asked: _Asked, depth: int
    ) -> bool:
        told = facts.last_in(block, asked, index)
        if told is not None:
            return told
        last = {
            each.id: has_ended
            for each in facts.function.blocks.values()
            if (has_ended := facts.last_in(each, asked, len(each.instructions))) is not None
        }

        def goes(here: BasicBlock, following: BlockId) -> bool:
            if last.get(here.id):
                return False
            end = here.terminator
            if not isinstance(end, Branch) or end.then == end.otherwise:
                return True
            return not self._says(facts, here, end, following == end.then, asked, depth)

        sources = {facts.function.entry}
        for each, has_ended in last.items():
            if not has_ended:
                here = facts.function.blocks[each]
                sources |= {other for other in all_successors(here) if goes(here, other)}
        return block.id not in reached(facts.function, sources, goes)

    def _says(
        self,
        facts: _Facts,
        block: BasicBlock,
        branch: Branch,
        outcome: bool,
        asked: _Asked,
        depth: int,
    ) -> bool:
        """Return whether a branch is taken only if an object has ended, or there is none."""
        if facts.counts(block, asked) if outcome else facts.ends_all(block, branch, asked):
            return True
        match branch.condition:
            case Truth(value=AccessPath() as value):
                is_there = outcome or not asked.is_it(facts.first_name(value))
                return not is_there or self._tells(facts, value, outcome, asked, depth)
            case IsNone(value=AccessPath() as value):
                if outcome:
                    return asked.is_it(facts.first_name(value))
                return facts.is_code(value, asked)
            case Equals(value=AccessPath() as value):
                return outcome and facts.is_code(value, asked)
            case _:
                return False

    def _tells(
        self, facts: _Facts, value: Operand, outcome: bool, asked: _Asked, depth: int
    ) -> bool:
        """Return whether a value is true, or false, only if an object has ended."""
        if depth == 0 or not isinstance(value, AccessPath):
            return False
        question = (facts.function.key, value, outcome, asked.name, asked.is_queue, depth)
        told = self._told.get(question)
        if told is None:
            told = self._told[question] = self._is_told(facts, value, outcome, asked, depth)
        return told

    def _is_told(
        self, facts: _Facts, value: AccessPath, outcome: bool, asked: _Asked, depth: int
    ) -> bool:
        if outcome and facts.is_code(value, asked):
            return True
        for call in facts.calls.get(value, ()):
            owner = facts.owner(call)
            if owner is not None and call.callee is not None and asked.is_it(owner):
                if ENDED_IF.get(call.callee.name) is outcome:
                    return True
            if call.targets and self._is_told_by(facts, call, outcome, asked, depth - 1):
                return True
        for block, index, each in facts.bound.get(value, ()):
            if not isinstance(each, Constant):
                if self._tells(facts, each, outcome, asked, depth - 1):
                    return True
            elif bool(each.value) is outcome:
                if self._is_known(facts, block, index, asked, depth - 1):
                    return True
        return False

    def _is_told_by(
        self, facts: _Facts, call: Call, outcome: bool, asked: _Asked, depth: int
    ) -> bool:
        """Return whether a function of the program returns such a value only then."""
        if depth <= 0:
            return False
        for edge in self._graph.calls[facts.function.key]:
            if edge.span != call.span or edge.callee not in call.targets:
                continue
            inner = self._of(edge.callee)
            is_it = _as_called(edge.binding, facts, asked.is_it)
            there = _Asked(is_it, asked.is_queue, (id(edge), asked.name))
            for block in inner.function.blocks.values() if inner.tells else ():
                if not isinstance(block.terminator, Return):
                    continue
                value = block.terminator.value
                if not isinstance(value, Constant):
                    if self._tells(inner, value, outcome, there, depth):
                        return True
                elif bool(value.value) is outcome:
                    if self._is_known(inner, block, len(block.instructions), there, depth):
                        return True
        return False


def _as_called(binding: Binding, facts: _Facts, is_it: _Is) -> _Is:
    def is_there(path: AccessPath) -> bool:
        here = binding.path(path)
        return here is not None and is_it(facts.first_name(here))

    return is_there


def _awaited(instruction: Instruction) -> AccessPath | None:
    """Return the path of what an instruction waits for, if it has one."""
    match instruction:
        case Call(callee=AccessPath(fields=(_, *_)) as callee):
            return callee.parent()
        case Await(value=AccessPath() as value):
            return value
        case _:
            return None


def _is_of_pool(instruction: Instruction) -> bool:
    return isinstance(instruction, Call) and instruction.external in RESULTS_OF_POOLS


def _takes(instruction: Instruction) -> bool:
    """Return whether an instruction waits for an item of a queue."""
    callee = instruction.callee if isinstance(instruction, Call) else None
    return callee is not None and callee.name in TAKES


class _Facts:
    """Everything in one function that may say whether something has ended.

    ``filters`` are the objects that a comprehension tests, ``given_ended`` the results that contain
    only what has ended, ``fills`` the objects that are put into each container.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.calls: dict[AccessPath, list[Call]] = defaultdict(list)
        self.bound: dict[AccessPath, list[tuple[BasicBlock, int, Operand]]] = defaultdict(list)
        self.fills: dict[AccessPath, list[tuple[BasicBlock, int, AccessPath]]] = defaultdict(list)
        self.filters: list[AccessPath] = []
        self.given_ended: set[AccessPath] = set()
        self._pools: dict[AccessPath, set[AccessPath]] = defaultdict(set)
        self._sources: dict[AccessPath, frozenset[AccessPath]] = {}
        self._told: dict[BlockId, list[tuple[int, AccessPath | None, bool]]] = defaultdict(list)
        conditions = [
            block.terminator.condition
            for block in function.blocks.values()
            if isinstance(block.terminator, Branch)
        ]
        self._tested = {path for each in conditions for path in condition_paths(each)}
        self.tells = any(path.fields and path.last in CODES for path in self._tested)
        for block in function.blocks.values():
            for index, each in enumerate(block.instructions):
                self._note(block, index, each)

    def _note(self, block: BasicBlock, index: int, each: Instruction) -> None:
        told = self._told[block.id]
        match each:
            case Call():
                self._note_call(block, index, each)
            case Await(value=AccessPath() as value) if value.root is not Root.TEMP:
                told.append((index, value, True))
                self.tells = True
            case Assign(target=target, value=value):
                self.bound[target].append((block, index, value))
                told.append((index, target, False))
                if value.__class__ is Unknown:
                    self._note_comprehension(block, target)
            case Enter(context=AccessPath() as context, result=AccessPath() as result):
                self.bound[result].append((block, index, context))
            case Exit(context=AccessPath() as context, manager=Manager(external=str() as external)):
                if waits_for(f"{external}.__exit__"):
                    told.append((index, context, True))
                    self.tells = True
            case Acquire() | Release() | Wait():
                told.append((index, None, False))  # Others may take what was there.
            case _:
                pass

    def _note_call(self, block: BasicBlock, index: int, call: Call) -> None:
        told = self._told[block.id]
        arguments = [path for each in call.arguments for path in operand_paths(each.value)]
        if call.value is not None:
            self.calls[call.value].append(call)
            if gives_ended(call):
                self.given_ended.add(call.value)
            elif gives_ended_first(call):
                self.given_ended.add(call.value.field(_FIRST))
        if ends_arguments(call):
            told += [(index, path, True) for path in arguments]
        owner = call.callee.parent() if call.callee is not None and call.callee.fields else None
        name = "" if call.callee is None else call.callee.name
        self.tells = self.tells or bool(
            call.targets or name in ENDED_IF or name in CODES or ends(call) or self.given_ended
        )
        if owner is None:
            return
        if ends(call):
            told.append((index, owner, True))
        elif name in TAKES:
            told.append((index, owner, False))
        elif name in FILLS and owner.is_variable:
            self.fills[owner] += [(block, index, path) for path in arguments]
        elif name in ENDED_IF and call.use is Use.TESTED and call.result not in self._tested:
            self.filters.append(owner)

    def _note_comprehension(self, block: BasicBlock, target: AccessPath) -> None:
        """Note the pools that may run what a comprehension makes a collection of."""
        for id_ in blocks_of_loop_before(self.function, block.id):
            for each in self.function.blocks[id_].instructions:
                match each:
                    case Call(use=Use.PASSED, callee=AccessPath(fields=(*_, _)) as callee) if (
                        callee.name in RUN_BY_POOL and not each.targets
                    ):
                        self._pools[target].add(callee.parent())
                    case _:
                        pass

    def last_in(self, block: BasicBlock, asked: _Asked, before: int) -> bool | None:
        """Return whether an object has ended by what a block does before an index, last of all.

        Return None if it does nothing that says.
        """
        for index, path, has_ended in reversed(self._told[block.id]):
            if index >= before:
                continue
            if path is None or (asked.is_queue and has_ended):
                if asked.is_queue and path is None:
                    return False
            elif asked.is_it(self.first_name(path) if has_ended else path):
                return has_ended
        return None

    def owner(self, call: Call) -> AccessPath | None:
        """Return the object whose method is called, by its first name."""
        callee = call.callee
        return None if callee is None or not callee.fields else self.first_name(callee.parent())

    def is_code(self, value: AccessPath, asked: _Asked) -> bool:
        """Return whether a value is there only if an object, a process, has ended."""
        if value.fields and value.last in CODES and asked.is_it(self.first_name(value.parent())):
            return True
        owners = [
            self.owner(call)
            for call in self.calls.get(value, ())
            if call.callee is not None and call.callee.name in CODES
        ]
        return any(owner is not None and asked.is_it(owner) for owner in owners)

    def counts(self, block: BasicBlock, asked: _Asked) -> bool:
        """Return whether a block begins a turn for each item that a queue has."""
        return any(
            call.callee is not None and call.callee.name == "qsize" and asked.is_it(owner)
            for path in self._gone_through(block)
            for call in self.calls.get(path, ())
            if (owner := self.owner(call)) is not None
        )

    def ends_all(self, block: BasicBlock, branch: Branch, asked: _Asked) -> bool:
        """Return whether a block ends a loop that has waited for each item of a container."""
        if not any(map(asked.is_it, self._gone_through(block))):
            return False
        # Another loop may have a variable of the same name.
        turn = reached(self.function, [branch.then], lambda _, following: following != block.id)
        return any(
            has_ended and path is not None and any(each.id == branch.then for each, *_ in bound)
            for id_ in turn
            for _, path, has_ended in self._told[id_]
            for bound in (self.bound.get(path, ()) if path is not None else (),)
        )

    def _gone_through(self, block: BasicBlock) -> set[AccessPath]:
        """Return what a block goes through, and what that is made from."""
        found: set[AccessPath] = set()
        for each in block.instructions:
            if isinstance(each, Operate) and each.kind is OperateKind.ITERATE:
                for path in each.operands:
                    found |= self.sources(path)
        return found

    def first_name(self, path: AccessPath) -> AccessPath:
        """Return a path with a variable that is bound once exchanged for what it is bound to."""
        for _ in range(_DEPTH):
            root = AccessPath(path.root_name, (), path.root)
            bound = self.bound.get(root, ())
            value = bound[0][-1] if len(bound) == 1 else None
            if not isinstance(value, AccessPath) or not value.is_plain:
                break
            path = path.replace_prefix(root, value)
        return path

    def sources(self, path: AccessPath) -> frozenset[AccessPath]:
        """Return a path, by its first name, and everything that its value is taken or made from."""
        known = self._sources.get(path)
        if known is None:
            found = {self.first_name(path)}
            work = list(found)
            while work and len(found) < _MOST_PATHS:
                for each in self._before(work.pop()):
                    name = self.first_name(each)
                    if name not in found:
                        found.add(name)
                        work.append(name)
            known = self._sources[path] = frozenset(found)
        return known

    def may_be_of(self, tested: AccessPath, sources: Set[AccessPath]) -> bool:
        """Return whether what a comprehension tests may be what a value with sources is."""
        if not sources.isdisjoint(self.sources(tested)):
            return True
        # A loop over the comprehension itself.
        return any(
            value == _UNTRACKED for each in sources for *_, value in self.bound.get(each, ())
        )

    def _before(self, path: AccessPath) -> Iterator[AccessPath]:
        if path.fields and (path.root is not Root.SELF or len(path.fields) > 1):
            yield path.parent()
        for *_, value in self.bound.get(path, ()):
            yield from operand_paths(value)
        yield from self._pools.get(path, ())
        for call in self.calls.get(path, ()):
            if call.callee is not None and call.callee.fields:
                yield call.callee.parent()
            for argument in call.arguments:
                yield from operand_paths(argument.value)
