"""What a run hands to the reporters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from locklint.core.diagnostic import Diagnostic
from locklint.core.source import SourceFile


@dataclass(frozen=True)
class InternalError:
    """An unexpected error of locklint's own while it worked on one file."""

    path: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Statistics:
    """What was analysed: files found, files that mention locks, functions lowered, locks known."""

    files: int = 0
    candidates: int = 0
    functions: int = 0
    locks: int = 0
    edges: int = 0
    suppressed: int = 0


@dataclass(frozen=True)
class Report:
    """Findings in output order, what was analysed, what went wrong, and the texts for snippets.

    ``sources`` holds at least every file that a finding or one of its steps points into.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    statistics: Statistics = Statistics()
    errors: tuple[InternalError, ...] = ()
    sources: Mapping[str, SourceFile] = field(default_factory=dict)
