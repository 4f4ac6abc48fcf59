"""Effects of a function on its callers' locks: the seam between one function and the program.

A summary is parametric: its locks are paths rooted in the function's own ``self``, parameters,
enclosing variables or globals, and `binding.Binding` replaces these by the arguments of a call.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from locklint.analysis.hold import Grade
from locklint.analysis.passed import Passed
from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Constant
from locklint.ir.lock import Exactness, LockRef, Mode
from locklint.ir.terminator import Equals, IsNone, Truth

Test: TypeAlias = Truth | IsNone | Equals
"""A test of one value, which callers may have a name for."""


class Decided(msgspec.Struct, frozen=True):
    """The two effects of a function on one lock, by the outcome of a test after it has returned.

    This method does ``if_true`` 1 if ``self.threaded`` is true, else ``if_false`` 0::

        def lock(self):
            if self.threaded:
                self._lock.acquire()
    """

    test: Test
    if_true: int
    if_false: int

    def given(self, outcome: bool) -> int:
        """Return the effect for one outcome of the test."""
        return self.if_true if outcome else self.if_false

    @property
    def may_release(self) -> bool:
        """Return whether one of the effects is a release."""
        return min(self.if_true, self.if_false) < 0


class Effect(msgspec.Struct, frozen=True):
    """The net effect of one function on one lock: acquires minus releases.

    The effect of this method on ``self.lock`` has ``normal`` None, ``on_true`` 1, ``on_false`` 0::

        def claim(self):
            return self.lock.acquire(blocking=False)

    ``normal`` after a normal return; None: it varies, or nothing is known. ``on_true`` and
    ``on_false``: where it varies with the truth of what the function returns. ``certain``: that it
    may give up does not depend on what is passed; ``limited``: that, or it waits for a while only.
    ``decided``: it varies with a test that callers can name.
    """

    lock: LockRef
    mode: Mode
    normal: int | None
    on_true: int | None = None
    on_false: int | None = None
    certain: bool = False
    limited: bool = False
    decided: Decided | None = None

    @property
    def may_release(self) -> bool:
        """Return whether it releases the lock, always or for one outcome of a test."""
        if self.decided is not None:
            return self.decided.may_release
        return self.normal is not None and self.normal < 0

    @property
    def is_open(self) -> bool:
        """Return whether nothing that callers know tells the effect."""
        return self.normal is None and not self.correlated and self.decided is None

    @property
    def correlated(self) -> bool:
        """Return whether the result shows what happened."""
        return self.normal is None and self.on_true is not None and self.on_false is not None

    def given(self, truth: bool) -> int | None:
        """Return the effect after a normal return of something true, or not true."""
        if not self.correlated:
            return self.normal
        return self.on_true if truth else self.on_false

    @property
    def tries(self) -> bool:
        """Return whether it is a try-acquire: true and held, or false and not."""
        return self.on_true == 1 and self.on_false == 0


class Passage(IdentityEnum):
    """Ways in which control passes a ``with``."""

    ENTER = "enter"
    EXIT = "exit"
    EXIT_ON_EXCEPTION = "exit on exception"


class ContextEffect(msgspec.Struct, frozen=True):
    """The effect of a ``@contextmanager`` function on one lock before its yield and after it."""

    lock: LockRef
    mode: Mode
    enter: int
    exit: int
    exit_on_exception: int

    def at(self, passage: Passage) -> int:
        """Return the acquires minus the releases at one passage."""
        match passage:
            case Passage.ENTER:
                return self.enter
            case Passage.EXIT:
                return self.exit
            case Passage.EXIT_ON_EXCEPTION:
                return self.exit_on_exception


Deltas = tuple["int | None", ...]
"""The effect of one outcome on each of some locks: acquires minus releases; None: not known."""


class Summary(msgspec.Struct, frozen=True):
    """All effects of a function, in a fixed order, and how likely it is to raise.

    ``raised`` are the outcomes that an exception which is likely in practice may leave, each with a
    number for each of the effects. If none is likely, a release has still happened, and an acquire
    has not. ``returned`` are the literals that the function returns, if it has effects and returns
    nothing else. ``decided_by`` are parameters that may decide which of several effects there is.
    ``raises_for_literals`` is how likely it raises where only literals are passed to it, so that no
    test of an argument fails; ``named`` are the classes of exceptions that it raises by name, and
    ``others`` is how likely it raises any other. ``sets_flags``: it, or a callee, binds an
    attribute or element to a literal. ``handed_on`` are locks that it stores, or passes to what may
    release them later, and ``given_away`` the parameters for which that is so if they are locks.
    ``asks`` is the lock and its method if the function does no more than return whether that is
    held.
    """

    key: str
    effects: tuple[Effect, ...] = ()
    context_effects: tuple[ContextEffect, ...] = ()
    raises: Grade = Grade.POSSIBLE
    returns: bool = True
    raised: tuple[Deltas, ...] = ()
    returned: tuple[Constant, ...] = ()
    decided_by: tuple[str, ...] = ()
    sets_flags: bool = False
    handed_on: tuple[LockRef, ...] = ()
    given_away: tuple[str, ...] = ()
    asks: tuple[LockRef, str] | None = None
    raises_for_literals: Grade = Grade.POSSIBLE
    named: frozenset[str] = frozenset()
    others: Grade = Grade.NEVER

    def literal(self, truth: bool) -> Constant:
        """Return what the function returns where that is true, or where it is not."""
        alike = [value for value in self.returned if bool(value.value) is truth]
        return alike[0] if len(alike) == 1 else Constant(truth)

    @property
    def is_neutral(self) -> bool:
        """Return whether callers need not know about it."""
        return not self.handed_on and not self.changes_holds

    @property
    def changes_holds(self) -> bool:
        """Return whether callers may hold other locks after a call than before it."""
        return (
            bool(self.context_effects)
            or bool(self.decided_by)
            or any(effect.normal != 0 for effect in self.effects)
        )


class Lookup(Protocol):
    """Finds the summary of a function."""

    def __call__(self, key: str, passed: Passed | None = None) -> tuple[Function, Summary] | None:
        """Return a function by its key with its summary. Return None if it is not known.

        ``passed``: the summary is that of a call which passes these values.
        """


def is_nameable(lock: LockRef) -> bool:
    """Return whether callers can have a name for the lock."""
    if lock.exactness is Exactness.ONE:
        return True
    return lock.path.root in (Root.SELF, Root.PARAMETER, Root.CLOSURE, Root.GLOBAL)
