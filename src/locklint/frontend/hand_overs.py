"""Hand-overs: the locks that a function passes to code that may keep or release them."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.core.source import Span
from locklint.frontend.definitions import Definitions
from locklint.frontend.operands import Operands
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Display, FunctionRef, HandOver, Operand
from locklint.ir.lock import LockRef


class HandOvers:
    """Finds the locks in the values that one function passes on.

    Attributes:
        mentions: The identities of locks of which the function names a release without calling it.
        given_away: The parameters that the function passes on.
    """

    def __init__(self, definitions: Definitions, operands: Operands) -> None:
        self._definitions = definitions
        self._operands = operands
        self.mentions: set[str] = set()
        self.given_away: set[str] = set()

    def note_mention(self, path: AccessPath) -> None:
        """Note a lock if a path names its release."""
        found = self._operands.method(path) if path.fields else None
        if found is not None and found[0].api.release_form(found[1]) is not None:
            self.mentions.add(found[0].identity)

    def _give_away(self, path: AccessPath) -> None:
        """Note a parameter that is passed on: it may be a lock, as its callers know."""
        if path.is_parameter:
            self.given_away.add(path.root_name)

    def of(self, operand: Operand, span: Span, *, returned: bool = False) -> Iterator[HandOver]:
        """Give away the locks in a value; what is ``returned`` the caller knows."""
        match operand:
            case Display(items=items):
                for item in items:
                    yield from self.of(item, span, returned=returned)
            case FunctionRef(captures=captures):
                for path in captures:
                    self._give_away(path)
                    found = self._operands.method(path) if path.fields else None
                    if found is not None and releases(found):
                        yield HandOver(span, found[0])
                    elif found is None and (lock := self._operands.lock(path)) is not None:
                        # Code that runs later may pass the lock on to the code that releases it.
                        yield HandOver(span, lock)
            case AccessPath() as path:
                if not returned:
                    self._give_away(path)
                function = self._definitions.function(path)
                if function is not None:
                    yield from self.of(function, span)
                    return
                found = self._operands.method(path) if path.fields or path.is_variable else None
                if found is not None:
                    if releases(found):
                        self.mentions.add(found[0].identity)
                    if _changes(found):
                        yield HandOver(span, found[0])
                    return
                lock = self._operands.lock(path)
                if lock is not None and lock.api.acquire_forms:
                    yield HandOver(span, lock)
            case _:
                return


def releases(method: tuple[LockRef, str]) -> bool:
    """Return whether a method of a lock releases it."""
    lock, name = method
    return lock.api.release_form(name) is not None or name in ("__exit__", "__aexit__")


def _changes(method: tuple[LockRef, str]) -> bool:
    """Return whether a method of a lock acquires or releases it."""
    lock, name = method
    acquires = lock.api.acquire_form(name) is not None or name in ("__enter__", "__aenter__")
    return acquires or releases(method)
