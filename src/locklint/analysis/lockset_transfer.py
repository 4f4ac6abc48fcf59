"""What each instruction and each block does to a lock state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import is_

from msgspec.structs import replace

from locklint.analysis.catching import Verdict, caught_by, pass_by, takes
from locklint.analysis.hold import (
    Cause,
    Flow,
    Grade,
    InFlight,
    key_of,
)
from locklint.analysis.lockset import Disjunct, Raised, State
from locklint.analysis.lockset_calls import Calls
from locklint.analysis.lockset_values import Lookup
from locklint.analysis.raising import grade
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Branch,
    Call,
    Catch,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Jump,
    Operate,
    Raise,
    Read,
    Release,
    Return,
    Spawn,
    Terminator,
    TryAcquire,
    Unwind,
    Yield,
)
from locklint.models.calls import ends_by_raising, ends_process

_EXITS = ("SystemExit", "KeyboardInterrupt")


class Transfer(Calls):
    """The transfer functions of one function, block by block."""

    def flow(self, block_id: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
        """The states that leave a block, each with its target; exits go to the recorder."""
        block = self._function.blocks[block_id]
        current: list[Disjunct] = list(state)
        handled = block.on_exception is not None
        # Nobody asks for what leaves the function by exceptions but the recorder.
        raised = Raised(every=not handled) if handled or self._recorder else None
        for instruction in block.instructions:
            if _makes_exception(instruction, block.terminator):
                # What is raised next tells more than that making it might fail.
                continue
            hazard = None if raised is None else self._hazard(instruction)
            after: list[Disjunct] = []
            for disjunct in current:
                after += self._step(instruction, disjunct, hazard, raised)
            if len(after) > 1 and not (
                len(after) == len(current) and all(map(is_, after, current))
            ):
                after = list(State(after))
            current = after
        out: dict[BlockId, list[Disjunct]] = {}
        match block.terminator:
            case Jump(target):
                out[target] = current
            case Branch(condition=condition, then=then, otherwise=otherwise):
                for disjunct in current:
                    for outcome, target in ((True, then), (False, otherwise)):
                        assumed = self._assume(condition, outcome, disjunct)
                        if assumed is not None:
                            out.setdefault(target, []).append(assumed)
            case Return(span=span, value=value):
                if self._recorder:
                    for disjunct in current:
                        self._recorder.returns(span, self._value(value, disjunct), disjunct)
            case Raise() as terminator:
                if raised is not None:
                    for disjunct in current:
                        raised.add(disjunct, self._raise(terminator, disjunct))
            case Catch() as terminator:
                for disjunct in current:
                    for target, caught in _dispatch(terminator, disjunct):
                        out.setdefault(target, []).append(caught)
        if raised is not None:
            leaving = raised.disjuncts()
            if block.on_exception is not None:
                if leaving:
                    out.setdefault(block.on_exception, []).extend(leaving)
            elif self._recorder:
                for disjunct in leaving:
                    self._recorder.raises(disjunct)
        for target, disjuncts in out.items():
            yield target, State(self._forget_dead(disjuncts, target))

    def _forget_dead(self, disjuncts: Iterable[Disjunct], block: BlockId) -> Iterator[Disjunct]:
        relevance = self._relevance
        keep_exception = relevance.exception_live(block)
        # On the way to a clean-up the exception is still needed to know that it is one.
        keep_exception = keep_exception or _is_cleanup(self._function.blocks[block].terminator)
        for disjunct in disjuncts:
            values, facts = disjunct.values, disjunct.facts
            if values:
                values = {k: v for k, v in values.items() if relevance.value_live(k, block)}
            if facts:
                facts = {k: v for k, v in facts.items() if relevance.fact_live(k, block)}
            if len(values) < len(disjunct.values) or len(facts) < len(disjunct.facts):
                disjunct = disjunct.with_values(values, facts)
            exception = disjunct.exception
            if exception is not None and not keep_exception and exception.grade > Grade.ACQUIRE:
                disjunct = disjunct.with_exception(None)
            yield disjunct

    def _raise(self, terminator: Raise, disjunct: Disjunct) -> InFlight:
        if terminator.reraise and disjunct.exception is not None:
            return disjunct.exception
        name = terminator.exception
        bare = name.rsplit(".", 1)[-1] if name else None
        flow = Flow.EXIT if bare in _EXITS else Flow.ERROR
        if bare in ("CancelledError", "GeneratorExit"):
            flow = Flow.CANCEL
        cause = Cause(terminator.span, f"raise {bare}" if bare else "raise")
        # An assertion states what its author knows to be true.
        likely = Grade.UNLIKELY if bare == "AssertionError" else Grade.CERTAIN
        known = bare if bare and bare[:1].isupper() else None
        return InFlight(flow, known, likely, cause)

    def _step(
        self,
        instruction: Instruction,
        disjunct: Disjunct,
        hazard: InFlight | None,
        raised: Raised | None,
    ) -> list[Disjunct]:
        if isinstance(instruction, Call) and instruction.external is not None:
            if ends_process(instruction.external):
                if ends_by_raising(instruction.external) and raised is not None:
                    cause = Cause(instruction.span, "exit")
                    leaving = InFlight(Flow.EXIT, "SystemExit", Grade.CERTAIN, cause)
                    raised.add(disjunct, leaving)
                return []
        if hazard is not None and raised is not None:
            self._may_raise(instruction, disjunct, hazard, raised)
        match instruction:
            case Acquire() | TryAcquire():
                return self._acquire(instruction, disjunct)
            case Release(span=span, lock=lock, mode=mode, how=how):
                return self._release(span, lock, mode, how, disjunct, raised)
            case Assign(target=target, value=value):
                return [self._assign(target, value, disjunct)]
            case Call():
                return self._call(instruction, disjunct, raised)
            case Enter():
                return self._enter(instruction, disjunct)
            case Exit():
                return self._exit(instruction, disjunct, raised)
            case Defer(stack=stack, lock=lock):
                return [self._defer(stack, lock, disjunct)]
            case Unwind(span=span, stack=stack):
                return self._unwind(span, stack, disjunct, raised)
            case HandOver(lock=lock):
                return [self._hand_over(key_of(self._canonical_lock(lock, disjunct)), disjunct)]
            case Spawn():
                self._spawn(instruction, disjunct)
                return [disjunct]
            case Yield(span=span):
                if self._recorder:
                    self._recorder.yields(span, disjunct)
                return [disjunct]
            case _:
                return [disjunct]

    def _hazard(self, instruction: Instruction) -> InFlight | None:
        """The exception that an instruction may raise; None where it raises none."""
        likely = grade(instruction, self._function, self._raises)
        if likely is Grade.NEVER:
            return None
        cause = Cause(instruction.span, _describe(instruction))
        return InFlight(Flow.ERROR, None, likely, cause)

    def _may_raise(
        self, instruction: Instruction, disjunct: Disjunct, hazard: InFlight, raised: Raised
    ) -> None:
        if _is_known_good(instruction, disjunct):
            return
        before = [disjunct]
        if isinstance(instruction, Call) and instruction.targets:
            before = list(self._apply_call(instruction, disjunct, "exceptional", None))
        if isinstance(instruction, Exit):
            before = self._exit(instruction, disjunct, None)
        for one in before:
            raised.add(one, hazard)
            if isinstance(instruction, Await) or (
                isinstance(instruction, Yield) and hazard.grade > Grade.UNLIKELY
            ):
                raised.add(one, replace(hazard, flow=Flow.CANCEL))

    def _raises(self, key: str) -> Grade | None:
        found = self._lookup(key)
        return found[1].raises if found else None


def _dispatch(catch: Catch, disjunct: Disjunct) -> Iterator[tuple[BlockId, Disjunct]]:
    exception = disjunct.exception
    if exception is None:
        exception = InFlight(Flow.ERROR, None, Grade.UNLIKELY, Cause(catch.span, "an exception"))
    for handler in catch.handlers:
        verdict = takes(handler, exception)
        if verdict is not Verdict.NO:
            taken = caught_by(handler, exception) if verdict is Verdict.MAYBE else exception
            yield handler.target, disjunct.with_exception(taken)
        if verdict is Verdict.YES:
            return
        if verdict is Verdict.MAYBE:
            exception = pass_by(handler, exception)
    yield catch.uncaught, disjunct.with_exception(exception)


def _makes_exception(instruction: Instruction, terminator: Terminator) -> bool:
    """Whether a call only makes the exception that the block raises at its end."""
    return (
        isinstance(terminator, Raise)
        and isinstance(instruction, Call)
        and instruction.callee is not None
        and terminator.exception == str(instruction.callee)
    )


def _is_known_good(instruction: Instruction, disjunct: Disjunct) -> bool:
    """Whether it loads what has to be there: part of the way to a lock that is held."""
    return isinstance(instruction, Read) and any(
        hold.count > 0 and key.path.starts_with(instruction.path)
        for key, hold in disjunct.holds.items()
    )


def _is_cleanup(terminator: object) -> bool:
    return isinstance(terminator, Catch) or (isinstance(terminator, Raise) and terminator.reraise)


def _describe(instruction: Instruction) -> str:
    match instruction:
        case Call(callee=callee):
            return f"{callee}()" if callee is not None else "the call"
        case Await(what=what):
            return what
        case Yield():
            return "yield"
        case Acquire() | TryAcquire():
            return "acquire"
        case Read(path=path):
            return str(path)
        case Operate(what=what):
            return what
        case _:
            return ""


__all__ = ["Lookup", "Transfer"]
