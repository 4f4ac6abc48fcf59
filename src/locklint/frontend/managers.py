"""Context managers that are no locks: what they run, and the exceptions that they swallow."""

from __future__ import annotations

import msgspec

from locklint.core.source import Span
from locklint.frontend.definitions import Definitions
from locklint.frontend.operands import Operands
from locklint.frontend.resolver import Collection, Resolver
from locklint.index.declarations import ANY_EXCEPTION, SOME_EXCEPTION
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import BlockId, Call, CallArgument, Display, Manager, Operand
from locklint.ir.lock import LockRef
from locklint.ir.terminator import Catch, Handler, Jump, Terminator, Unreachable
from locklint.models.calls import EXPECTING_MANAGER
from locklint.models.time_limits import swallows

_EXPECTING = ("assertRaises", "assertRaisesRegex", "raises")
"""Methods by which tests say that they expect an error; a wrong guess makes locklint silent."""


class Managers:
    """Finds what the context managers of one function do.

    Attributes:
        kept: What objects keep in attributes that the function has given to them.
    """

    def __init__(
        self, function: Function, resolver: Resolver, definitions: Definitions, operands: Operands
    ) -> None:
        self._function = function
        self._resolver = resolver
        self._definitions = definitions
        self._operands = operands
        self.kept: dict[AccessPath, dict[AccessPath, CallArgument]] = {}

    def of(self, context: Operand, *, is_async: bool = False) -> Manager | None:
        """Return what a `with` over a value runs, or None if nothing is known."""
        if not isinstance(context, AccessPath):
            return None
        path = self._definitions.expand(context)
        if path is None:
            return None
        found = self._operands.manager(path)
        call = self._definitions.call(context)
        if not (found.enter or found.exit or found.generator or found.external):
            return Manager(external=EXPECTING_MANAGER) if _is_test(call) else None
        if found.generator and call is not None:
            call = msgspec.structs.replace(
                call, arguments=self._operands.with_locks(call.arguments)
            )
        elif found.receiver_classes:
            self.note_kept(context, context)
        enter, leave = found.enter, found.exit
        if is_async and (found.async_enter or found.async_exit):
            enter, leave = found.async_enter, found.async_exit
        return Manager(
            enter,
            leave,
            found.generator,
            found.external,
            call,
            context,
            found.certain,
            found.receiver_classes,
        )

    def each_lock(self, context: Operand) -> list[LockRef]:
        """Return the locks of a collection that a context manager acquires.

        Return nothing if one of them is not known.
        """
        if not isinstance(context, AccessPath):
            return []
        path, call = self._definitions.expand(context), self._definitions.call(context)
        if path is None or call is None:
            return []
        collection = self._operands.manager(path).each_of
        items = self._items(call, collection) if collection is not None else ()
        locks = [self._operands.lock(item) for item in items]
        return [each for each in locks if each is not None] if None not in locks else []

    def _items(self, call: Call, collection: Collection) -> tuple[Operand, ...]:
        """Return the elements of an argument, if they are written down."""
        if any(argument.star for argument in call.arguments):
            return ()
        plain = [argument.value for argument in call.arguments if argument.name is None]
        if collection.rest:
            return tuple(plain[collection.position :])
        named = [each.value for each in call.arguments if each.name == collection.name]
        values: list[Operand] = named or plain[collection.position : collection.position + 1]
        for value in values:
            if isinstance(value, AccessPath) and value.is_variable:
                bound = self._definitions.values(value)
                value = bound[0] if len(bound) == 1 else value
            if isinstance(value, Display):
                return value.items
        return ()

    def swallows(
        self, span: Span, context: Operand, then: BlockId, otherwise: BlockId
    ) -> Terminator | None:
        """Return where an exception goes on that leaves a `with`; None if that stays open."""
        manager = self.of(context)
        call = self._definitions.call(context) if isinstance(context, AccessPath) else None
        is_test = _is_test(call)
        if manager is not None and manager.external is not None:
            if swallows(manager.external):
                return None  # See `time_limits`.
        if is_test or (manager is not None and manager.external == "contextlib.suppress"):
            types = self._suppressed(call)
            if is_test:
                types = (*types, "Exception")  # With any other one the test fails.
            if types:
                caught = Catch(span, (Handler(types, then),), otherwise, is_test)
                return self.with_classes(caught)
            if call is None:
                return Unreachable("the classes are given elsewhere")
        return self._swallowed(span, context, then, otherwise)

    def _swallowed(
        self, span: Span, context: Operand, then: BlockId, otherwise: BlockId
    ) -> Terminator:
        """Return where an exception goes on that leaves a `with` of a manager of the program.

        If the manager decides that while the program runs, it goes nowhere: nothing is concluded.
        """
        path = self._definitions.expand(context) if isinstance(context, AccessPath) else None
        types = self._operands.manager(path).swallows if path is not None else ()
        if SOME_EXCEPTION in types:
            return Unreachable("the manager decides")
        if ANY_EXCEPTION in types:
            return Jump(then)
        if types:
            return self.with_classes(Catch(span, (Handler(types, then),), otherwise))
        return Jump(otherwise)

    def _suppressed(self, call: Call | None) -> tuple[str, ...]:
        if call is None:
            return ()
        values: list[Operand] = []
        for argument in call.arguments:
            if argument.name in (None, "expected_exception", "exception"):
                value = argument.value
                values += value.items if isinstance(value, Display) else (value,)
        return tuple(str(value) for value in values if isinstance(value, AccessPath))

    def with_classes(self, terminator: Catch) -> Catch:
        """Return the dispatch with the classes that its handlers mean."""
        handlers: list[Handler] = []
        for handler in terminator.handlers:
            types, derived = self._resolver.caught(self._function.key, handler.types)
            handlers.append(msgspec.structs.replace(handler, types=types, derived=derived))
        return msgspec.structs.replace(terminator, handlers=tuple(handlers))

    def note_kept(self, name: AccessPath, value: AccessPath) -> None:
        """Note what an object keeps in attributes that the function has given to it."""
        path = self._definitions.expand(value)
        if path is not None and name not in self.kept:
            self.kept[name] = {
                name.field(attribute): CallArgument(kept, lock=self._operands.lock(kept))
                for attribute, kept in self._resolver.kept(self._function.key, path)
            }


def _is_test(call: Call | None) -> bool:
    """Return whether a call makes a context manager that waits for an exception."""
    return call is not None and call.callee is not None and call.callee.name in _EXPECTING
