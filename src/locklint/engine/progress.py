"""Progress of a run, reported to any listener."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A listener to a run; every method is cheap and may be called often.

    A run calls ``begin`` for each of its phases, then ``advance`` as work gets done. Calls come
    from one thread. The maker of the listener reports the end of the run to it.
    """

    def begin(self, phase: str, total: int | None = None) -> None:
        """Start a phase: a few words for people, and the number of its steps if it is known."""

    def advance(self, steps: int = 1) -> None:
        """Count steps of the current phase that are done; 0 says that work goes on."""


class NoProgress:
    """A listener that ignores everything: the default of a run."""

    def begin(self, phase: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, steps: int = 1) -> None:
        """Ignore it."""


def tracked(items: Iterable[T], progress: Progress, steps: int = 1) -> Iterator[T]:
    """Yield the items, and advance after each."""
    for item in items:
        yield item
        progress.advance(steps)
