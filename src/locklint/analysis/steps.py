"""Effects of the instructions of one function, computed once for all visits of their blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from locklint.analysis.catching import is_expected, is_kind_of, names_of
from locklint.analysis.entering import begins_quietly
from locklint.analysis.hold import Cause, CauseKind, Flow, Grade, InFlight
from locklint.analysis.named_errors import (
    GradedInstructions,
    NamedErrors,
    errors_of_call,
    makes_exception,
)
from locklint.analysis.raising import gives_up_on_queue, grade, passes_literals
from locklint.analysis.summary import Lookup
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Manager,
    Notify,
    Operand,
    Operate,
    Read,
    Release,
    Spawn,
    TryAcquire,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.means import AwaitForm, OperateKind, Use
from locklint.ir.terminator import Catch, Raise
from locklint.models.plain_values import gives_itself
from locklint.models.usual_errors import usual_error, usual_error_of_await

_CHANGING = (
    Acquire,
    Assign,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Release,
    TryAcquire,
    Unwind,
    Wait,
)
_ACTING = (*_CHANGING, Await, Notify, Spawn, Yield)


class Step(NamedTuple):
    """An instruction, the exception that it may raise, and whether it does anything besides."""

    instruction: Instruction
    hazard: InFlight | None
    acts: bool


Steps: TypeAlias = "tuple[Step, ...]"


class FunctionSteps:
    """The steps of each block of a function, given the summaries of what it calls.

    Both are the same in all states, so that they are computed once for all visits of a block.
    """

    def __init__(self, function: Function, lookup: Lookup, *, with_accesses: bool = False) -> None:
        """``with_accesses``: what may read or write an attribute is noted too."""
        self._acting = (*_ACTING, Read, Operate) if with_accesses else _ACTING
        self._function = function
        self._lookup = lookup
        self._own_awaited = frozenset(self._find_own_awaited())
        self._graded: dict[BlockId, GradedInstructions] = {}
        self._all: dict[BlockId, Steps] = {}
        self._changing: dict[BlockId, Steps] = {}
        self._generators: dict[AccessPath, Grade] | None = None
        self._quiet: dict[Operand, bool] = {}
        self._expected: set[Span] = set()
        self._failing: set[Span] = set()
        self._look_at_tests()

    def graded(self, block: BasicBlock) -> GradedInstructions:
        """Return the instructions with their grades, without those that make the exception."""
        graded = self._graded.get(block.id)
        if graded is None:
            instructions: Iterable[Instruction] = block.instructions
            if isinstance(block.terminator, Raise):
                instructions = [
                    each for each in instructions if not makes_exception(each, block.terminator)
                ]
            grade = self.grade
            graded = self._graded[block.id] = [(each, grade(each)) for each in instructions]
        return graded

    def all(self, block: BasicBlock) -> Steps:
        """Everything that may raise, changes the state, or is noted."""
        steps = self._all.get(block.id)
        if steps is None:
            steps = self._all[block.id] = tuple(
                [
                    Step(each, self._hazard(each, likely, block), acts)
                    for each, likely in self.graded(block)
                    if (acts := isinstance(each, self._acting) or _imports(each))
                    or likely is not Grade.NEVER
                ]
            )
        return steps

    def changing(self, block: BasicBlock) -> Steps:
        """Return the steps that change the state, for a block whose exceptions do not matter."""
        steps = self._changing.get(block.id)
        if steps is None:
            steps = self._changing[block.id] = tuple(
                [
                    Step(each, None, True)
                    for each in block.instructions
                    if isinstance(each, _CHANGING) and not makes_exception(each, block.terminator)
                ]
            )
        return steps

    def is_raised_in(self, span: Span) -> bool:
        """Return whether the `with` at ``span`` is a test that its body raises, and it may.

        Then the test fails if the body reaches its end.
        """
        return span in self._expected

    def _look_at_tests(self) -> None:
        """Find what is expected to raise; where nothing else could, it is a release."""
        blocks = self._function.blocks.values()
        for handler in blocks:
            if not isinstance(handler.terminator, Catch) or not handler.terminator.expected:
                continue
            body = [
                i
                for block in blocks
                if block.on_exception == handler.id
                for i in block.instructions
            ]
            releases = [each for each in body if isinstance(each, Release)]
            raises = any(self.grade(each) is not Grade.NEVER for each in body)
            if not raises:
                self._failing.update(each.span for each in releases)
            if raises or releases:
                self._expected.update(
                    each.span for each in handler.instructions if isinstance(each, Exit)
                )

    def grade(self, instruction: Instruction) -> Grade:
        """Return how likely an instruction is to raise."""
        if self._own_awaited:
            match instruction:
                case Call(use=Use.AWAITED, result=result, targets=targets):
                    if result in self._own_awaited:
                        found = map(self._lookup, targets)
                        return max(each[1].raises for each in found if each is not None)
                case Await(value=value):
                    if value in self._own_awaited:
                        return Grade.NEVER  # The body of the coroutine raises: see its call.
        if isinstance(instruction, Call) and instruction.span in self._getting_again:
            return Grade.ACQUIRE
        if self._failing and isinstance(instruction, Release) and instruction.span in self._failing:
            return Grade.ACQUIRE
        if isinstance(instruction, (Await, Enter)) and self._begins_quietly(instruction):
            return Grade.NEVER
        likely = grade(instruction, self._function, self._raises)
        if isinstance(instruction, Operate) and instruction.kind is OperateKind.ITERATE:
            return max(likely, self._body_raises(instruction.values))
        return likely

    @cached_property
    def _getting_again(self) -> frozenset[Span]:
        """The calls that give a lock to release, and gave the same one to acquire: they work.

        ``lock_for(name).release()``, where the function has run ``lock_for(name).acquire()``.
        """
        acquired: set[object] = set()
        releases: list[tuple[Call, object]] = []
        for block in self._function.blocks.values():
            for before, each in pairwise(block.instructions):
                if not isinstance(before, Call) or not each.span.contains(before.span):
                    continue
                if isinstance(each, (Acquire, TryAcquire, Release)):
                    how = (each.lock.path, before.callee, before.arguments)
                    if isinstance(each, Release):
                        releases.append((before, how))
                    else:
                        acquired.add(how)
        return frozenset(before.span for before, how in releases if how in acquired)

    def _body_raises(self, values: tuple[Operand, ...]) -> Grade:
        """Return how likely iterating over a generator is to raise: its body runs then."""
        if self._generators is None:
            self._generators = {
                each.result: found[1].raises
                for block in self._function.blocks.values()
                for each in block.instructions
                if isinstance(each, Call) and each.result is not None and len(each.targets) == 1
                if (found := self._lookup(each.targets[0])) and found[0].is_generator
            }
        return max(
            (self._generators.get(v, Grade.NEVER) for v in values if isinstance(v, AccessPath)),
            default=Grade.NEVER,
        )

    def may_be_cancelled(self, instruction: Instruction) -> bool:
        """Return whether the task may be cancelled, or the generator closed, at an instruction."""
        match instruction:
            case Await(form=form):
                return form is not AwaitForm.YIELD and not self._begins_quietly(instruction)
            case Call(use=Use.AWAITED, result=result):
                return result in self._own_awaited
            case Yield():
                return self.grade(instruction) > Grade.UNLIKELY
            case _:
                return False

    def _begins_quietly(self, instruction: Instruction) -> bool:
        """Return whether an instruction begins a `with` that neither raises then nor waits."""
        match instruction:
            case Await(form=AwaitForm.WITH, value=context) | Enter(context=context):
                known = self._quiet.get(context)
                if known is None:
                    manager = self._entered.get(context)
                    known = begins_quietly(manager, self._lookup, self._raises)
                    self._quiet[context] = known
                return known
            case _:
                return False

    @cached_property
    def _entered(self) -> dict[Operand, Manager | None]:
        """The context managers of the function, by what is entered."""
        return {
            each.context: each.manager
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Enter)
        }

    def suspends(self, await_: Await) -> bool:
        """Return whether an `await` may suspend by itself: the awaited coroutine is not known.

        An asynchronous context manager or generator of the program suspends only if its functions
        do.
        """
        match await_.form:
            case AwaitForm.FOR:
                makers = self._makers_of_items.get(await_.value, ())
                return not makers or not all(map(self._never_suspends, makers))
            case AwaitForm.WITH:
                manager = self._entered.get(await_.value)
                if manager is None or not (manager.certain or manager.generator):
                    return True
                runs = [manager.generator] if manager.generator else [manager.enter, manager.exit]
                return not all(key is not None and self._never_suspends(key) for key in runs)
            case _:
                return await_.value not in self._own_awaited

    @cached_property
    def _makers_of_items(self) -> dict[Operand, tuple[str, ...]]:
        """The functions of the program that give the results of calls, by those."""
        return {
            each.result: each.targets
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call) and each.result is not None
        }

    def _never_suspends(self, key: str) -> bool:
        """Return whether a coroutine or asynchronous generator has no `await` of its own."""
        found = self._lookup(key)
        return (
            found is not None
            and found[0].is_async
            and not any(
                isinstance(each, Await)
                for block in found[0].blocks.values()
                for each in block.instructions
            )
        )

    def _find_own_awaited(self) -> Iterator[AccessPath]:
        """Find the results of awaited calls whose bodies are all known.

        Their effects are applied at the call, so an exception comes out of it, not after it.
        """
        for block in self._function.blocks.values():
            for each in block.instructions:
                match each:
                    case Call(use=Use.AWAITED, result=AccessPath() as result, targets=targets):
                        if targets and all(map(self._is_coroutine, targets)):
                            yield result

    def _is_coroutine(self, key: str) -> bool:
        found = self._lookup(key)
        return found is not None and found[0].is_async and not found[0].is_generator

    def _hazard(
        self, instruction: Instruction, likely: Grade, block: BasicBlock
    ) -> InFlight | None:
        if likely is Grade.NEVER:
            return None
        cause = Cause(_kind(instruction), instruction.span)
        hazard = InFlight(Flow.ERROR, None, likely, cause)
        return self.expected(hazard, instruction, block)

    def expected(self, hazard: InFlight, instruction: Instruction, block: BasicBlock) -> InFlight:
        """Return what an instruction may raise as the handlers of the function see it.

        With it come the class of what it usually raises, or those that its callees name, if some
        handler may catch them, and the classes for which the handlers around it do not wait because
        of it.
        """
        if not self.caught:
            return hazard
        usual = self.usual(instruction)
        if usual and is_expected(usual, self.caught):
            return replace(hazard, usual=usual)
        named = self._named(instruction)
        meant = self._meant_for_others(instruction, block, named)
        if named is not None:
            hazard = replace(hazard, named=named.names, others=named.others)
        return replace(hazard, excluded=meant) if meant else hazard

    def _named(self, instruction: Instruction) -> NamedErrors | None:
        if not isinstance(instruction, Call) or not instruction.targets:
            return None
        return errors_of_call(instruction, self._lookup)

    def _meant_for_others(
        self, instruction: Instruction, block: BasicBlock, named: NamedErrors | None
    ) -> frozenset[str]:
        """The classes for which the handlers around an instruction wait because of another.

        ``except KeyError`` around ``del d[k]; log(k)`` is there for the deletion.
        """
        meant = self._meant.get(block.on_exception) if block.on_exception is not None else None
        if not meant:
            return frozenset()
        targets = instruction.targets if isinstance(instruction, Call) else ()
        raised = frozenset(name for key in targets for name in self._raised_by(key))
        raised |= frozenset() if named is None else named.names
        return frozenset(name for name in meant if not is_expected(name, raised))

    @cached_property
    def _meant(self) -> dict[BlockId, frozenset[str]]:
        """Return, by handlers, the classes that they name, and that their body usually raises."""
        found: dict[BlockId, frozenset[str]] = {}
        blocks = self._function.blocks
        for block in blocks.values():
            catch = blocks[block.on_exception] if block.on_exception is not None else None
            if catch is None or not isinstance(catch.terminator, Catch):
                continue
            usual = set(map(_usually_raised, block.instructions)) - {""}
            named = {
                name
                for name in _names(catch.terminator)
                if any(is_kind_of(name, each) for each in usual)
            }
            found[catch.id] = found.get(catch.id, frozenset()) | named
        return found

    def _raised_by(self, key: str) -> Iterator[str]:
        """The classes that a function of the program names in `raise` statements."""
        known = self._lookup(key)
        for block in known[0].blocks.values() if known is not None else ():
            if isinstance(block.terminator, Raise) and block.terminator.exception:
                yield block.terminator.exception.rsplit(".", 1)[-1]

    def usual(self, instruction: Instruction) -> str:
        """Return the class of what an instruction usually raises, empty if there is none."""
        if isinstance(instruction, Await):
            return usual_error_of_await(self._awaited.get(instruction.value))
        if isinstance(instruction, Call) and instruction.use is Use.AWAITED:
            return usual_error_of_await(instruction.external) or _usually_raised(instruction)
        return _usually_raised(instruction)

    @cached_property
    def _awaited(self) -> dict[Operand, str]:
        """The names of the functions outside the program whose results are awaited."""
        return {
            each.result: each.external
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call)
            and each.use is Use.AWAITED
            and each.result is not None
            and each.external is not None
        }

    @cached_property
    def caught(self) -> frozenset[str]:
        """The classes that the function's handlers name, without their modules."""
        catches = (block.terminator for block in self._function.blocks.values())
        return frozenset(
            name for catch in catches if isinstance(catch, Catch) for name in _names(catch)
        )

    def _raises(self, key: str, call: Call | None) -> Grade | None:
        found = self._lookup(key)
        if found is None:
            return None
        function, summary = found
        if call is None:
            return summary.raises
        if function.is_generator or function.is_async:
            # The call makes an object: the body runs when it is iterated over, or awaited.
            return Grade.NEVER
        return summary.raises_for_literals if passes_literals(call) else summary.raises


