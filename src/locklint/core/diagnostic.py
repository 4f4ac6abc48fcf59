"""Findings: one type for every rule and every output format."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum

import msgspec

from locklint.core.source import Span


class Severity(IntEnum):
    """A promise about proof, not about looks: see docs/ARCHITECTURE.md."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The lower-case word that users read and type."""
        return self.name.lower()


class Confidence(IntEnum):
    """Degrees of certainty about the lock's identity and kind."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """The lower-case word that users read and type."""
        return self.name.lower()


class Applicability(Enum):
    """Classes of fixes, by whether one may be applied without a review."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


class TextEdit(msgspec.Struct, frozen=True):
    """Replace the text of a span."""

    span: Span
    content: str


class Fix(msgspec.Struct, frozen=True):
    """A change that removes the finding."""

    message: str
    edits: tuple[TextEdit, ...]
    applicability: Applicability


class StepRole(StrEnum):
    """Kinds of steps, by what happens there; the values are those of JSON and SARIF."""

    ACQUIRE = "acquire"
    RELEASE = "release"
    RAISE = "raise"
    ORIGIN = "origin"
    """The place in a callee that raises."""
    EXIT = "exit"
    CALL = "call"
    TEST = "test"
    MADE = "made"
    """The creation of a lock."""
    WAIT = "wait"
    SPAWN = "spawn"
    """The start of a thread."""
    NOTE = "note"


ANCHORING_ROLES = frozenset({StepRole.ACQUIRE, StepRole.MADE})
"""The roles of the steps at which a suppression comment applies to the whole finding."""


class Step(msgspec.Struct, frozen=True):
    """A step of a finding: the place, what happens there, and the locks held after it.

    ``thread`` numbers the threads of a finding
    that needs several, from 1; 0 is a step of no particular thread. ``waits_for`` is the lock, by
    the name that it has in ``held`` of other threads, for which the thread waits at this step.
    ``in_task`` says that the thread is a task of an event loop.
    """

    role: StepRole
    path: str
    span: Span
    message: str
    function: str = ""
    lock: str = ""
    held: tuple[str, ...] = ()
    thread: int = 0
    waits_for: str = ""
    in_task: bool = False


class Anchor(msgspec.Struct, frozen=True, order=True):
    """A further place that a finding is about, in any file."""

    path: str
    span: Span


class Diagnostic(msgspec.Struct, frozen=True):
    """A finding, ready for any reporter.

    ``message`` is one sentence without a final full stop; ``steps`` are in order, and the primary
    place is among them; ``help`` says what to do. ``locks`` are canonical lock names. ``anchors``
    are further places where a suppression comment applies, such as the construction of a lock.
    ``fingerprint`` is the finding's identity across runs, and ``occurrence`` numbers the findings
    of one run with the same identity, from 1; both are set when the run is over.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    path: str
    span: Span
    message: str
    function: str = ""
    locks: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    help: str = ""
    fix: Fix | None = None
    anchors: tuple[Anchor, ...] = ()
    fingerprint: str = ""
    occurrence: int = 1

    def places(self) -> frozenset[tuple[str, int]]:
        """Return the files and lines where a comment suppresses it: its own, anchors, acquires."""
        return frozenset(
            {
                (self.path, self.span.line),
                *((anchor.path, anchor.span.line) for anchor in self.anchors),
                *(
                    (step.path, step.span.line)
                    for step in self.steps
                    if step.role in ANCHORING_ROLES
                ),
            }
        )

    def sort_key(self) -> tuple[str, Span, str, str]:
        """The order of every output: place first, then code."""
        return (self.path, self.span, self.code, self.message)
