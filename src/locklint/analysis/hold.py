"""The state of a lock in one execution, and the exception in flight there."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode
from locklint.ir.means import How

MAX_COUNT = 8


class Grade(IntEnum):
    """Grades of how likely, in practice, an instruction raises."""

    NEVER = 0
    ACQUIRE = 1  # the acquire itself, interrupted or misused; a call that hardly ever fails
    UNLIKELY = 2  # an attribute, a subscript, an operator: a programming error
    POSSIBLE = 3  # a call of the program, if nothing in it fails in ordinary use; a missing key
    UNKNOWN = 4  # a call of which nothing is known
    LIKELY = 5  # a call that fails in ordinary use, a callback, an await
    CERTAIN = 6  # `raise`


class Flow(IdentityEnum):
    """Kinds of exceptions in flight that Python treats differently."""

    ERROR = "error"  # an `Exception`
    CANCEL = "cancel"  # CancelledError at an await, GeneratorExit at a yield
    EXIT = "exit"  # SystemExit: the process ends


class CauseKind(IntEnum):
    """Kinds of causes of an exception, the likeliest first within one grade."""

    RAISE = 0
    AWAIT = 1
    CALL = 2
    ENTER = 3  # the beginning of a `with`
    LEAVE = 4  # and its end
    ITERATE = 5
    ELEMENT = 6
    STORE = 7
    ATTRIBUTE = 8
    OPERATOR = 9
    YIELD = 10
    ACQUIRE = 11
    UNKNOWN = 12


class Cause(msgspec.Struct, frozen=True, order=True, gc=False):
    """The cause of the exception in flight; ``name`` is the class that a `raise` names."""

    kind: CauseKind
    span: Span
    name: str = ""


class InFlight(msgspec.Struct, frozen=True, gc=False):
    """The exception in flight; ``type`` is its class's dotted name where it is known.

    If it is not, ``excluded`` are the classes whose handlers did not catch it, and ``caught`` those
    of the handler that did: it is one of them. ``usual`` is the class of what the call that raised
    it usually raises; after a handler of that class, nothing is expected any more. ``named`` are
    the classes that its callee raises by name, and ``others`` is how likely any other is. It
    ``is_doubtful`` if only another exception leads there, which hardly ever happens.
    """

    flow: Flow
    type: str | None
    grade: Grade
    cause: Cause
    excluded: frozenset[str] = frozenset()
    caught: frozenset[str] = frozenset()
    usual: str = ""
    named: frozenset[str] = frozenset()
    others: Grade = Grade.NEVER
    is_doubtful: bool = False

    @property
    def is_improbable(self) -> bool:
        """Return whether it hardly ever happens, or only after one that hardly ever does."""
        return self.is_doubtful or self.grade <= Grade.ACQUIRE

    def identity(self) -> tuple[object, ...]:
        """Return what distinguishes it: all that handlers test, and what no program expects."""
        return (
            self.flow,
            self.type,
            self.is_improbable,
            self.excluded,
            self.caught,
            self.usual,
            self.named,
            self.others,
        )

    def better(self, other: InFlight) -> InFlight:
        """Return the more convincing of two witnesses; for equal ones the place decides."""
        if (-self.grade, self.cause) <= (-other.grade, other.cause):
            return self
        return other


class Acquisition(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """A place where a lock is acquired: by a method, a ``with``, or a call that returns holding.

    ``written`` is the lock as it is written there, even if its variables have changed since.
    ``failed``: the call has raised, and returns without the lock otherwise.
    """

    span: Span
    how: How
    written: AccessPath
    failed: bool = False


class LockKey(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A must-equal key within a function: a canonical path, and the mode of a read-write lock."""

    path: AccessPath
    mode: Mode = Mode.EXCLUSIVE

    def __str__(self) -> str:
        return f"{self.path}/shared" if self.mode is Mode.SHARED else str(self.path)


def key_of(lock: LockRef, mode: Mode | None = None) -> LockKey:
    """The key of a lock; one object of the whole program goes by its identity alone."""
    mode = lock.mode or mode or Mode.EXCLUSIVE
    if lock.exactness is Exactness.ONE:
        return LockKey(AccessPath(lock.identity), mode)
    return LockKey(lock.path, mode)


def is_exclusive(lock: LockRef) -> bool:
    """Return whether the holder of the lock cannot acquire it again."""
    return lock.kind.role is LockRole.LOCK and not lock.kind.reentrant


class Why(IdentityEnum):
    """Reasons why a lock is known not to be held by this execution."""

    RELEASED = "released"
    TRY_FAILED = "try failed"
    OF_OTHERS = "of others"  # another holds it, after this execution has released it
    NOT_WANTED = "not wanted"  # a callee acquires it for the other outcome of a test


class Hold(msgspec.Struct, frozen=True, gc=False):
    """A lock in one disjunct.

    After the first line its ``count`` is 1, with one level; after the second it is 0 again::

        lock.acquire()
        lock.release()

    ``count`` is the number of acquires minus that of releases since the function's entry;
    ``levels`` are the acquisitions behind each level that this function added, outermost first.
    ``free_at`` is the ``count`` at which this execution does not hold the lock at all, where that
    is known: an acquire that returned has shown that the lock was free before. ``why`` and
    ``where`` say how it became free. ``forgotten``: nothing is known any more, but for
    ``taken_last``. ``handed_over``: other code may release it.
    """

    count: int = 0
    levels: tuple[frozenset[Acquisition], ...] = ()
    free_at: int | None = None
    why: Why | None = None
    where: Span | None = None
    forgotten: bool = False
    handed_over: bool = False
    taken_last: bool = False  # nothing was released since this function last acquired it

    def identity(self) -> tuple[object, ...]:
        """Return what distinguishes disjuncts; witnesses do not."""
        return (
            self.count,
            len(self.levels),
            self.free_at,
            self.why,
            self.forgotten,
            self.handed_over,
            self.taken_last,
        )

    @property
    def is_free(self) -> bool:
        """Return whether this execution certainly does not hold the lock."""
        return self.free_at is not None and self.count <= self.free_at and not self.forgotten

    @property
    def is_held(self) -> bool:
        """Return whether this execution certainly holds the lock."""
        return self.free_at is not None and self.count > self.free_at and not self.forgotten

    def covers(self, other: Hold) -> bool:
        """Return whether one of the same identity has no witness that this has not."""
        return all(x <= y for x, y in zip(other.levels, self.levels, strict=True)) and (
            other.where is None or (self.where is not None and self.where <= other.where)
        )

    def acquisitions(self) -> frozenset[Acquisition]:
        """All acquisitions that are held."""
        return frozenset().union(*self.levels) if self.levels else frozenset()


FORGOTTEN = Hold(forgotten=True)
UNTOUCHED = Hold()
