"""Results made by hand, so that reporters can be tested without an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from locklint.core.diagnostic import (
    Applicability,
    Confidence,
    Diagnostic,
    Fix,
    Severity,
    Step,
    StepRole,
    TextEdit,
)
from locklint.core.source import Cell, SourceFile, Span
from locklint.engine.report import Report, Statistics
from locklint.reporting import render
from locklint.reporting.options import RenderOptions

PORT = """\
import threading


class Port:
    def __init__(self, serial):
        self._lock = threading.Lock()
        self.serial = serial

    def send(self, data):
        self._lock.acquire()
        self.serial.write(data)
        # The answer comes at once.
        # It is never longer than a line.
        # So there is nothing to loop over.
        self._lock.release()
"""

BANK = """\
def move(port):
    with port._lock:
        port.flush()
"""


def span(text: str, part: str, occurrence: int = 1) -> Span:
    """The place of the n-th occurrence of a part of a text, within one line."""
    index = -1
    for _ in range(occurrence):
        index = text.index(part, index + 1)
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return Span(line, column, line, column + len(part))


def step(
    path: str,
    place: Span,
    message: str,
    held: Sequence[str] = (),
    role: StepRole = StepRole.NOTE,
) -> Step:
    """A step that holds some locks."""
    return Step(role, path, place, message, "Port.send", "port.Port._lock", tuple(held))


def finding(
    path: str, place: Span, message: str, *steps: Step, code: str = "LCK102", advice: str = ""
) -> Diagnostic:
    """An error of rule LCK102, or of another."""
    return Diagnostic(
        code,
        "unreleased-on-exception" if code == "LCK102" else "some-rule",
        Severity.ERROR,
        Confidence.HIGH,
        path,
        place,
        message,
        steps=steps,
        help=advice,
    )


@dataclass
class Canned:
    """Files, and findings in them; `text` renders them without the closing lines."""

    files: dict[str, str] = field(default_factory=lambda: {"src/port.py": PORT})

    def report(self, *findings: Diagnostic) -> Report:
        """A report of the findings over all of the files."""
        sources = {
            path: SourceFile(
                path,
                path.removesuffix(".py").rpartition("/")[2],
                text,
                cells=NOTEBOOK_CELLS if path.endswith(".ipynb") else (),
            )
            for path, text in self.files.items()
        }
        statistics = Statistics(files=120, candidates=34, functions=410, locks=57)
        return Report(findings, statistics, (), sources)

    def text(
        self,
        *findings: Diagnostic,
        width: int | None = 80,
        encoding: str = "utf-8",
        color: bool = False,
    ) -> str:
        """The findings as `full` output of a width."""
        options = RenderOptions(width=width, encoding=encoding, color=color, closing=False)
        return render("full", self.report(*findings), options)


def leak() -> Diagnostic:
    """The usual finding: acquired, something raises, the release is skipped."""
    held = ("port.Port._lock",)
    acquire = span(PORT, "self._lock.acquire()")
    return Diagnostic(
        "LCK102",
        "unreleased-on-exception",
        Severity.ERROR,
        Confidence.HIGH,
        "src/port.py",
        acquire,
        "`self._lock` stays locked if `self.serial.write(data)` raises",
        function="Port.send",
        locks=held,
        steps=(
            step("src/port.py", acquire, "acquired here", held, StepRole.ACQUIRE),
            step(
                "src/port.py",
                span(PORT, "self.serial.write(data)"),
                "can raise",
                held,
                StepRole.RAISE,
            ),
            step(
                "src/port.py",
                span(PORT, "self._lock.release()"),
                "skipped then",
                (),
                StepRole.RELEASE,
            ),
        ),
        help="put the section into `with self._lock:`",
    )


ACCOUNTS = """\
import threading

accounts = threading.Lock()


def move(amount):
    with accounts:
        check(amount)
        log(amount)


def log(amount):
    from audit import ledger

    with ledger:
        ledger_lines.append(f"moved {amount}")
"""

AUDIT = """\
import threading

from accounts import accounts

ledger = threading.Lock()


class Audit:
    def run(self):
        with ledger:
            total = self.sum()
        return total

    def sum(self):
        with accounts:
            return sum(each.amount for each in self.accounts if each.is_open and not each.is_frozen)
