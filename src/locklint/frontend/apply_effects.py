"""Exchange library calls for what they do to locks.

After this pass a lock's methods, `with` items and clean-up stacks are `Acquire`, `TryAcquire`,
`Release`, `Wait`, `Notify`, `Defer` and `HandOver`; calls name their targets; and context managers
that are no locks name what they run. Nothing later needs to know a library.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.core.source import Span
from locklint.frontend.definitions import Definitions
from locklint.frontend.hand_overs import HandOvers, releases
from locklint.frontend.implicit_calls import MAY_RUN_OTHERS, ImplicitCalls
from locklint.frontend.lock_calls import AWAITING, LockCalls
from locklint.frontend.managers import Managers
from locklint.frontend.named_calls import LOOKING, NamedCalls
from locklint.frontend.operands import Operands
from locklint.frontend.resolver import Resolver
from locklint.frontend.spawning import registrations, spawns
from locklint.frontend.taken_iterators import with_taken_iterators
from locklint.frontend.task_waits import with_task_waits
from locklint.frontend.time_limits import is_scope, with_time_limits
from locklint.frontend.uses_by_form import UsesByForm
from locklint.index.build_lock_use import GIVES_ON
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.api_use import UseKind
from locklint.ir.cfg import BasicBlock, Function, split_key
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Constant,
    Defer,
    Display,
    Enter,
    Exit,
    FunctionRef,
    HandOver,
    Instruction,
    Notify,
    Operand,
    Operate,
    Read,
    Release,
    TryAcquire,
    Unwind,
    Wait,
)
from locklint.ir.lock import ENTERING, LOCKING, Gives, LockRef
from locklint.ir.means import BY_WITH, AwaitForm, How, Means, OperateKind, Use
from locklint.ir.registration import Registration
from locklint.ir.terminator import (
    Branch,
    Catch,
    Opaque,
    Return,
    Swallows,
    Terminator,
    Truth,
)
from locklint.models.calls import NOTHING_DECLARED, DeclaredCalls
from locklint.models.events import WITH_TIMEOUT
from locklint.models.iterators import never_ends
from locklint.models.table import LockTable

_NO_NAMES: frozenset[str] = frozenset()
_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")
_PUSH_METHODS = ("callback", "push", "push_async_callback", "push_async_exit")
_GREENLET_AWAITS = frozenset(f"sqlalchemy.util.{name}" for name in ("await_only", "await_fallback"))
"""Functions that await what they are given, in the greenlet of a coroutine."""

_TAKING_COROUTINES = (
    *AWAITING,
    "await_only",
    "await_fallback",
    "gather",
    "create_task",
    "ensure_future",
)
"""Functions that raise if they are given anything but something to await."""


def lock_method_names(table: LockTable) -> frozenset[str]:
    """Return each name that may be a lock's method, or shows whether a lock is held."""
    names: set[str] = set()
    for kind in table.kinds.values():
        names.update(form.name for form in kind.acquire_forms)
        names.update(form.name for form in kind.release_forms)
        names.update(kind.waits)
        names.update(kind.notifies)
        if kind.locked_method:
            names.add(kind.locked_method)
        names.update(kind.owned_methods, kind.owned_attributes)
    return ENTERING | names


