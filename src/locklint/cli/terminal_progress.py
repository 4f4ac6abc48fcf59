"""Shows on a terminal how far a long run is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds; a run that is over before leaves no trace.
PATIENCE = 2.0

# Seconds between two drawings of one phase.
INTERVAL = 0.2

# The longest name of a phase, so that nothing moves when phases change.
_NAME = "analysing functions"


class TerminalProgress:
    """A line on standard error that appears after two seconds and is erased at the end.

    It has no thread of its own, for workers are copies of this process.
    """

    def __init__(self, patience: float | None = None) -> None:
        self._began = time.monotonic()
        self._draws_at = self._began + (PATIENCE if patience is None else patience)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._phase = ""
        self._total: int | None = None
        self._done = 0

    def begin(self, phase: str, total: int | None = None) -> None:
        """Start a phase, of so many steps if that is known."""
        self._phase, self._total, self._done = phase, total, 0
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        if self._bar is not None:
            self._draw()
        else:
            self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self._done += steps
        if time.monotonic() >= self._draws_at:
            self._draw()

    def end(self) -> None:
        """Wipe the line away; may be called more than once."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._draws_at = float("inf")

    def _draw(self) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
        now = time.monotonic()
        passed = int(now - self._began)
        of = "" if self._total is None else f" of {self._total:,}"
        count, clock = f"{self._done:,}{of}", f"{passed // 60}:{passed % 60:02}"
        if self._task is None:
            name = f"{self._phase:{len(_NAME)}}"
            self._task = self._bar.add_task(name, total=self._total, count=count, clock=clock)
        self._bar.update(self._task, completed=self._done, count=count, clock=clock)
        self._bar.refresh()
        self._draws_at = now + INTERVAL


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[count]}", markup=False),
        TextColumn("{task.fields[clock]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
