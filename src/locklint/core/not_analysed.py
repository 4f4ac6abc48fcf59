"""Files and functions that were not analysed, or not to the end, and why."""

from __future__ import annotations

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span


class Extent(IdentityEnum):
    """Extents of what is missing: a file, a function, or some of the findings there."""

    FILE = "file"
    FUNCTION = "function"
    PART = "part"


class Reason(IdentityEnum):
    """Reasons for not analysing something. Each bound that can hide a finding is one."""

    # Of files.
    UNREADABLE = "unreadable"
    UNDECODABLE = "undecodable"
    SYNTAX = "syntax"
    # Of files and functions.
    UNSUPPORTED = "unsupported"  # Python reads it, libcst does not.
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    DEFECT = "defect"
    # Of functions.
    TOO_COMPLEX = "too-complex"
    TOO_MANY_LOCKS = "too-many-locks"
    TOO_MANY_STATES = "too-many-states"
    TOO_MUCH_WORK = "too-much-work"
    # Of functions, in part.
    TOO_MANY_CHAINS = "too-many-chains"  # of calls that lead from a held lock to another one

    @property
    def is_partial(self) -> bool:
        """Return whether the file or function was analysed but for what is beyond a bound."""
        return self in _PARTIAL

    @property
    def is_bad_input(self) -> bool:
        """Return whether Python cannot use the file either; all others are limits of locklint."""
        return self in (Reason.UNREADABLE, Reason.UNDECODABLE, Reason.SYNTAX)


_PARTIAL = frozenset({Reason.TOO_MANY_CHAINS})


class NotAnalysed(msgspec.Struct, frozen=True):
    """A place that was not analysed.

    ``function`` is the qualified name of a function, empty for a whole file. ``message`` says more
    than the reason, where there is more to say.
    """

    path: str
    span: Span
    reason: Reason
    function: str = ""
    message: str = ""

    @property
    def extent(self) -> Extent:
        """Return how much is missing."""
        if self.reason.is_partial:
            return Extent.PART
        return Extent.FUNCTION if self.function else Extent.FILE

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Return the sort key of lists: the place first."""
        return (self.path, self.span, self.function, self.reason.value, self.message)
