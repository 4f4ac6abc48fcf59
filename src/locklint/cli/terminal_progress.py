"""Shows on a terminal how far a long run is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds; a run that is over before leaves no trace.
PATIENCE = 1.0


class TerminalProgress:
    """A bar on standard error that appears after a second and is wiped away at the end."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._appears_at = time.monotonic() + patience
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._phase = ""
        self._total = 0
        self._done = 0

    def begin(self, phase: str, total: int) -> None:
        """Start a phase of so many steps."""
        self._phase, self._total, self._done = phase, total, 0
        self._task = None
        self._show()

    def advance(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self._done += steps
        self._show()

    def end(self) -> None:
        """Wipe the bar away; may be called more than once."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._appears_at = float("inf")

    def _show(self) -> None:
        if self._bar is None:
            if time.monotonic() < self._appears_at:
                return
            self._bar = _bar()
            self._bar.start()
        if self._task is None:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._task = self._bar.add_task(self._phase, total=self._total)
        self._bar.update(self._task, completed=self._done)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=5,
    )
