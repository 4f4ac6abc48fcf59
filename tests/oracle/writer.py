"""What a writer of random programs decides again and again: names, locks, conditions, ways out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle.helper_functions import Helpers
from tests.oracle.scope import Scope, Style

TRIES = (
    "{}.acquire(False)",
    "{}.acquire(blocking=False)",
    "{}.acquire(timeout=1)",
    "{}.acquire(True, 1)",
    "{}.acquire(blocking=True, timeout=0.5)",
)
HANDLERS = (
    ("except ValueError:", 5),
    ("except Exception:", 5),
    ("except KeyError:", 2),
    ("except:", 2),
    ("except BaseException:", 2),
    ("except (ValueError, KeyError):", 2),
    ("except LookupError:", 1),
    ("except ValueError as error:", 1),
)
_ENDS = ("return", "raise", "break", "continue")


CATCHING = frozenset(
    "attempt suppress exit_stack section_with_finally section_with_handler try_and_remember"
    " try_or_leave try_then flag same_condition match two_tries on_stack".split()
)
"""Statements that may handle or clean up after exceptions of their own.

The analysis keeps one exception in flight, so that one which is handled while another waits to go
on takes its place: there its answer is close, not exact.
"""


@dataclass(frozen=True)
class Options:
    """How large programs are, and what to leave out (names of statements, see `generate`).

    ``one_function``: no helper acquires or releases for the program, and handlers handle nothing of
    their own: what the analysis is exact about.
    """

    statements: int = 14
    depth: int = 4
    without: frozenset[str] = frozenset()
    one_function: bool = False


def indent(lines: list[str]) -> list[str]:
    """The lines one level deeper."""
    return ["    " + line for line in lines]


def ends(lines: list[str]) -> bool:
    """Whether control cannot get past the last line, as far as its text tells."""
    return bool(lines) and lines[-1].startswith(_ENDS)


class NoFreeLockError(Exception):
    """Every lock is held: another kind of statement has to be tried."""


class Writer:
    """Writes one program; ``statements`` are names of its methods, with weights."""

    def __init__(self, rng: random.Random, options: Options, statements: dict[str, int]) -> None:
        self.rng = rng
        self.options = options
        count = rng.choice((1, 1, 1, 2, 2, 3))
        self.style = Style(tuple(rng.random() < 0.2 for _ in range(count)), rng.random() < 0.2)
        self.helpers = Helpers(rng, self.style)
        self.left = rng.randint(3, options.statements)
        self.names: dict[str, int] = {}
        pairs = [
            (getattr(self, name), weight)
            for name, weight in statements.items()
            if name not in options.without
        ]
        self.statements: list[Callable[[Scope], list[str]]] = [method for method, _ in pairs]
        self.weights = [weight for _, weight in pairs]

    # The whole program.

    def program(self) -> str:
        scope = Scope(("c0", "c1"))
        for number in range(len(self.style.reentrant)):
            if "others" not in self.options.without and self.rng.random() < 0.1:
                self.helpers.others(number)
        body: list[str] = []
        while self.left > 0 and not ends(body):
            body += self.statement(scope)
        self.mutate(body)
        text = "\n".join(body)
        parameters = [name for name in ("c0", "c1", "items") if name in text]
        numbers = range(len(self.style.reentrant))
        kinds = ["RLock" if reentrant else "Lock" for reentrant in self.style.reentrant]
        lines = ["import contextlib", "import threading", ""]
        lines += ["from environment import choose, may_raise, pick", ""]
        if self.style.is_method:
            lines += ["", "class Box:", "    def __init__(self):"]
            lines += [f"        self.l{n} = threading.{kinds[n]}()" for n in numbers]
            lines += [f"    {line}" if line else "" for line in self.helpers.lines()]
            lines += ["", f"    def program({', '.join(['self', *parameters])}):"]
            lines += indent(indent(body))
        else:
            lines += [f"L{n} = threading.{kinds[n]}()" for n in numbers]
            lines += self.helpers.lines()
            lines += ["", "", f"def program({', '.join(parameters)}):", *indent(body)]
        return "\n".join(lines) + "\n"

    def mutate(self, body: list[str]) -> None:
        """Often, forget one statement of the finished program, as people do."""
        if self.rng.random() < 0.3:
            places = [
                index
                for index, line in enumerate(body)
                if line.rstrip()[-1] != ":"
                and " = " not in line
                and ":=" not in line
                and not line.lstrip().startswith(("nonlocal", "raise", "return"))
            ]
            if places:
                index = self.rng.choice(places)
                line = body[index]
                body[index] = line[: len(line) - len(line.lstrip())] + "pass"

    def block(self, scope: Scope) -> list[str]:
        """One to a few statements; never empty."""
        lines: list[str] = []
        while True:
            lines += self.statement(scope) if self.left > 0 else self.filler()
            if ends(lines) or self.left <= 0 or self.rng.random() < 0.55:
                return lines

    def statement(self, scope: Scope) -> list[str]:
        self.left -= 1
        if scope.depth >= self.options.depth:
            return self.simple(scope)
        while True:
            (method,) = self.rng.choices(self.statements, self.weights)
            if self.options.one_function and scope.in_cleanup and method.__name__ in CATCHING:
                continue
            try:
                if lines := method(scope):
                    return lines
            except NoFreeLockError:
                continue

    def simple(self, scope: Scope) -> list[str]:
        choice = self.rng.random()
        if choice < 0.5 and scope.held:
            return [self.release(self.held_lock(scope), scope)]
        return ["may_raise()"] if choice < 0.75 else self.filler()

    def filler(self) -> list[str]:
        return [self.rng.choice(("pass", "x = 1", "x = None", "may_raise()", "x = (1, 2)"))]

    # Choices of names.

    def fresh(self, stem: str) -> str:
        number = self.names.get(stem, 0)
        self.names[stem] = number + 1
        return f"{stem}{number}" if number else stem

    def variable(self, scope: Scope) -> str:
        """A variable for a truth value: now and then one that exists already."""
        if self.rng.random() < 0.12:
            return self.rng.choice(scope.truths)
        return self.fresh("got")

    def free_lock(self, scope: Scope) -> int:
        """A lock that is probably not held (hardly ever one that is, and is not re-entrant)."""
        numbers = range(len(self.style.reentrant))
        if self.rng.random() < 0.03:
            return self.rng.choice(numbers)
        taken = (*scope.held, *scope.owned)
        free = [n for n in numbers if n not in taken or self.style.reentrant[n]]
        if not free:
            raise NoFreeLockError
        return self.rng.choice(free)

    def held_lock(self, scope: Scope) -> int:
        if scope.held and self.rng.random() < 0.95:
            return scope.held[-1] if self.rng.random() < 0.85 else self.rng.choice(scope.held)
        return self.rng.randrange(len(self.style.reentrant))

    def uses_helper(self, chance: float) -> bool:
        return self.rng.random() < chance and not self.options.one_function

    def lock(self, number: int, scope: Scope) -> str:
        names = [name for name, of in scope.aliases if of == number]
        if names and self.rng.random() < 0.6:
            return self.rng.choice(names)
        return self.style.lock(number)

    def acquire(self, number: int, scope: Scope) -> str:
        scope.held.append(number)
        if self.uses_helper(0.08):
            return self.helpers.take(number) + "()"
        spelling = self.rng.choice((".acquire()",) * 8 + (".acquire(True)", ".acquire(timeout=-1)"))
        return self.lock(number, scope) + spelling

    def release(self, number: int, scope: Scope) -> str:
        if number in scope.held:
            scope.held.reverse()
            scope.held.remove(number)
            scope.held.reverse()
        names = [name for name, of in scope.releases if of == number]
        if names and self.rng.random() < 0.6:
            return self.rng.choice(names) + "()"
        if self.uses_helper(0.08):
            return self.helpers.drop(number) + "()"
        return self.lock(number, scope) + ".release()"

    def try_acquire(self, number: int, scope: Scope) -> str:
        if self.uses_helper(0.1):
            return self.helpers.attempt(number) + "()"
        return self.rng.choice(TRIES).format(self.lock(number, scope))

    def condition(self, scope: Scope) -> str:
        choice = self.rng.random()
        if choice < 0.3:
            return "choose()"
        name = self.rng.choice(scope.truths)
        if choice < 0.6:
            return name
        if choice < 0.8:
            return f"not {name}"
        other = self.rng.choice((*scope.truths, "choose()"))
        joined = f"{name} {self.rng.choice(('and', 'or'))} {other}"
        return joined if choice < 0.95 else f"not ({joined})"

    def bind(self, scope: Scope, name: str) -> None:
        """Note that ``name`` holds a truth value now, and no longer whatever it was."""
        if name not in scope.truths:
            scope.truths = (*scope.truths, name)

    def way_out(self, scope: Scope) -> str:
        ways = ["return", "return True", "return False", "return None", "raise ValueError()"]
        ways += ["raise KeyError()"]
        if scope.in_loop:
            ways += ["continue", "break", "continue"]
        if scope.in_handler:
            ways += ["raise", "raise", "raise"]
        return self.rng.choice(ways)

    def guarded(self, scope: Scope, number: int) -> Scope:
        """The scope of a block after which ``number`` is released; mostly, it leaves that lock."""
        inner = scope.inner()
        if number in inner.held and self.rng.random() < 0.85:
            inner.held.remove(number)
            inner.owned = (*inner.owned, number)
        return inner
