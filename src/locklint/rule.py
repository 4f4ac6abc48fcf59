"""The type of a rule: documentation, metadata and one pure function over a program's facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from locklint.core.diagnostic import Anchor, Confidence, Diagnostic, Severity, Step
from locklint.core.source import Span
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef

if TYPE_CHECKING:
    from locklint.analysis.program import Program

CODE = re.compile(r"LCK\d{3}")


class Rule(msgspec.Struct, frozen=True):
    """A rule as a value.

    ``summary`` is one line; ``page`` the rule's page in Markdown (the module's docstring);
    ``severity`` the highest that it gives. ``subsumed_by`` are the codes of stronger rules: where
    one of them, selected too, reports the same place, or has it as an anchor, this finding is left
    out. A rule in ``preview`` runs only where preview is switched on, one ``on_request`` only if it
    is selected, or in the profile ``strict``. ``wants`` are the kinds of events that the rule needs
    besides acquires: nothing else is recorded, or searched for in callees.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    page: str
    check: Callable[[Program], Iterator[Diagnostic]]
    subsumed_by: tuple[str, ...] = ()
    fixable: str = ""  # "", "safe", "unsafe"
    preview: bool = False
    on_request: bool = False
    wants: frozenset[EventKind] = frozenset()

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code):
            raise ValueError(f"{self.code!r} is not a rule code")

    def finding(
        self,
        function: Function,
        span: Span,
        message: str,
        *,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        locks: Iterable[LockRef] = (),
        steps: Iterable[Step] = (),
        help: str = "",
        anchors: Iterable[Span | Anchor] = (),
    ) -> Diagnostic:
        """Return a finding of this rule in a function; ``severity`` is the rule's own unless given.

        An anchor that is a bare span is in the function's file.
        """
        locks = tuple(locks)
        if locks:
            confidence = min(confidence, *(lock.confidence for lock in locks))
        return Diagnostic(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            confidence=confidence,
            path=function.path,
            span=span,
            message=message,
            function=function.shown_name,
            locks=tuple(lock.identity for lock in locks),
            steps=tuple(steps),
            help=help,
            anchors=tuple(
                Anchor(function.path, place) if isinstance(place, Span) else place
                for place in anchors
            ),
        )

    def at(
        self,
        path: str,
        span: Span,
        message: str,
        *,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        locks: Iterable[LockRef] = (),
        steps: Iterable[Step] = (),
        help: str = "",
    ) -> Diagnostic:
        """A finding of this rule about a place in a file rather than in a function."""
        return Diagnostic(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            confidence=confidence,
            path=path,
            span=span,
            message=message,
            locks=tuple(lock.identity for lock in locks),
            steps=tuple(steps),
            help=help,
        )

    @property
    def default(self) -> bool:
        """Return whether the rule is on by default."""
        return self.severity > Severity.INFO and not self.on_request
