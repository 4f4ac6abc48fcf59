"""The ground truth of a small lock program: run it over every choice that it can make.

The program is text that this package generated (or a test wrote), never code under analysis. It
runs against a stand-in for `threading` whose locks count and never block, and against a module
``environment`` whose functions take their results from a tape. All tapes are tried depth first.

The program's function is called ``program``; a method of that name of a class ``Box`` will do as
well. Its parameters ``c0``, ``c1``, … are truth values that stay what they are, ``items`` is
something to iterate over. What ``environment`` offers:

- ``may_raise()`` returns None or raises; ``choose()`` returns False or True, or raises;
  ``pick()`` returns 0, 1 or 2, or raises. What they raise is, for all that a reader can tell,
  anything: each class that a handler of the program names, and one that none names.

A path ends without an exit where a lock that is not re-entrant is waited for while held
(deadlock), where a lock that is not held is released (unless the `World` says that this raises),
and where a loop goes round more often than the bound.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, SimpleNamespace
from typing import Any

from tests.oracle.machine import (
    Condition,
    Interrupt,
    Items,
    Lock,
    Machine,
    Other,
    PathEnded,
    UnheldRelease,
    World,
)

MAXIMUM_PATHS = 4_000
NORMAL = "normal"
EXCEPTION = "exception"
UNLIKELY = "unlikely"  # an exception that is not reckoned with


class Discarded(Exception):
    """The program has too many paths, or is broken; the text says which."""


@dataclass
class Truth:
    """What happened, over all paths.

    ``exits``: per way out (normal, exception) the vectors of held counts in the order of
    ``locks``. ``unheld_releases``: lines that release a lock that is certainly not held;
    ``releases``: per line, whether it was held (both may occur). ``leaks``: per acquire line, by
    which exits it leaves its lock held.
    ``locks_of_line``: the locks that a line touches. ``settled``: the last round of loops taught
    nothing new. Lines are those of ``program`` itself: what a helper does is put down to its call.
    """

    locks: tuple[str, ...]
    exits: dict[str, set[tuple[int, ...]]]
    unheld_releases: set[int] = field(default_factory=set)
    releases: dict[int, set[bool]] = field(default_factory=dict)
    leaks: dict[int, set[str]] = field(default_factory=dict)
    deadlocks: set[int] = field(default_factory=set)
    locks_of_line: dict[int, set[str]] = field(default_factory=dict)
    paths: int = 0
    cut: int = 0  # paths that ended at the bound of a loop
    settled: bool = True

    def counts(self, way_out: str, lock: str) -> set[int]:
        """How often ``lock`` may be held at that way out."""
        index = self.locks.index(lock)
        return {vector[index] for vector in self.exits[way_out]}


_CAUGHT = re.compile(r"\b(?:except|suppress)\b(.*)")
_EXCEPTIONS: dict[str, type[BaseException]] = {
    "ValueError": ValueError,
    "KeyError": KeyError,
    "LookupError": LookupError,
    "AssertionError": AssertionError,
    "OSError": OSError,
}
_EXPECTED: tuple[type[BaseException], ...] = (
    *_EXCEPTIONS.values(),
    Other,
    Interrupt,
    UnheldRelease,
)
_BROKEN = (NameError, TypeError, AttributeError, RuntimeError, SyntaxError)


def raised_by_unknown_calls(text: str, world: World) -> tuple[type[BaseException], ...]:
    """One exception class for each way in which the handlers of ``text`` can treat one."""
    caught = {name for part in _CAUGHT.findall(text) for name in re.findall(r"\w+", part)}
    classes: list[type[BaseException]] = [Other]
    if world.interrupts and "Exception" in caught:
        classes.append(Interrupt)
    classes += [_EXCEPTIONS[name] for name in sorted(caught & _EXCEPTIONS.keys())]
    return tuple(classes)


def _bounded(tree: ast.Module) -> ast.Module:
    """The program with every ``while`` counted: its entry, and each of its rounds."""
    number = 0

    def call(name: str, loop: int, like: ast.stmt) -> ast.Expr:
        at: dict[str, Any] = {"lineno": like.lineno, "col_offset": 0}
        at |= {"end_lineno": like.lineno, "end_col_offset": 0}
        function = ast.Name(name, ast.Load(), **at)
        return ast.Expr(ast.Call(function, [ast.Constant(loop, **at)], [], **at), **at)

    def visit(statements: list[ast.stmt]) -> list[ast.stmt]:
        nonlocal number
        result: list[ast.stmt] = []
        for statement in statements:
            for name in ("body", "orelse", "finalbody"):
                if inner := getattr(statement, name, None):
                    setattr(statement, name, visit(inner))
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                part.body = visit(part.body)
            if isinstance(statement, ast.While):
                number += 1
                result.append(call("enter_loop__", number, statement))
                statement.body.insert(0, call("go_round__", number, statement))
            result.append(statement)
        return result

    tree.body = visit(tree.body)
    return tree


def _load(text: str, machine: Machine, entry: str) -> Callable[..., object]:
    """Run the program's module and return one of its functions."""
    modules = {
        "threading": SimpleNamespace(
            Lock=lambda: Lock(machine, False),
            RLock=lambda: Lock(machine, True),
        ),
        "environment": SimpleNamespace(
            may_raise=machine.may_raise, choose=machine.choose, pick=machine.pick
        ),
        "contextlib": contextlib,
    }
    namespace: dict[str, Any] = {
        "__builtins__": {
            **vars(builtins),
            "__import__": lambda name, *rest: modules[name],
        },
        "__name__": "program",
        "enter_loop__": machine.enter_loop,
        "go_round__": machine.go_round,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(text)
        code = compile(_bounded(tree) if "while" in text else tree, "<program>", "exec")
    function: Any
    try:
        exec(code, namespace)  # the text was generated by this package
        names = namespace
        function = namespace.get(entry)
        if "Box" in namespace:
            box = namespace["Box"]()
            names, function = vars(box), getattr(box, entry)
        for name, value in names.items():
            if isinstance(value, Lock):
                value.name = name.upper()
        machine.program_code = getattr(function, "__func__", function).__code__
    except (Exception, PathEnded) as error:
        raise Discarded(f"broken: {error!r}") from error
    return function  # type: ignore[no-any-return]


def execute(
    text: str,
    world: World | None = None,
    *,
    bound: int = 2,
    maximum_paths: int = MAXIMUM_PATHS,
    watch: bool = False,
    entry: str = "program",
) -> Truth:
    """Run the function ``entry`` of ``text`` over all its choices.

    ``bound`` is how many rounds a loop may make. ``watch`` looks for faults of the program, such as
    an unbound name, even where one of its own handlers swallows them (slow). Raises `Discarded`.
    """
    world = world or World()
    machine = Machine(world, raised_by_unknown_calls(text, world), bound)
    function = _load(text, machine, entry)
    code = machine.program_code
    assert code is not None
    names = code.co_varnames[: code.co_argcount]
    if names[:1] == ("self",):
        names = names[1:]
    outcomes: set[tuple[str, tuple[int, ...], tuple[tuple[int, ...], ...]]] = set()
    outcomes_before: set[tuple[str, tuple[int, ...], tuple[tuple[int, ...], ...]]] = set()
    releases: set[tuple[int, bool]] = set()
    releases_before: set[tuple[int, bool]] = set()
    paths = cut = 0
    watcher = _Watcher() if watch else None
    while True:
        machine.reset()
        machine.releases = set()
        arguments = [Items(machine) if n == "items" else Condition(machine) for n in names]
        way_out = NORMAL
        try:
            if watcher is not None:
                sys.settrace(watcher.trace)
            try:
                function(*arguments)
            finally:
                if watcher is not None:
                    sys.settrace(None)
        except PathEnded:
            pass
        except _EXPECTED as error:
            way_out = UNLIKELY if getattr(error, "unlikely", False) else EXCEPTION
        except Exception as error:
            raise Discarded(f"broken: {error!r}") from error
        if watcher is not None and watcher.fault is not None and not machine.dead:
            raise Discarded(f"broken: {watcher.fault!r}")
        paths += 1
        if machine.rounds < bound:
            releases_before |= machine.releases
        releases |= machine.releases
        if machine.dead:
            cut += machine.ending == "bound"
        elif way_out != UNLIKELY:
            counts = tuple(lock.count for lock in machine.locks)
            outcome = (way_out, counts, tuple(tuple(lock.levels) for lock in machine.locks))
            outcomes.add(outcome)
            if machine.rounds < bound:
                outcomes_before.add(outcome)
        if not machine.tape.advance():
            break
        if paths >= maximum_paths:
            raise Discarded("too many paths")
    truth = Truth(tuple(lock.name for lock in machine.locks), {NORMAL: set(), EXCEPTION: set()})
    for way_out, counts, levels in outcomes:
        truth.exits[way_out].add(counts)
        for lines in levels:
            for line in lines:
                truth.leaks.setdefault(line, set()).add(way_out)
    for line, was_held in releases:
        truth.releases.setdefault(line, set()).add(was_held)
        if not was_held:
            truth.unheld_releases.add(line)
    for line, name in machine.touched:
        truth.locks_of_line.setdefault(line, set()).add(name)
    truth.deadlocks = machine.deadlocks
    truth.paths = paths
    truth.cut = cut
    truth.settled = outcomes == outcomes_before and releases == releases_before
    return truth


class _Watcher:
    """Notes exceptions that mean that the program itself is broken, caught or not."""

    def __init__(self) -> None:
        self.fault: BaseException | None = None

    @staticmethod
    def is_fault(error: object) -> bool:
        return isinstance(error, _BROKEN) and not isinstance(error, UnheldRelease)

    def trace(self, frame: FrameType, event: str, detail: Any) -> Any:
        if event == "exception" and self.is_fault(detail[1]):
            self.fault = detail[1]
        frame.f_trace_lines = False
        return self.trace