class EffectPass:
    """Applies the effects of one function; ``methods`` is `lock_method_names` of the table.

    ``declared`` are the functions of which the settings say more.
    """

    def __init__(
        self,
        function: Function,
        resolver: Resolver,
        methods: frozenset[str],
        declared: DeclaredCalls,
    ) -> None:
        self._function = function
        self._resolver = resolver
        self._methods = methods
        self._definitions = Definitions(function)
        self._operands = Operands(function, resolver, methods, self._definitions)
        self._implicit = ImplicitCalls(
            function.key, resolver, self._definitions, self._operands.key_for, declared.immediate
        )
        self._registers: list[Registration] = []
        self._uses = UsesByForm(function, resolver, self._definitions, self._operands)
        self._managers = Managers(function, resolver, self._definitions, self._operands)
        self._named = NamedCalls(self._definitions, self._operands, declared)
        self._lock_calls = LockCalls(function, self._definitions, self._operands, self._uses)
        self._hand_overs = HandOvers(self._definitions, self._operands)
        self._entered: dict[tuple[Span, Operand], list[Enter | LockRef | None]] = {}
        self._opened: set[AccessPath] = set()

    def apply(self) -> Function:
        """The function with effects; its graph keeps its shape, but for swallowed exceptions."""
        function = self._function
        # Pending awaits are found before anything is rewritten, for a loop can come in between.
        for block in function.blocks.values():
            for instruction in block.instructions:
                if isinstance(instruction, Call):
                    self._lock_calls.note_pending(instruction)
                    if instruction.callee and instruction.callee.name in _TAKING_COROUTINES:
                        self._lock_calls.note_awaited(
                            argument.value for argument in instruction.arguments
                        )
                elif isinstance(instruction, Await):
                    self._lock_calls.note_awaited([instruction.value])
                elif isinstance(instruction, Enter) and instruction.result is not None:
                    self._opened.add(instruction.result)
        blocks: dict[BlockId, BasicBlock] = {}
        has_limits = False
        for block in function.blocks.values():
            instructions: list[Instruction] = []
            self._operands.begin(block.id)
            for instruction in block.instructions:
                for rewritten in self._rewrite(instruction):
                    _drop_reads(instructions, rewritten)
                    instructions.append(rewritten)
                    has_limits = has_limits or (function.is_async and is_scope(rewritten))
                    if rewritten.__class__ in MAY_RUN_OTHERS:
                        instructions.extend(self._implicit.of(rewritten))
                self._operands.pass_by(instruction)
            terminator = self._terminator(block, instructions)
            blocks[block.id] = msgspec.structs.replace(
                block, instructions=tuple(instructions), terminator=terminator
            )
        function = msgspec.structs.replace(
            function,
            blocks=blocks,
            api_uses=self._uses.in_order(),
            mentions=frozenset(self._hand_overs.mentions) or _NO_NAMES,
            given_away=frozenset(self._hand_overs.given_away) or _NO_NAMES,
            registers=tuple(self._registers),
            enclosed=self._operands.enclosed,
            kept=tuple(each for kept in self._managers.kept.values() for each in kept.items()),
        )
        function = with_taken_iterators(function, self._operands.callee, self._implicit.calls_of)
        if function.is_async:
            function = with_task_waits(function)
        return with_time_limits(function) if has_limits else function

    # -- instructions -----------------------------------------------------------------------

    def _rewrite(self, instruction: Instruction) -> Iterator[Instruction]:
        match instruction:
            case Call():
                yield from self._call(instruction)
            case Await(value=AccessPath() as value) if value in self._lock_calls.pending:
                call, acquire = self._lock_calls.pending[value]
                if acquire.form is not None and acquire.form.gives is Gives.CONTEXT:
                    self._lock_calls.given_by_acquire[value] = acquire.lock
                yield msgspec.structs.replace(instruction, acquires=call.callee)
                # The await gives the result, also if it awaits a call around the acquire.
                yield msgspec.structs.replace(
                    acquire, call=msgspec.structs.replace(call, result=value)
                )
            case Enter():
                yield from self._enter(instruction)
            case Exit():
                yield from self._exit(instruction)
            case Read(span=span, path=path) if (
                lock := self._operands.asked_if_held(path)
            ) is not None:
                yield Call(span, path, path, lock=lock, safe=True)
            case Read(path=path, discarded=True):
                self._uses.discarded(path, instruction.span)
                yield instruction
            case Read(path=path) if self._operands.method(path) is not None:
                # A lock has its methods: naming one cannot fail.
                return
            case Assign(target=target, value=value):
                is_kept = target.fields or isinstance(value, Display)
                if is_kept and not self._makes_lock(value):
                    yield from self._hand_overs.of(value, instruction.span)
                elif isinstance(value, AccessPath):
                    self._hand_overs.note_mention(value)
                elif isinstance(value, FunctionRef):
                    self._operands.note_captures(value)
                yield instruction
            case _:
                yield instruction

    def _call(self, call: Call) -> Iterator[Instruction]:
        found = self._operands.method(call.callee)
        if found is not None:
            if call.callee is not None:
                call = msgspec.structs.replace(call, callee=self._operands.passed_on(call.callee))
            yield from self._lock_calls.effects(call, *found)
            return
        for lock in self._operands.possible_methods(call.callee):
            yield HandOver(call.span, lock)
        callee = self._operands.callee(call.callee)
        call = self._named.of(call, callee)
        if call.external == WITH_TIMEOUT and call.use is Use.DISCARDED:
            for argument in call.arguments[:1]:
                if (
                    isinstance(argument.value, AccessPath)
                    and argument.value in self._lock_calls.pending
                ):
                    acquire = self._lock_calls.pending[argument.value][1]
                    how = acquire.how.name
                    self._uses.note(UseKind.NOT_AWAITED, call.span, acquire.lock, how, use=call.use)
        if callee.external and callee.external.startswith(_STACKS):
            done = list(self._stack_call(call, callee.external.rsplit(".", 1)[-1]))
            if done:
                yield from done
                return
        if call.constructs and call.result and any(each.lock for each in call.arguments):
            self._managers.note_kept(call.result, call.result)
            if call.use is Use.BOUND and call.use_name is not None:
                variable = AccessPath(call.use_name, (), Root.LOCAL)
                if self._definitions.values(variable) == [call.result]:
                    self._managers.note_kept(variable, call.result)
        is_entered = call.use is Use.ENTERED
        is_followed = (
            is_entered and call.result is not None and bool(self._managers.kept.get(call.result))
        )
        keeps = not self._is_harmless(call) and not is_followed
        for argument in call.arguments:
            # A summary has the effects of a function of the project on locks, but not what it does
            # with a callable, perhaps later, or with locks in a container.
            contained = bool(call.targets) and isinstance(argument.value, Display)
            if keeps or contained or self._operands.is_callable(argument.value):
                for each in self._hand_overs.of(argument.value, call.span):
                    yield msgspec.structs.replace(each, is_entered=is_entered)
        yield call
        yield from self._awaited_by_greenlet(call)
        module = split_key(self._function.key)[0]
        yield from spawns(
            call, callee, module, self._definitions, self._operands.callee, self._operands.lock
        )
        self._registers += registrations(call, module, self._definitions, self._operands.callee)
        self._uses.copied(call)

    def _awaited_by_greenlet(self, call: Call) -> Iterator[Instruction]:
        if call.external not in _GREENLET_AWAITS:
            return
        for argument in call.arguments[:1]:
            if (
                isinstance(argument.value, AccessPath)
                and argument.value in self._lock_calls.pending
            ):
                yield self._lock_calls.pending[argument.value][1]

    def _is_harmless(self, call: Call) -> bool:
        """Return whether what is passed to the call does not outlive it, and cannot be released."""
        if call.targets:
            return call.constructs is None
        if call.external is None:
            return False
        if call.external in LOOKING or call.external.startswith("logging."):
            return True
        return self._calls_lock_class(call)

    def _makes_lock(self, value: Operand) -> bool:
        """Return whether a call of a lock class gave a value: a condition, perhaps over a lock."""
        if not isinstance(value, AccessPath) or value.root is not Root.TEMP or value.fields:
            return False
        call = self._definitions.call(value)
        return call is not None and self._calls_lock_class(call)

    def _calls_lock_class(self, call: Call) -> bool:
        callee = call.callee
        return (
            callee is not None and self._resolver.lock_class(self._function.key, callee) is not None
        )

    def _stack_call(self, call: Call, method: str) -> Iterator[Instruction]:
        if call.callee is None or not call.callee.fields:
            return
        stack = call.callee.parent()
        first = call.arguments[0].value if call.arguments else None
        if method in GIVES_ON and first is not None:
            lock = self._operands.lock(first)
            if lock is not None and lock.api.acquire_forms:
                mode = lock.mode or lock.api.with_mode
                how = How(method, Means.STACK)
                yield Acquire(call.span, lock, how, mode, None, call, gives_up=lock.gives_up)
                yield Defer(call.span, stack, lock)
            elif lock is None and stack in self._opened:
                manager = self._managers.of(first, is_async=method == "enter_async_context")
                if manager is not None and (manager.generator or manager.enter):
                    yield call
                    yield Enter(call.span, first, manager=manager, stack=stack)
        elif method in _PUSH_METHODS and isinstance(first, AccessPath):
            found = self._operands.method(first)
            if found is not None:
                if releases(found):
                    yield Defer(call.span, stack, found[0])
                else:
                    yield call
                return
            lock = self._operands.lock(first)
            if lock is not None and lock.api.acquire_forms:
                yield Defer(call.span, stack, lock)
        elif method == "pop_all":
            yield Defer(call.span, stack, None)
            yield call
        elif method in ("close", "aclose"):
            yield Unwind(call.span, stack)

    # -- context managers -------------------------------------------------------------------

    def _enter(self, enter: Enter) -> Iterator[Instruction]:
        context = enter.context
        if isinstance(context, AccessPath) and context in self._lock_calls.given_by_acquire:
            self._uses.with_acquire(enter, self._lock_calls.given_by_acquire[context])
            return
        lock = self._operands.lock(context)
        if lock is None:
            self._uses.odd_with(enter)
            yield msgspec.structs.replace(
                enter, manager=self._managers.of(enter.context, is_async=enter.is_async)
            )
            for each in self._managers.each_lock(context):
                mode = each.mode or each.api.with_mode
                yield Acquire(enter.span, each, BY_WITH, mode, None, None, enter)
            return
        is_usable = lock.api.acquire_forms or lock.api.with_ok or lock.api.async_with_ok
        if not is_usable and lock.mode is None:
            self._uses.note(UseKind.WRONG_WITH, enter.span, lock, is_async=enter.is_async)
            yield enter
            return
        if not _has_protocol(lock, enter.is_async):
            # It raises before it acquires anything, or the lock is another one.
            self._uses.note(UseKind.WRONG_WITH, enter.span, lock, is_async=enter.is_async)
            yield enter
            return
        mode = lock.mode or lock.api.with_mode
        yield Acquire(enter.span, lock, BY_WITH, mode, None, None, enter, lock.gives_up)

    def _exit(self, exit_: Exit) -> Iterator[Instruction]:
        context = exit_.context
        given = (
            self._lock_calls.given_by_acquire.get(context)
            if isinstance(context, AccessPath)
            else None
        )
        lock = given or self._operands.lock(context)
        if lock is None or not (lock.api.acquire_forms or lock.mode is not None):
            for each in reversed(self._managers.each_lock(context)):
                mode = each.mode or each.api.with_mode
                yield Release(exit_.span, each, BY_WITH, mode, None, exit_.exceptional)
            manager = self._managers.of(context, is_async=exit_.is_async)
            yield msgspec.structs.replace(exit_, manager=manager)
            return
        if given is None and not _has_protocol(lock, exit_.is_async):
            yield exit_
            return
        mode = lock.mode or lock.api.with_mode
        yield Release(exit_.span, lock, BY_WITH, mode, None, exit_.exceptional)

    def _terminator(self, block: BasicBlock, instructions: list[Instruction]) -> Terminator:
        match block.terminator:
            case Branch(span=span, condition=Swallows(context), then=then, otherwise=otherwise):
                swallowed = self._managers.swallows(span, context, then, otherwise)
                return block.terminator if swallowed is None else swallowed
            case Branch(span=span, condition=Opaque(None)) as branch:
                if any(map(self._never_ends, _iterated(instructions, span))):
                    return msgspec.structs.replace(branch, condition=Truth(Constant(True)))
                return branch
            case Branch(span=span, condition=Truth(AccessPath() as path)) as branch:
                self._uses.tested(path, span, block.id)
                instructions.extend(self._implicit.of_test(span, path))
                return branch
            case Return(span=span, value=value) as terminator:
                if not self._function.is_anonymous:
                    instructions.extend(self._hand_overs.of(value, span, returned=True))
                return terminator
            case Catch() as terminator:
                return self._managers.with_classes(terminator)
            case terminator:
                return terminator

    def _never_ends(self, value: Operand) -> bool:
        """Return whether a loop over a value ends in no other way than by leaving it."""
        call = self._definitions.call(value) if isinstance(value, AccessPath) else None
        if call is None or any(each.star for each in call.arguments):
            return False
        callee = self._operands.callee(call.callee)
        if callee.is_endless or callee.external is None:
            return callee.is_endless
        given = [self._never_ends(each.value) for each in call.arguments if each.name is None]
        return never_ends(callee.external, given)


