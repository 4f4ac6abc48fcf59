"""What a function does to the locks of its callers: the seam between one function and the program.

A summary is parametric: its locks are paths rooted in the function's own ``self``, parameters,
enclosing variables or globals, and `binding.Binding` exchanges these for what a call passes.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from locklint.analysis.hold import Grade
from locklint.ir.access_path import Root
from locklint.ir.lock import Exactness, LockRef, Mode


class Effect(msgspec.Struct, frozen=True):
    """The net effect of one function on one lock: acquires minus releases.

    ``normal`` after a normal return, ``exceptional`` after an exception that is likely in practice
    (where none is, a release has happened all the same, and an acquire has not); None: it varies,
    or nothing is known. ``on_true`` and ``on_false``: where it varies with the truth of what the
    function returns.
    """

    lock: LockRef
    mode: Mode
    normal: int | None
    exceptional: int | None
    on_true: int | None = None
    on_false: int | None = None

    @property
    def correlated(self) -> bool:
        """Whether the result tells what happened."""
        return self.normal is None and self.on_true is not None and self.on_false is not None

    @property
    def tries(self) -> bool:
        """Whether it is a try-acquire: true and held, or false and not."""
        return self.on_true == 1 and self.on_false == 0


class ContextEffect(msgspec.Struct, frozen=True):
    """What a ``@contextmanager`` function does to one lock before its yield and after it."""

    lock: LockRef
    mode: Mode
    enter: int
    exit: int
    exit_on_exception: int


class Summary(msgspec.Struct, frozen=True):
    """All effects of a function, in a fixed order, and how likely it is to raise."""

    key: str
    effects: tuple[Effect, ...] = ()
    context_effects: tuple[ContextEffect, ...] = ()
    raises: Grade = Grade.LIKELY
    returns: bool = True

    @property
    def is_neutral(self) -> bool:
        """Whether callers need not know about it."""
        return not self.context_effects and all(effect.normal == 0 for effect in self.effects)


def is_nameable(lock: LockRef) -> bool:
    """Whether callers can have a name for the lock."""
    if lock.exactness is Exactness.ONE:
        return True
    return lock.path.root in (Root.SELF, Root.PARAMETER, Root.CLOSURE, Root.GLOBAL)


Summaries = Mapping[str, Summary]
