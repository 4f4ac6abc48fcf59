"""Uses of a lock's interface that are wrong, or may be, by their form alone.

`frontend.uses_by_form` notes them while it knows both the expression and the lock; the rules on
misuse judge them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from locklint.core.source import Span
from locklint.ir.instruction import BlockId
from locklint.ir.lock import LockRef
from locklint.ir.means import Use


class UseKind(Enum):
    """Misuses of a lock."""

    METHOD_STATEMENT = "a method named as a statement, not called"
    METHOD_TESTED = "a method tested, not called"
    LOCK_TESTED = "the lock's own truth tested"
    WITH_ACQUIRE = "with over an acquire call"
    WITH_METHOD = "with over a method"
    WITH_RESULT = "with over what another method than an acquire returns"
    WRONG_WITH = "with of the wrong kind"
    WITH_CLASS = "with over the class"
    AWAITED_WITH = "with over an awaited asynchronous lock"
    NOT_AWAITED = "a coroutine that is not awaited"
    BAD_ARGUMENTS = "arguments that raise"
    COPIED = "an object with a lock in it is pickled, or copied deeply"
    COPIED_TO_PROCESS = "an object with a lock in it is passed to a process"
    LOCKED_TESTED = "a branch on whether the lock is held"


class ApiUse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A use; ``detail`` completes a message, ``branch`` is the block that decides on it."""

    kind: UseKind
    span: Span
    lock: LockRef | None
    method: str = ""
    detail: str = ""
    use: Use | None = None
    is_async: bool = False
    branch: BlockId | None = None


_NOT_DONE = (UseKind.METHOD_STATEMENT, UseKind.METHOD_TESTED, UseKind.NOT_AWAITED)


def not_done(uses: Iterable[ApiUse]) -> frozenset[str]:
    """Return the identities of locks that are not acquired or released although it looks so.

    The missing parentheses or the missing `await` are the cause of any imbalance there.
    """
    return frozenset(
        use.lock.identity for use in uses if use.kind in _NOT_DONE and use.lock is not None
    )
