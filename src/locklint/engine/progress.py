"""How a run tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to a run; every method is cheap and may be called often.

    A run calls ``begin`` once for each of its phases, then ``advance`` as work gets done, and
    ``end`` once when nothing more will come. Calls come from one thread.
    """

    def begin(self, phase: str, total: int) -> None:
        """Start a phase: a short word or two for people, and how many steps it will have."""

    def advance(self, steps: int = 1) -> None:
        """Say that so many steps of the current phase are done."""

    def end(self) -> None:
        """Say that the run is over, whether it went well or not."""


class NoProgress:
    """A listener that ignores everything: the default of a run."""

    def begin(self, phase: str, total: int) -> None:
        """Ignore it."""

    def advance(self, steps: int = 1) -> None:
        """Ignore it."""

    def end(self) -> None:
        """Ignore it."""
