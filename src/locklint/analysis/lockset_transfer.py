"""What each instruction does to a lock state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from locklint.analysis.catching import Verdict, caught_by, pass_by, takes
from locklint.analysis.events import Recorder
from locklint.analysis.lockset import (
    FORGOTTEN,
    MAX_COUNT,
    UNTOUCHED,
    Acquisition,
    Cause,
    Disjunct,
    Fact,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    State,
    Why,
    key_of,
)
from locklint.analysis.raising import grade
from locklint.analysis.relevance import Relevance, facts_of
from locklint.analysis.summary import Binding, Effect, Summary
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Branch,
    Call,
    Catch,
    Condition,
    Constant,
    Defer,
    Enter,
    Equals,
    Exit,
    HandOver,
    Instruction,
    IsNone,
    Jump,
    Manager,
    Operand,
    Operate,
    Raise,
    Read,
    Release,
    Return,
    Terminator,
    Truth,
    TryAcquire,
    Unwind,
    Use,
    Yield,
)
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode, UnheldRelease
from locklint.models.calls import ends_by_raising, ends_process

_VARIABLES = (Root.LOCAL, Root.TEMP, Root.PARAMETER, Root.GLOBAL, Root.CLOSURE)
_EXITS = ("SystemExit", "KeyboardInterrupt")
_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")

Lookup = Callable[[str], tuple[Function, Summary] | None]


class Transfer:
    """The transfer functions of one function.

    ``lookup`` gives a callee and its summary by key. With a recorder the same walk, over the solved
    states, notes what the rules want to know.
    """

    def __init__(
        self,
        function: Function,
        relevance: Relevance,
        lookup: Lookup,
        recorder: Recorder | None = None,
    ) -> None:
        self._function = function
        self._relevance = relevance
        self._lookup = lookup
        self._recorder = recorder
        self._deferred_locks: dict[LockKey, LockRef] = {}

    # -- blocks -----------------------------------------------------------------------------

    def flow(self, block_id: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
        """The states that leave a block, each with its target; exits go to the recorder."""
        block = self._function.blocks[block_id]
        current: list[Disjunct] = list(state)
        raised: list[Disjunct] = []
        for instruction in block.instructions:
            after: list[Disjunct] = []
            if _makes_exception(instruction, block.terminator):
                # What is raised next tells more than that making it might fail.
                continue
            for disjunct in current:
                after += self._step(instruction, disjunct, raised)
            current = after if len(after) < 2 else list(State(after))
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
                for disjunct in current:
                    raised.append(self._raise(terminator, disjunct))
            case Catch() as terminator:
                for disjunct in current:
                    for target, caught in _dispatch(terminator, disjunct):
                        out.setdefault(target, []).append(caught)
        if raised:
            if block.on_exception is not None:
                out.setdefault(block.on_exception, []).extend(raised)
            elif self._recorder:
                for disjunct in raised:
                    self._recorder.raises(disjunct)
        for target, disjuncts in out.items():
            yield target, State(self._forget_dead(disjuncts, target))

    def _forget_dead(self, disjuncts: Iterable[Disjunct], block: BlockId) -> Iterator[Disjunct]:
        relevance = self._relevance
        keep_exception = relevance.exception_live(block)
        for disjunct in disjuncts:
            values = {k: v for k, v in disjunct.values.items() if relevance.value_live(k, block)}
            facts = {k: v for k, v in disjunct.facts.items() if relevance.fact_live(k, block)}
            exception = disjunct.exception
            if exception is not None and not keep_exception and exception.grade > Grade.ACQUIRE:
                target = self._function.blocks[block]
                # On the way to a clean-up the exception is still needed to know that it is one.
                exception = None if not _is_cleanup(target.terminator) else exception
            yield replace(disjunct, values=values, facts=facts, exception=exception)

    def _raise(self, terminator: Raise, disjunct: Disjunct) -> Disjunct:
        if terminator.reraise and disjunct.exception is not None:
            return disjunct
        name = terminator.exception
        bare = name.rsplit(".", 1)[-1] if name else None
        flow = Flow.EXIT if bare in _EXITS else Flow.ERROR
        if bare in ("CancelledError", "GeneratorExit"):
            flow = Flow.CANCEL
        cause = Cause(terminator.span, f"raise {bare}" if bare else "raise")
        # An assertion states what its author knows to be true.
        likely = Grade.UNLIKELY if bare == "AssertionError" else Grade.CERTAIN
        known = bare if bare and bare[:1].isupper() else None
        return replace(disjunct, exception=InFlight(flow, known, likely, cause))

    # -- instructions -----------------------------------------------------------------------

    def _step(
        self, instruction: Instruction, disjunct: Disjunct, raised: list[Disjunct]
    ) -> list[Disjunct]:
        if isinstance(instruction, Call) and instruction.external is not None:
            if ends_process(instruction.external):
                if not ends_by_raising(instruction.external):
                    return []
                exit_ = InFlight(
                    Flow.EXIT, "SystemExit", Grade.CERTAIN, Cause(instruction.span, "exit")
                )
                raised.append(replace(disjunct, exception=exit_))
                return []
        self._may_raise(instruction, disjunct, raised)
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
            case Yield(span=span):
                if self._recorder:
                    self._recorder.yields(span, disjunct)
                return [disjunct]
            case _:
                return [disjunct]

    def _may_raise(
        self, instruction: Instruction, disjunct: Disjunct, raised: list[Disjunct]
    ) -> None:
        likely = grade(instruction, self._function, self._raises)
        if likely is Grade.NEVER or _is_known_good(instruction, disjunct):
            return
        what = _describe(instruction)
        cause = Cause(instruction.span, what)
        before = [disjunct]
        if isinstance(instruction, Call) and instruction.targets:
            before = list(self._apply_call(instruction, disjunct, "exceptional", None))
        if isinstance(instruction, Exit):
            before = self._exit(instruction, disjunct, None)
        for one in before:
            raised.append(replace(one, exception=InFlight(Flow.ERROR, None, likely, cause)))
            if isinstance(instruction, Await) or (
                isinstance(instruction, Yield) and likely > Grade.UNLIKELY
            ):
                raised.append(replace(one, exception=InFlight(Flow.CANCEL, None, likely, cause)))

    def _raises(self, key: str) -> Grade | None:
        found = self._lookup(key)
        return found[1].raises if found else None

    def _acquire(self, instruction: Acquire | TryAcquire, disjunct: Disjunct) -> list[Disjunct]:
        lock = self._canonical_lock(instruction.lock, disjunct)
        key = key_of(lock, instruction.mode)
        taken = self._take(
            key, lock, Acquisition(instruction.span, instruction.how), disjunct, instruction
        )
        if isinstance(instruction, Acquire):
            if instruction.call is not None and instruction.call.result is not None:
                result = instruction.call.result
                taken = [self._set(result, Constant(True), one) for one in taken]
            return taken
        hold = disjunct.hold(key)
        if _is_exclusive(lock) and (hold.count > 0 or hold.is_held) and not hold.forgotten:
            taken = []
        failed = disjunct
        certain = hold.count > 0 or hold.taken_last
        if lock.kind.reentrant and certain and taken and lock.kind.role is LockRole.LOCK:
            # Whoever holds a re-entrant lock gets it again.
            name = instruction.result
            return [one if name is None else self._set(name, Constant(True), one) for one in taken]
        if not hold.forgotten and hold.count == 0 and not hold.is_held:
            # A re-entrant lock that could not be had may still be held by the caller: not known.
            surely = not lock.kind.reentrant and lock.kind.role is not LockRole.SEMAPHORE
            failed = disjunct.with_hold(
                key,
                replace(
                    hold,
                    free_at=0 if surely else hold.free_at,
                    why=Why.TRY_FAILED,
                    where=instruction.span,
                ),
            )
        outcome = instruction.result
        call = instruction.call
        if call is not None and call.use is Use.PASSED and outcome not in self._relevance.tracked:
            # Something else looks at the result, and may go on only where it likes it.
            return [disjunct.with_hold(key, FORGOTTEN)]
        if outcome is None:
            return [*taken, failed]
        return [
            *(self._set(outcome, Constant(True), one) for one in taken),
            self._set(outcome, Constant(False), failed),
        ]

    def _take(
        self,
        key: LockKey,
        lock: LockRef,
        acquisition: Acquisition,
        disjunct: Disjunct,
        instruction: Instruction | None = None,
    ) -> list[Disjunct]:
        hold = FORGOTTEN if "[*]" in key.path.fields else disjunct.hold(key)
        if self._recorder:
            self._recorder.acquires(key, lock, acquisition, disjunct, instruction)
        if hold.forgotten:
            return [disjunct.with_hold(key, FORGOTTEN)]
        if hold.count >= MAX_COUNT:
            return [disjunct.with_hold(key, FORGOTTEN)]
        exclusive = _is_exclusive(lock)
        if exclusive and (hold.count > 0 or hold.is_held) and not hold.handed_over:
            # It waits for itself: nothing after this place is reached.
            return []
        levels = (*hold.levels, frozenset({acquisition}))
        if hold.count < 0:
            levels = hold.levels
        return [
            disjunct.with_hold(
                key,
                Hold(
                    count=hold.count + 1,
                    levels=levels,
                    free_at=hold.count if exclusive else hold.free_at,
                    handed_over=hold.handed_over,
                    taken_last=lock.kind.reentrant and hold.count <= 0,
                ),
            )
        ]

    def _release(
        self,
        span: Span,
        lock: LockRef,
        mode: Mode | None,
        how: str,
        disjunct: Disjunct,
        raised: list[Disjunct] | None,
    ) -> list[Disjunct]:
        lock = self._canonical_lock(lock, disjunct)
        key = key_of(lock, mode)
        if mode is None and lock.mode is None:
            shared = LockKey(key.path, Mode.SHARED)
            if disjunct.hold(shared).count > 0 and disjunct.hold(key).count <= 0:
                key = shared
        hold = FORGOTTEN if "[*]" in key.path.fields else disjunct.hold(key)
        if hold == UNTOUCHED and lock.exactness is Exactness.FRESH:
            # It was made in this function, and nobody else has seen it.
            own = lock.path.root in (Root.LOCAL, Root.TEMP) and not lock.kind.reentrant
            hold = replace(hold, free_at=0 if own else None)
            disjunct = disjunct.with_hold(key, hold)
        if self._recorder:
            self._recorder.releases(key, lock, span, how, disjunct)
        if hold.forgotten:
            return [disjunct]
        if hold.count > 0:
            free = hold.count == 1
            return [
                disjunct.with_hold(
                    key,
                    Hold(
                        count=hold.count - 1,
                        levels=hold.levels[:-1],
                        free_at=hold.free_at,
                        why=Why.RELEASED if free else None,
                        where=span if free else None,
                    ),
                )
            ]
        if hold.is_free and lock.kind.role is not LockRole.SEMAPHORE:
            if lock.kind.unheld_release is UnheldRelease.RAISES:
                if raised is not None:
                    cause = Cause(span, "release of a lock that is not held")
                    raised.append(
                        replace(
                            disjunct,
                            exception=InFlight(Flow.ERROR, "RuntimeError", Grade.ACQUIRE, cause),
                        )
                    )
                return []
            return [disjunct]
        if hold.count <= -MAX_COUNT:
            return [disjunct.with_hold(key, FORGOTTEN)]
        return [
            disjunct.with_hold(
                key,
                Hold(
                    count=hold.count - 1,
                    free_at=hold.count - 1 if _is_exclusive(lock) else None,
                    why=Why.RELEASED,
                    where=span,
                ),
            )
        ]

    def _hand_over(self, key: LockKey, disjunct: Disjunct) -> Disjunct:
        hold = disjunct.hold(key)
        if hold.forgotten:
            return disjunct
        if hold.count > 0:
            return disjunct.with_hold(key, FORGOTTEN)
        return disjunct.with_hold(key, replace(hold, handed_over=True, free_at=None))

    # -- values -----------------------------------------------------------------------------

    def _assign(self, target: AccessPath, value: Operand, disjunct: Disjunct) -> Disjunct:
        if value == target:
            return disjunct
        known = self._value(value, disjunct)
        if known == target:
            return disjunct
        disjunct = self._rebind(target, disjunct)
        if isinstance(known, AccessPath) and (known.starts_with(target) or "[*]" in known.fields):
            return disjunct
        if isinstance(known, Constant) or (isinstance(known, AccessPath) and target.is_variable):
            return self._set(target, known, disjunct)
        return disjunct

    def _set(
        self, target: AccessPath, value: Constant | AccessPath, disjunct: Disjunct
    ) -> Disjunct:
        if target not in self._relevance.tracked:
            return disjunct
        return replace(disjunct, values={**disjunct.values, target: value})

    def _rebind(self, target: AccessPath, disjunct: Disjunct) -> Disjunct:
        """Forget everything that was known through the old value of ``target``."""
        mentions = f"[{target}]"
        disjunct = self._keep_for_copies(target, disjunct)
        values = {
            path: value
            for path, value in disjunct.values.items()
            if not path.starts_with(target)
            and not (isinstance(value, AccessPath) and value.starts_with(target))
        }
        facts = {
            fact: outcome
            for fact, outcome in disjunct.facts.items()
            if not any(path.starts_with(target) for path in fact.mentions)
        }
        disjunct = replace(disjunct, values=values, facts=facts)
        for key, hold in list(disjunct.holds.items()):
            if key.path.starts_with(target) or mentions in key.path.fields:
                if hold.count == 0 and not hold.forgotten:
                    holds = {k: h for k, h in disjunct.holds.items() if k != key}
                    disjunct = replace(disjunct, holds=holds)
                else:
                    disjunct = disjunct.with_hold(key, FORGOTTEN)
        return disjunct

    def _keep_for_copies(self, target: AccessPath, disjunct: Disjunct) -> Disjunct:
        """Before a variable is bound anew: what was known of it still holds for its copies."""
        facts = dict(disjunct.facts)
        for path, value in disjunct.values.items():
            if value != target or path == target:
                continue
            for kind in ("truth", "none"):
                outcome = facts.get(Fact(kind, str(target), (target,)))
                if outcome is not None:
                    facts[Fact(kind, str(path), (path,))] = outcome
        return disjunct if facts == disjunct.facts else replace(disjunct, facts=facts)

    def _canonical(self, path: AccessPath, disjunct: Disjunct) -> AccessPath:
        """The path with aliased variables exchanged for what they stand for."""
        for _ in range(5):
            root = AccessPath(path.root_name, (), path.root)
            value = disjunct.values.get(root)
            if not isinstance(value, AccessPath) or value == root:
                return path
            path = path.replace_prefix(root, value)
        return path

    def _canonical_lock(self, lock: LockRef, disjunct: Disjunct) -> LockRef:
        path = self._canonical(lock.path, disjunct)
        return lock if path == lock.path else replace(lock, path=path)

    def _value(self, operand: Operand, disjunct: Disjunct) -> Operand:
        if not isinstance(operand, AccessPath):
            return operand
        value = disjunct.values.get(operand)
        if value is not None:
            return value
        return self._canonical(operand, disjunct)

    # -- conditions -------------------------------------------------------------------------

    def _assume(self, condition: Condition, outcome: bool, disjunct: Disjunct) -> Disjunct | None:
        """The executions in which ``condition`` is ``outcome``; None where there are none."""
        known = self._evaluate(condition, disjunct)
        if known is not None:
            return disjunct if known is outcome else None
        facts = dict(disjunct.facts)
        for one in {condition, self._followed(condition, disjunct)}:
            fact = facts_of(one)
            if fact is not None and fact in self._relevance.repeated:
                facts[fact] = outcome
        return disjunct if facts == disjunct.facts else replace(disjunct, facts=facts)

    def _followed(self, condition: Condition, disjunct: Disjunct) -> Condition:
        """The condition as one on what an aliased variable stands for."""
        match condition:
            case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
                value = self._value(path, disjunct)
                if isinstance(value, AccessPath) and value != path:
                    return replace(condition, value=value)
        return condition

    def _evaluate(self, condition: Condition, disjunct: Disjunct) -> bool | None:
        match condition:
            case Truth(value) | IsNone(value) | Equals(value):
                known = self._value(value, disjunct)
                if isinstance(known, Constant):
                    match condition:
                        case Truth():
                            return bool(known.value)
                        case IsNone():
                            return known.value is None
                        case Equals(constant=constant):
                            return bool(known.value == constant.value)
        outcome = self._fact_outcome(condition, disjunct)
        if outcome is None:
            followed = self._followed(condition, disjunct)
            if followed != condition:
                outcome = self._fact_outcome(followed, disjunct)
        return outcome

    def _fact_outcome(self, condition: Condition, disjunct: Disjunct) -> bool | None:
        fact = facts_of(condition)
        if fact is None:
            return None
        outcome = disjunct.facts.get(fact)
        if outcome is None and fact.kind in ("truth", "none"):
            other = Fact("none" if fact.kind == "truth" else "truth", fact.text, fact.mentions)
            # What is true is not None, and what is None is not true.
            if disjunct.facts.get(other) is True:
                return False
        return outcome

    # -- calls and context managers -----------------------------------------------------------

    def _call(self, call: Call, disjunct: Disjunct, raised: list[Disjunct]) -> list[Disjunct]:
        if call.lock is not None and call.result is not None and call.callee is not None:
            if call.callee.last == call.lock.api.locked_method:
                lock = self._canonical_lock(call.lock, disjunct)
                if disjunct.hold(key_of(lock)).count > 0:
                    return [self._set(call.result, Constant(True), disjunct)]
            return [disjunct]
        if not call.targets:
            return [disjunct]
        if call.use is not Use.PASSED and all(self._never_returns(t) for t in call.targets):
            return []
        return list(self._apply_call(call, disjunct, "normal", raised))

    def _never_returns(self, key: str) -> bool:
        found = self._lookup(key)
        if found is None or found[0].is_generator or found[0].is_async:
            return False
        return not found[1].returns

    def _apply_call(
        self, call: Call, disjunct: Disjunct, way: str, raised: list[Disjunct] | None
    ) -> list[Disjunct]:
        """Apply the summaries of a call's targets: ``way`` is ``normal`` or ``exceptional``."""
        outcomes = [disjunct]
        for target in call.targets[:1]:
            found = self._lookup(target)
            if found is None:
                continue
            callee, summary = found
            if callee.is_generator or (callee.is_async and call.use is not Use.AWAITED):
                # Calling it makes an object; its body runs later, if ever.
                continue
            binding = Binding(self._function, callee, call, None)
            correlated = [effect for effect in summary.effects if effect.correlated]
            for effect in summary.effects:
                if way == "normal" and effect.correlated:
                    continue
                delta = effect.normal if way == "normal" else effect.exceptional
                if len(call.targets) > 1 and delta != 0:
                    delta = None
                outcomes = self._shift_all(
                    binding, effect.lock, effect.mode, delta, call.span, callee, outcomes, raised
                )
            if way == "normal" and correlated:
                split: list[Disjunct] = []
                for truth in (True, False):
                    some = outcomes
                    for effect in correlated:
                        delta = effect.on_true if truth else effect.on_false
                        if not truth and effect.tries:
                            some = self._note_failures(binding, effect, call.span, some)
                        some = self._shift_all(
                            binding,
                            effect.lock,
                            effect.mode,
                            delta,
                            call.span,
                            callee,
                            some,
                            raised,
                        )
                    if call.result is not None:
                        some = [self._set(call.result, Constant(truth), one) for one in some]
                    split += some
                outcomes = split
        return outcomes

    def _note_failures(
        self, binding: Binding, effect: Effect, span: Span, disjuncts: list[Disjunct]
    ) -> list[Disjunct]:
        """What a callee that tried and failed has shown: that the lock was not to be had."""
        here = binding.lock(effect.lock)
        if here is None or not _is_exclusive(here):
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            key = key_of(self._canonical_lock(here, disjunct), effect.mode)
            hold = disjunct.hold(key)
            if not hold.forgotten and hold.count == 0 and not hold.is_held:
                failed = replace(hold, free_at=0, why=Why.TRY_FAILED, where=span)
                disjunct = disjunct.with_hold(key, failed)
            result.append(disjunct)
        return result

    def _shift_all(
        self,
        binding: Binding,
        lock: LockRef,
        mode: Mode,
        delta: int | None,
        span: Span,
        callee: Function,
        disjuncts: list[Disjunct],
        raised: list[Disjunct] | None,
    ) -> list[Disjunct]:
        if delta == 0:
            return disjuncts
        here = binding.lock(lock)
        if here is None:
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            result += self._shift(here, mode, delta, span, callee, disjunct, raised)
        return result

    def _shift(
        self,
        lock: LockRef,
        mode: Mode,
        delta: int | None,
        span: Span,
        callee: Function,
        disjunct: Disjunct,
        raised: list[Disjunct] | None,
    ) -> list[Disjunct]:
        lock = self._canonical_lock(lock, disjunct)
        key = key_of(lock, mode)
        if delta is None:
            return [disjunct.with_hold(key, FORGOTTEN)]
        current = [disjunct]
        how = f"{callee.name}()"
        for _ in range(abs(delta)):
            following: list[Disjunct] = []
            for one in current:
                if delta > 0:
                    following += self._take(key, lock, Acquisition(span, how), one)
                else:
                    following += self._release(span, lock, mode, how, one, raised)
            current = following
        return current

    def _enter(self, enter: Enter, disjunct: Disjunct) -> list[Disjunct]:
        manager = enter.manager
        if manager is None:
            return [disjunct]
        if manager.external in _STACKS and isinstance(enter.context, AccessPath):
            disjunct = self._open_stack(enter, disjunct)
        return self._managed(manager, enter.span, "enter", disjunct, None)

    def _open_stack(self, enter: Enter, disjunct: Disjunct) -> Disjunct:
        assert isinstance(enter.context, AccessPath)
        stack = self._canonical(enter.context, disjunct)
        if enter.result is not None:
            disjunct = self._set(enter.result, stack, self._rebind(enter.result, disjunct))
        return disjunct

    def _exit(
        self, exit_: Exit, disjunct: Disjunct, raised: list[Disjunct] | None
    ) -> list[Disjunct]:
        manager = exit_.manager
        if manager is None:
            return [disjunct]
        if manager.external in _STACKS and isinstance(exit_.context, AccessPath):
            return self._unwind(exit_.span, exit_.context, disjunct, raised)
        way = "exit exceptional" if exit_.exceptional else "exit"
        return self._managed(manager, exit_.span, way, disjunct, raised)

    def _managed(
        self,
        manager: Manager,
        span: Span,
        way: str,
        disjunct: Disjunct,
        raised: list[Disjunct] | None,
    ) -> list[Disjunct]:
        outcomes = [disjunct]
        if manager.generator is not None:
            found = self._lookup(manager.generator)
            if found is not None:
                callee, summary = found
                binding = Binding(self._function, callee, manager.call, None)
                for effect in summary.context_effects:
                    delta = {
                        "enter": effect.enter,
                        "exit": effect.exit,
                        "exit exceptional": effect.exit_on_exception,
                    }[way]
                    outcomes = self._shift_all(
                        binding, effect.lock, effect.mode, delta, span, callee, outcomes, raised
                    )
            return outcomes
        key = manager.enter if way == "enter" else manager.exit
        found = self._lookup(key) if key else None
        if found is not None:
            callee, summary = found
            binding = Binding(self._function, callee, None, manager.receiver)
            for other in summary.effects:
                outcomes = self._shift_all(
                    binding, other.lock, other.mode, other.normal, span, callee, outcomes, raised
                )
        return outcomes

    def _defer(self, stack: AccessPath, lock: LockRef | None, disjunct: Disjunct) -> Disjunct:
        stack = self._canonical(stack, disjunct)
        waiting = disjunct.deferred.get(stack, ())
        if lock is None:
            for key in waiting:
                disjunct = self._hand_over(key, disjunct)
            deferred = {k: v for k, v in disjunct.deferred.items() if k != stack}
            return replace(disjunct, deferred=deferred)
        key = key_of(self._canonical_lock(lock, disjunct), lock.mode)
        self._deferred_locks[key] = lock
        if len(waiting) > MAX_COUNT:
            return self._hand_over(key, disjunct)
        return replace(disjunct, deferred={**disjunct.deferred, stack: (*waiting, key)})

    def _unwind(
        self, span: Span, stack: AccessPath, disjunct: Disjunct, raised: list[Disjunct] | None
    ) -> list[Disjunct]:
        stack = self._canonical(stack, disjunct)
        waiting = disjunct.deferred.get(stack, ())
        deferred = {k: v for k, v in disjunct.deferred.items() if k != stack}
        current = [replace(disjunct, deferred=deferred)]
        for key in reversed(waiting):
            following: list[Disjunct] = []
            for one in current:
                lock = self._deferred_locks[key]
                following += self._release(span, lock, key.mode, "ExitStack", one, raised)
            current = following
        return current


def _is_exclusive(lock: LockRef) -> bool:
    """Whether whoever holds the lock cannot get it again."""
    return lock.kind.role is LockRole.LOCK and not lock.kind.reentrant


def _dispatch(catch: Catch, disjunct: Disjunct) -> Iterator[tuple[BlockId, Disjunct]]:
    exception = disjunct.exception
    if exception is None:
        exception = InFlight(Flow.ERROR, None, Grade.UNLIKELY, Cause(catch.span, "an exception"))
    for handler in catch.handlers:
        verdict = takes(handler, exception)
        if verdict is not Verdict.NO:
            taken = caught_by(handler, exception) if verdict is Verdict.MAYBE else exception
            yield handler.target, replace(disjunct, exception=taken)
        if verdict is Verdict.YES:
            return
        if verdict is Verdict.MAYBE:
            exception = pass_by(handler, exception)
    yield catch.uncaught, replace(disjunct, exception=exception)


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
