"""Findings: one type for every rule and every output format."""

from __future__ import annotations

from enum import Enum, IntEnum

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
    """How sure the lock's identity and kind are."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """The lower-case word that users read and type."""
        return self.name.lower()


class Applicability(Enum):
    """Whether a fix may be applied without asking."""

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


# The roles of the steps at which a suppression of the whole finding counts.
ANCHORING_ROLES = frozenset({"acquire", "made"})


class Step(msgspec.Struct, frozen=True):
    """One step of a finding's story: where, what happens, and what is held after it.

    ``role`` is one of ``acquire``, ``release``, ``raise``, ``origin``, ``exit``, ``call``,
    ``test``, ``made``, ``wait``, ``spawn`` or ``note``. ``thread`` numbers the threads of a story
    that needs several, from 1; 0 is a step that belongs to no thread in particular. ``waits_for``
    is the lock, by the name that it has in ``held`` of other threads, for which the thread waits at
    this step. ``in_task`` says that the thread is a task of an event loop.
    """

    role: str
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
    """A place that a finding is about besides its own, in whatever file."""

    path: str
    span: Span


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding, ready for any reporter.

    ``message`` is one sentence without a final full stop; ``steps`` tell the story in order, the
    primary place among them; ``help`` says what to do. ``locks`` are canonical lock names.
    ``anchors`` are further places where a suppression counts, such as the construction of a lock.
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
        """The files and lines where a comment silences it: its own, the anchors, each acquire."""
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