def _usually_raised(instruction: Instruction) -> str:
    """The class of what an instruction usually raises; empty where there is none."""
    match instruction:
        case Call() if gives_up_on_queue(instruction):
            return "Empty"
        case Call(callee=AccessPath() as callee, external=external):
            return usual_error(external, callee.name if callee.fields else "")
        case Exit(manager=manager) if manager is not None and manager.external is not None:
            return "OSError" if gives_itself(manager.external) else ""
        case Read(path=path) if path.is_element:
            return "LookupError"
        case Operate(kind=OperateKind.DELETE, operands=(AccessPath() as path,)):
            return "LookupError" if path.is_element else ""
        case _:
            return ""


def _names(catch: Catch) -> Iterator[str]:
    """The classes that handlers name, without their modules."""
    for handler in catch.handlers:
        yield from names_of(handler)


def _kind(instruction: Instruction) -> CauseKind:
    match instruction:
        case Call():
            return CauseKind.CALL
        case Enter() | Await(form=AwaitForm.WITH):
            return CauseKind.ENTER
        case Await(form=AwaitForm.FOR):
            return CauseKind.ITERATE
        case Await():
            return CauseKind.AWAIT
        case Yield():
            return CauseKind.YIELD
        case Acquire() | TryAcquire():
            return CauseKind.ACQUIRE
        case Exit():
            return CauseKind.LEAVE
        case Assign():
            return CauseKind.STORE
        case Read(path=path):
            return CauseKind.ELEMENT if path.is_element else CauseKind.ATTRIBUTE
        case Operate(kind=OperateKind.ITERATE):
            return CauseKind.ITERATE
        case Operate():
            return CauseKind.OPERATOR
        case _:
            return CauseKind.UNKNOWN


def _imports(instruction: Instruction) -> bool:
    return isinstance(instruction, Operate) and instruction.kind is OperateKind.IMPORT