def _iterated(instructions: list[Instruction], span: Span) -> Iterator[Operand]:
    """Yield the value over which a block with that branch at its end goes."""
    for each in instructions:
        match each:
            case Operate(span=here, kind=OperateKind.ITERATE, values=(value,)) if here == span:
                yield value
            case Await(span=here, form=AwaitForm.FOR, value=value) if here == span:
                yield value


def _drop_reads(instructions: list[Instruction], use: Instruction) -> None:
    """Remove the reads that lead to an acquired or released lock from the end of a list.

    A lock is assumed to exist. Elements may be missing, but not while the lock is held: the path
    that led to it before leads to it again.
    """
    match use:
        case Acquire(call=Call() as call) | TryAcquire(call=Call() as call):
            holds = False
        case Release(call=Call() as call) | Wait(call=call) | Notify(call=call):
            holds = True
        case Call(targets=(), callee=AccessPath() as callee) as call if callee.name in LOCKING:
            holds = callee.name == "release"
        case _:
            return
    if call.callee is None or not call.callee.fields:
        return
    receiver = call.callee.parent()
    while instructions:
        match instructions[-1]:
            case Read(path=path) if receiver.starts_with(path):
                if not holds and path.is_element:
                    return
                instructions.pop()
            case _:
                return


def _has_protocol(lock: LockRef, is_async: bool) -> bool:
    """Return whether a lock can be the object of a `with`, or of an `async with`."""
    return lock.mode is not None or (lock.api.async_with_ok if is_async else lock.api.with_ok)


def apply_effects(
    function: Function,
    resolver: Resolver,
    methods: frozenset[str],
    declared: DeclaredCalls = NOTHING_DECLARED,
) -> Function:
    """The function with library calls exchanged for their effects on locks."""
    return EffectPass(function, resolver, methods, declared).apply()


__all__ = ["apply_effects", "lock_method_names"]