"""

CYCLE_FILES = {"src/accounts.py": ACCOUNTS, "src/audit.py": AUDIT}


def cycle() -> Diagnostic:
    """Two threads that take two locks in opposite orders; in `CYCLE_FILES`."""

    def happens(
        thread: int,
        path: str,
        place: Span,
        role: StepRole,
        message: str,
        function: str,
        held: Sequence[str] = (),
        waits_for: str = "",
    ) -> Step:
        lock = waits_for or "accounts"
        return Step(role, path, place, message, function, lock, tuple(held), thread, waits_for)

    one, two = "src/accounts.py", "src/audit.py"
    return Diagnostic(
        "LCK301",
        "lock-order-cycle",
        Severity.ERROR,
        Confidence.HIGH,
        one,
        span(ACCOUNTS, "accounts", 2),
        "threads can deadlock: one acquires `accounts.accounts` then `audit.ledger`, another the "
        "other way round",
        function="move",
        locks=("accounts.accounts", "audit.ledger"),
        steps=(
            happens(
                1,
                one,
                span(ACCOUNTS, "accounts", 2),
                StepRole.ACQUIRE,
                "acquires `accounts.accounts`",
                "move",
                ["accounts.accounts"],
            ),
            happens(
                1,
                one,
                span(ACCOUNTS, "log(amount)"),
                StepRole.CALL,
                "calls `log`",
                "move",
                ["accounts.accounts"],
            ),
            happens(
                1,
                one,
                span(ACCOUNTS, "ledger", 2),
                StepRole.WAIT,
                "waits for `audit.ledger`, which thread 2 holds",
                "log",
                ["accounts.accounts"],
                "audit.ledger",
            ),
            happens(
                2,
                two,
                span(AUDIT, "ledger", 2),
                StepRole.ACQUIRE,
                "acquires `audit.ledger`",
                "Audit.run",
                ["audit.ledger"],
            ),
            happens(
                2,
                two,
                span(AUDIT, "self.sum()"),
                StepRole.CALL,
                "calls `self.sum`",
                "Audit.run",
                ["audit.ledger"],
            ),
            happens(
                2,
                two,
                span(AUDIT, "accounts", 3),
                StepRole.WAIT,
                "waits for `accounts.accounts`, which thread 1 holds",
                "Audit.sum",
                ["audit.ledger"],
                "accounts.accounts",
            ),
            happens(
                0,
                one,
                span(ACCOUNTS, "threading.Lock()"),
                StepRole.MADE,
                "`accounts.accounts` is created",
                "",
            ),
            happens(
                0,
                two,
                span(AUDIT, "threading.Lock()"),
                StepRole.MADE,
                "`audit.ledger` is created",
                "",
            ),
        ),
        help="always acquire these locks in the same order, or hold only one of them at a time",
    )


ODD = """\
naïve = threading.Lock()
"Grüße", naïve.acquire()
"""

NOTEBOOK = """\
import threading
lock = threading.Lock()
lock.acquire()
work()
"""

# The second cell of the notebook is text, and so no part of its code.
NOTEBOOK_CELLS = (Cell(1, 1), Cell(3, 3))

ALL_FILES = {
    "src/port.py": PORT,
    **CYCLE_FILES,
    "odd, 100%: [ü].py": ODD,
    "try.ipynb": NOTEBOOK,
}


def every_kind() -> Report:
    """What the snapshots of all formats show: each severity, a fix, a cycle, odd names, a cell."""
    odd, notebook = "odd, 100%: [ü].py", "try.ipynb"
    acquire = span(ODD, "naïve.acquire()")
    findings = (
        leak(),
        cycle(),
        Diagnostic(
            "LCK104",
            "never-released",
            Severity.WARNING,
            Confidence.MEDIUM,
            odd,
            acquire,
            "`naïve` | <b> is never released;\nor * is it",
            locks=("odd.naïve",),
            fix=Fix("use `with`", (TextEdit(acquire, "with naïve: ..."),), Applicability.UNSAFE),
        ),
        Diagnostic(
            "LCK101",
            "manual-acquire",
            Severity.INFO,
            Confidence.HIGH,
            notebook,
            span(NOTEBOOK, "lock.acquire()"),
            "`lock` is acquired by hand",
            locks=("try.lock",),
            steps=(step(notebook, span(NOTEBOOK, "work()"), "runs with it held", ["lock"]),),
        ),
    )
    return Canned(ALL_FILES).report(
        *(
            msgspec.structs.replace(each, fingerprint=f"{number:016x}")
            for number, each in enumerate(findings)
        )
    )
