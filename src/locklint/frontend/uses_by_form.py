"""Uses of locks whose form alone may be a fault: dropped results, odd `with` items, copies."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.frontend.definitions import Definitions
from locklint.frontend.operands import Operands
from locklint.frontend.resolver import Resolver
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.api_use import ApiUse, UseKind
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.instruction import Assign, Await, BlockId, Call, Enter, Unknown
from locklint.ir.lock import Gives, LockRef
from locklint.ir.means import Use
from locklint.ir.operands import terminator_paths, used_paths
from locklint.ir.terminator import Branch, Truth
from locklint.models.processes import copied_arguments
from locklint.models.spawns import spawner

_MANAGERS = (Gives.CONTEXT, Gives.OTHER)


class UsesByForm:
    """Notes the uses of one function for the rules that judge by form: see `ApiUse`."""

    def __init__(
        self, function: Function, resolver: Resolver, definitions: Definitions, operands: Operands
    ) -> None:
        self._function = function
        self._resolver = resolver
        self._definitions = definitions
        self._operands = operands
        self._noted: list[ApiUse] = []

    def note(
        self,
        kind: UseKind,
        span: Span,
        lock: LockRef | None,
        method: str = "",
        detail: str = "",
        use: Use | None = None,
        is_async: bool = False,
        branch: BlockId | None = None,
    ) -> None:
        """Note a use."""
        self._noted.append(ApiUse(kind, span, lock, method, detail, use, is_async, branch=branch))

    def in_order(self) -> tuple[ApiUse, ...]:
        """Return the uses noted so far by place, each once."""
        return tuple(sorted(set(self._noted), key=lambda use: (use.span, use.kind.value)))

    def discarded(self, path: AccessPath, span: Span) -> None:
        """Note a method of a lock that a statement names but does not call."""
        found = self._operands.method(path)
        if found is not None:
            self.note(UseKind.METHOD_STATEMENT, span, found[0], found[1])

    def tested(self, path: AccessPath, span: Span, block: BlockId) -> None:
        """Note a lock, or a method of one, that a branch tests for truth."""
        call = self._definitions.call(path)
        if call is not None:
            found = self._operands.method(call.callee)
            if found is not None and found[1] == found[0].api.locked_method:
                self.note(UseKind.LOCKED_TESTED, call.span, *found, branch=block)
            return
        found = self._operands.method(path) if path.fields else None
        if found is not None:
            self.note(UseKind.METHOD_TESTED, span, found[0], found[1])
            return
        lock = self._operands.lock(path)
        if lock is not None and not lock.may_be_none:
            self.note(UseKind.LOCK_TESTED, span, lock, branch=block)

    def copied(self, call: Call) -> None:
        """Note locks that a call would have to copy, or that a new process would have to get."""
        kind, arguments = UseKind.COPIED, copied_arguments(call)
        known = spawner(call.external) if call.external is not None else None
        if known is not None and known.context is Context.PROCESS:
            kind, arguments = UseKind.COPIED_TO_PROCESS, call.arguments
        for argument in arguments:
            lock = None if argument.star else self._operands.copied_lock(argument.value)
            if lock is not None:
                value = argument.value
                is_named = isinstance(value, AccessPath) and value.root is not Root.TEMP
                detail = str(value) if is_named else ""
                self.note(kind, call.span, lock, call.external or "", detail)

    def with_acquire(self, enter: Enter, lock: LockRef) -> None:
        """Note a `with` over what an acquire gave, if that is no context manager."""
        assert isinstance(enter.context, AccessPath)
        call = self._definitions.call(enter.context)
        method = call.callee.name if call is not None and call.callee is not None else "acquire"
        form = lock.api.acquire_form(method)
        if form is None or form.gives not in _MANAGERS:
            self.note(UseKind.WITH_ACQUIRE, enter.span, lock, method)

    def odd_with(self, enter: Enter) -> None:
        """Note a `with` over something of a lock that is not the lock."""
        context = enter.context
        if not isinstance(context, AccessPath):
            return
        awaited = self._awaited(context)
        if awaited is not None:
            lock = self._operands.lock(awaited)
            if lock is not None and lock.api.async_with_ok and not enter.is_async:
                self.note(UseKind.AWAITED_WITH, enter.span, lock)
            return
        call = self._definitions.call(context)
        if call is not None:
            found = self._operands.method(call.callee)
            if found is not None:
                kind = _misuse_of_result(*found)
                if kind is not None and not self._operands.callee(call.callee).targets:
                    self.note(kind, enter.span, *found, is_async=enter.is_async)
            return
        found = self._operands.method(context) if context.fields else None
        if found is not None and found[0].api.acquire_form(found[1]) is not None:
            self.note(UseKind.WITH_METHOD, enter.span, *found, is_async=enter.is_async)
            return
        path = self._definitions.expand(context)
        if path and self._resolver.lock_class(self._function.key, path) is not None:
            use = UseKind.WITH_CLASS
            self._noted.append(
                ApiUse(use, enter.span, None, detail=str(path), is_async=enter.is_async)
            )

    def _awaited(self, context: AccessPath) -> AccessPath | None:
        """Return the awaited value of ``with await path:``, which mentions the path alone."""
        values = self._definitions.values(context)
        if len(values) != 1 or not isinstance(values[0], Unknown):
            return None
        awaited = {
            instruction.value
            for block in self._function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Await)
        }
        mentions = values[0].mentions
        return mentions[0] if len(mentions) == 1 and mentions[0] in awaited else None

    def is_only_tested(self, result: AccessPath | None) -> bool:
        """Return whether a result is bound to one variable, which is only tested for truth."""
        blocks = self._function.blocks.values()
        instructions = [each for block in blocks for each in block.instructions]
        names = {
            each.target
            for each in instructions
            if isinstance(each, Assign) and each.value == result
        }
        name = names.pop() if len(names) == 1 else None
        if result is None or name is None or not name.is_variable or name.root is not Root.LOCAL:
            return False
        used = (path for each in instructions for path in used_paths(each))
        if any(path.root_name == name.root_name for path in used):
            return False
        reading = [each for each in blocks if name in terminator_paths(each.terminator)]
        return bool(reading) and all(
            isinstance(each.terminator, Branch) and isinstance(each.terminator.condition, Truth)
            for each in reading
        )


def _misuse_of_result(lock: LockRef, method: str) -> UseKind | None:
    """Return the misuse that a `with` over the result of a lock's method is, or None."""
    api = lock.api
    form = api.acquire_form(method)
    if form is not None:
        return None if form.gives in _MANAGERS else UseKind.WITH_ACQUIRE
    if method in (api.locked_method, "wait", *api.notifies) or api.release_form(method) is not None:
        return UseKind.WITH_RESULT
    return None
