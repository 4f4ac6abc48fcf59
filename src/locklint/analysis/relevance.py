"""Which values and test outcomes of a function its lock states have to remember, and where.

Remembering everything would split states at each branch. A test outcome matters only if another
test asks the same again; a variable's value only if it is tested, returned, or names a lock or a
stack of clean-ups. And each matters only where such a use can still be reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from locklint.analysis.lockset import Fact
from locklint.core.source import Span
from locklint.dataflow.order import predecessors, reaching
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Branch,
    Call,
    Catch,
    Condition,
    Defer,
    Enter,
    Equals,
    Exit,
    HandOver,
    IsNone,
    Manager,
    Opaque,
    Raise,
    Release,
    Return,
    Truth,
    TryAcquire,
    Unwind,
)


def facts_of(condition: Condition) -> Fact | None:
    """The fact that a condition's outcome establishes; None where two outcomes need not agree."""
    match condition:
        case Truth(AccessPath() as path):
            return Fact("truth", str(path), (path,))
        case IsNone(AccessPath() as path):
            return Fact("none", str(path), (path,))
        case Equals(AccessPath() as path, constant):
            return Fact("text", f"{path} == {constant}", (path,))
        case Opaque(str() as text, mentions):
            return Fact("text", text, mentions)
        case _:
            return None


class Relevance:
    """What to remember in one function.

    ``repeated`` are the facts that some other test asks again; ``tracked`` the paths whose constant
    values (if ``constants`` says so) or aliases matter. `live` tells where.
    """

    def __init__(self, function: Function) -> None:
        tests: dict[Fact, set[Span]] = defaultdict(set)
        uses: dict[str, set[BlockId]] = defaultdict(set)
        wanted: set[AccessPath] = set()
        copies: list[tuple[AccessPath, AccessPath, BlockId]] = []
        tested_blocks: dict[Fact, set[BlockId]] = defaultdict(set)
        rethrows: set[BlockId] = set()

        def use(path: AccessPath, block: BlockId) -> None:
            wanted.add(path)
            uses[str(path)].add(block)

        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Assign(target=target, value=AccessPath() as source):
                        copies.append((target, source, block.id))
                    case Acquire(lock=lock) | TryAcquire(lock=lock) | Release(lock=lock):
                        use(AccessPath(lock.path.root_name, (), lock.path.root), block.id)
                    case HandOver(lock=lock):
                        use(AccessPath(lock.path.root_name, (), lock.path.root), block.id)
                    case Defer(stack=stack) | Unwind(stack=stack):
                        use(stack, block.id)
                    case (
                        Enter(context=context, manager=manager)
                        | Exit(context=context, manager=manager)
                    ):
                        if isinstance(context, AccessPath):
                            use(context, block.id)
                        for path in _named_by(manager):
                            use(path, block.id)
                    case Call(targets=targets) if targets:
                        for path in _passed(instruction):
                            use(path, block.id)
            match block.terminator:
                case Branch(span=span, condition=condition):
                    fact = facts_of(condition)
                    if fact is not None:
                        tests[fact].add(span)
                        tested_blocks[fact].add(block.id)
                    match condition:
                        case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
                            use(path, block.id)
                        case Equals(AccessPath() as path):
                            use(path, block.id)
                case Return(value=AccessPath() as path):
                    use(path, block.id)
                case Raise(reraise=True) | Catch():
                    rethrows.add(block.id)

        # A value copied into one that matters matters itself.
        changed = True
        while changed:
            changed = False
            for target, source, block_id in copies:
                if target in wanted and source not in wanted:
                    wanted.add(source)
                    changed = True
                if target in wanted and block_id not in uses[str(source)]:
                    uses[str(source)].add(block_id)
                    changed = True

        # A test of a copy is a test of what was copied.
        changed = True
        while changed:
            changed = False
            for target, source, _ in copies:
                for kind in ("truth", "none"):
                    tested = Fact(kind, str(target), (target,))
                    copied = Fact(kind, str(source), (source,))
                    if tested not in tests:
                        continue
                    both = tests[copied] | tests[tested]
                    if both != tests[copied] or both != tests[tested]:
                        tests[copied] |= both
                        tests[tested] |= both
                        tested_blocks[copied] |= tested_blocks[tested]
                        changed = True

        before = predecessors(function)
        by_path: dict[str, set[Span]] = defaultdict(set)
        for fact, spans in tests.items():
            if fact.kind != "text":
                by_path[fact.text] |= spans
        # The truth of a path and its being None speak of each other.
        self.repeated = {
            fact
            for fact, spans in tests.items()
            if len(by_path[fact.text] if fact.kind != "text" else spans) > 1
            or _is_asked_in_a_loop(fact, tested_blocks[fact], before)
        }
        self.tracked = wanted
        self.constants = True
        self._live_values = {name: reaching(blocks, before) for name, blocks in uses.items()}
        path_blocks: dict[str, set[BlockId]] = defaultdict(set)
        for fact, blocks in tested_blocks.items():
            if fact.kind != "text":
                path_blocks[fact.text] |= blocks
        self._live_facts = {
            fact: reaching(
                path_blocks[fact.text] if fact.kind != "text" else tested_blocks[fact], before
            )
            for fact in self.repeated
        }
        normal = predecessors(function, lambda block: block.successors())
        self._exception_live = reaching(rethrows, normal)

    def keep_aliases_only(self) -> None:
        """Remember no outcomes and no constants: nothing that is asked for depends on them."""
        self.repeated = set()
        self.constants = False

    def value_live(self, path: AccessPath, block: BlockId) -> bool:
        """Whether the value of ``path`` may still be asked for at the entry of ``block``."""
        return block in self._live_values.get(str(path), ())

    def fact_live(self, fact: Fact, block: BlockId) -> bool:
        """Whether ``fact`` may still be asked again at the entry of ``block``."""
        return block in self._live_facts.get(fact, ())

    def exception_live(self, block: BlockId) -> bool:
        """Whether the exception in flight may still be dispatched or raised again."""
        return block in self._exception_live


def _is_asked_in_a_loop(
    fact: Fact, blocks: set[BlockId], before: Mapping[BlockId, Iterable[BlockId]]
) -> bool:
    """Whether a loop asks the same of a variable again: only this function can change the answer.

    What other threads can change (an attribute, a global) may be different in the next round.
    """
    if not fact.mentions or any(
        path.fields or path.root not in (Root.LOCAL, Root.PARAMETER) for path in fact.mentions
    ):
        return False
    return any(block in reaching(before[block], before) for block in blocks)


def _passed(call: Call) -> Iterator[AccessPath]:
    """The variables through which a callee may come to a lock: its receiver and its arguments."""
    if call.callee is not None:
        yield AccessPath(call.callee.root_name, (), call.callee.root)
    for argument in call.arguments:
        if isinstance(argument.value, AccessPath):
            yield argument.value


def _named_by(manager: Manager | None) -> Iterator[AccessPath]:
    if manager is not None and manager.call is not None:
        yield from _passed(manager.call)
    if manager is not None and manager.receiver is not None:
        yield manager.receiver
