"""The part of a run's report that reporters read.

The report itself belongs to the engine, a layer above; reporters need no more than this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locklint.core.diagnostic import Diagnostic
    from locklint.core.not_analysed import NotAnalysed
    from locklint.core.source import SourceFile


class Counts(Protocol):
    """The amount of code that was analysed."""

    @property
    def files(self) -> int:
        """Files found."""

    @property
    def candidates(self) -> int:
        """Files that mention locks."""

    @property
    def functions(self) -> int:
        """Functions analysed."""

    @property
    def incomplete(self) -> int:
        """Return those of the functions about which nothing is concluded."""

    @property
    def locks(self) -> int:
        """Locks known."""

    @property
    def edges(self) -> int:
        """Edges of the lock-order graph."""

    @property
    def suppressed(self) -> int:
        """Findings that comments suppress."""


class Defect(Protocol):
    """An error of locklint's own."""

    @property
    def path(self) -> str:
        """The file that was worked on."""

    @property
    def message(self) -> str:
        """Return the error in one line."""

    @property
    def description(self) -> str:
        """Return a line for the user: the error, and that it is a bug if it is one."""


class Hidden(Protocol):
    """A finding that a comment suppresses."""

    @property
    def diagnostic(self) -> Diagnostic:
        """The finding."""

    @property
    def reason(self) -> str:
        """The reason that the comment gives, or nothing."""


class Results(Protocol):
    """Findings in output order, counts, and the texts for snippets."""

    @property
    def diagnostics(self) -> Sequence[Diagnostic]:
        """The findings to show."""

    @property
    def errors(self) -> Sequence[Defect]:
        """Errors of locklint's own, each of which may have cost findings."""

    @property
    def not_analysed(self) -> Sequence[NotAnalysed]:
        """The files, functions and parts of functions that were not analysed."""

    @property
    def statistics(self) -> Counts:
        """The amount of code that was analysed."""

    @property
    def compared(self) -> bool:
        """Return whether findings in a baseline were removed, so that all are new."""

    @property
    def silenced(self) -> Sequence[Hidden]:
        """The findings that comments suppress."""

    @property
    def known(self) -> Sequence[Diagnostic]:
        """The findings that the baseline knows."""

    @property
    def sources(self) -> Mapping[str, SourceFile]:
        """The files that findings and their steps point into, by the path in the finding."""
