"""Random programs of a few functions, locks and threads."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tests.deadlock_oracle.model import (
    BOX,
    TRY,
    WITH,
    Access,
    Acquire,
    Attempt,
    Block,
    Call,
    Choose,
    Function,
    If,
    Join,
    LockDefinition,
    Loop,
    Program,
    Release,
    Return,
    Section,
    Start,
    Statement,
    Thread,
    mentioned_locks,
    pruned,
    walk,
)

ATTEMPTS = (
    "acquire(False)",
    "acquire(blocking=False)",
    "acquire(timeout=1)",
    "acquire(True, 0.5)",
)
STATEMENTS = {
    "section": 12,
    "call": 8,
    "branch": 3,
    "attempt": 2,
    "loop": 1,
    "bare": 1,
    "hand_over_hand": 1,
    "wrapped": 1,
    "leave": 1,
    "same_condition": 1,
}
"""The kinds of statement, with weights; each is the name of a method."""
_DEPTH = 3
_VARIABLE = "chosen"
_SIGNAL = "done"


@dataclass(frozen=True)
class Options:
    """Names of statements, and of `FEATURES`, that are left out."""

    without: frozenset[str] = frozenset()


FEATURES = (
    "box",
    "parameters",
    "reentrant",
    "join",
    "main_locks",
    "order",
    "gate",
    "wrappers",
    "signal",
    "files",
    "given",
    "closures",
    "stored",
)


def generate(seed: int, options: Options | None = None) -> Program:
    """The program of a seed; it never releases what it does not hold."""
    return _Generator(random.Random(seed), options or Options()).program()


def _accesses(function: Function) -> list[Access]:
    """Return the ways in which programs get at such a function.

    Callables in containers get no locks, and they acquire and release in pairs.
    """
    plain = function.parameters or isinstance(
        function.body[0] if function.body else None, Acquire | Release
    )
    without = (Access.TABLE, Access.LIST) if plain else ()
    return [access for access in Access if access not in without]


@dataclass
class _Scope:
    """Where in a function a statement stands."""

    names: tuple[str, ...]  # locks that can be mentioned
    held: tuple[str, ...] = ()
    depth: int = 0
    level: int = 0
    may_return: bool = True

    def inside(self, lock: str, *, may_return: bool = True) -> _Scope:
        """The scope of a block under a lock."""
        return replace(
            self,
            held=(*self.held, lock),
            depth=self.depth + 1,
            may_return=self.may_return and may_return,
        )


class _Generator:
    def __init__(self, rng: random.Random, options: Options) -> None:
        self.rng = rng
        self.without = options.without
        self.kinds = {name: weight for name, weight in STATEMENTS.items() if self.uses(name)}
        self.functions: list[Function] = []
        self.levels: dict[str, int] = {}  # of a function; it calls those of higher levels
        self.taken: dict[str, frozenset[str]] = {}  # locks that a function may take
        self.with_wrappers: set[str] = set()
        names = list("abc"[: rng.choice((1, 2, 2, 2, 3, 3))])
        if self.uses("box") and rng.random() < 0.4:
            names += ["box.lock", "box.other"][: rng.choice((1, 1, 2))]
        if len(names) == 1:
            names.append("b")
        rng.shuffle(names)
        self.names = tuple(names)  # in their fixed order, where there is one
        self.reentrant = {
            name: self.uses("reentrant") and rng.random() < 0.15 for name in (*names, "gate")
        }
        self.has_box = any(name.startswith("box.") for name in names)
        self.ordered = self.uses("order") and rng.random() < 0.2
        self.gated = self.uses("gate") and rng.random() < 0.15
        self.wraps = self.uses("wrappers") and rng.random() < 0.2
        self.signals = self.uses("signal") and rng.random() < 0.15

    def uses(self, feature: str) -> bool:
        return feature not in self.without

    def program(self) -> Program:
        rng = self.rng
        for level in range(_DEPTH, 0, -1):
            for number in range(rng.choice((0, 1, 1, 2))):
                self.add(f"step_{'xyz'[level - 1]}{number}", level)
        threads = [self.thread(number) for number in range(1, rng.choice((2, 2, 2, 3)) + 1)]
        main = self.main(len(threads))
        locks = [LockDefinition(name, self.reentrant[name]) for name in (*self.names, "gate")]
        if self.signals:
            locks.append(LockDefinition(_SIGNAL, signal=True))
            main = self.with_signal(main, threads)
        files = rng.choice((2, 3)) if self.uses("files") and rng.random() < 0.3 else 1
        return self.dressed(
            pruned(Program(tuple(locks), tuple(self.functions), tuple(threads), main, files))
        )

    def dressed(self, program: Program) -> Program:
        """The same program, with other ways from locks to their users and from calls to callees."""
        rng = self.rng
        has_box = any(lock.name.startswith(BOX + ".") for lock in program.locks)
        has_box = has_box or any(function.is_method for function in program.functions)
        if self.uses("given") and has_box and rng.random() < 0.4:
            program = replace(program, given=True)
        closes = self.uses("closures") and rng.random() < 0.35
        if closes and not has_box and program.files == 1 and rng.random() < 0.6:
            program = replace(program, local=True)
        stores = self.uses("stored") and rng.random() < 0.35
        functions = []
        for function in program.functions:
            if closes and not program.local and not function.is_method and rng.random() < 0.7:
                function = replace(function, enclosed=True)
            if stores and rng.random() < 0.6:
                function = replace(function, access=rng.choice(_accesses(function)))
            functions.append(function)
        return replace(program, functions=tuple(functions))

    def with_signal(self, main: Block, threads: list[Thread]) -> Block:
        """Let a thread release what ``main`` acquired before, and perhaps ``main`` wait for it."""
        signaller = self.rng.choice([thread.function for thread in threads])
        if sum(thread.function == signaller for thread in threads) > 1:
            return main
        for index, function in enumerate(self.functions):
            if function.name == signaller:
                # A branch that returns never signals: the program then waits, as real ones do.
                body = (*function.body, Release(_SIGNAL))
                self.functions[index] = replace(function, body=body)
        waits = self.rng.random() < 0.7
        return (Acquire(_SIGNAL), *main, *((Acquire(_SIGNAL),) if waits else ()))

    # Functions, threads, main.

    def add(self, name: str, level: int) -> Function:
        rng = self.rng
        is_method = self.has_box and rng.random() < 0.5
        parameters: tuple[str, ...] = ()
        if self.uses("parameters") and not self.ordered and rng.random() < 0.15:
            parameters = ("first", "second")[: rng.choice((1, 2, 2))]
        names = (*parameters, *self.names)
        if parameters and rng.random() < 0.7:
            names = parameters
        scope = _Scope(names, level=level)
        body = self.block(scope, rng.choice((1, 1, 2, 3)))
        if level == 0 and self.gated and rng.random() < 0.85:
            body = (Section("gate", body),)
        if self.mentions_variable(body):
            body = (Choose(_VARIABLE), *body)
        function = Function(name, body, parameters, is_method)
        self.functions.append(function)
        self.levels[name] = level
        self.taken[name] = self.locks_of(body)
        return function

    def thread(self, number: int) -> Thread:
        candidates = [f for f in self.functions if self.levels.get(f.name, 9) <= 1]
        if candidates and self.rng.random() < 0.2:
            function = self.rng.choice(candidates)
        else:
            function = self.add(f"run{number}", 0)
        return Thread(function.name, self.arguments(function, _Scope(self.names)) or ())

    def main(self, count: int) -> Block:
        rng = self.rng
        main: list[Statement] = []
        alive: list[int] = []
        for number in range(1, count + 1):
            if alive and self.uses("join") and rng.random() < 0.2:
                main.append(Join(alive.pop(rng.randrange(len(alive)))))
            main += self.main_section(0.07)
            main.append(Start(number))
            alive.append(number)
        main += self.main_section(0.15)
        if self.uses("join") and rng.random() < 0.5:
            main += [Join(number) for number in alive]
            main += self.main_section(0.1)
        return tuple(main)

    def main_section(self, chance: float) -> Block:
        if not self.uses("main_locks") or self.rng.random() > chance:
            return ()
        scope = _Scope(self.names, may_return=False)
        statement = self.section(scope) if self.rng.random() < 0.6 else self.call(scope)
        return () if self.mentions_variable(statement) else statement

    # Blocks.

    def block(self, scope: _Scope, count: int = 0) -> Block:
        """Some statements."""
        count = count or self.rng.choice((0, 1, 1, 1, 2))
        result: list[Statement] = []
        for _ in range(count):
            result += self.statement(scope)
            if result and isinstance(result[-1], Return):
                break
        return tuple(result)

    def statement(self, scope: _Scope) -> Block:
        if scope.depth >= 4:
            return ()
        for _ in range(5):
            (kind,) = self.rng.choices(list(self.kinds), list(self.kinds.values()))
            statement: Block = getattr(self, kind)(scope)
            if statement:
                return statement
        return ()

    def lock(self, scope: _Scope) -> str:
        """A lock to take; empty where none is left."""
        names = [name for name in scope.names if self.may_take(name, scope)]
        return self.rng.choice(names) if names else ""

    def may_take(self, name: str, scope: _Scope) -> bool:
        if name in scope.held and not self.reentrant.get(name, False):
            return self.rng.random() < 0.008
        if self.ordered and name in self.names:
            places = [self.names.index(held) for held in scope.held if held in self.names]
            return name in scope.held or all(self.names.index(name) > place for place in places)
        return True

    def section(self, scope: _Scope) -> Block:
        lock = self.lock(scope)
        if not lock:
            return ()
        form = WITH if self.rng.random() < 0.75 else TRY
        return (Section(lock, self.block(scope.inside(lock)), form),)

    def attempt(self, scope: _Scope) -> Block:
        lock = self.lock(scope)
        if not lock:
            return ()
        leaves = scope.may_return and self.rng.random() < 0.5
        call = self.rng.choice(ATTEMPTS)
        return (Attempt(lock, self.block(scope.inside(lock)), call, leaves, self.wrapped_call()),)

    def bare(self, scope: _Scope) -> Block:
        lock = self.lock(scope)
        if not lock:
            return ()
        inner = self.block(scope.inside(lock, may_return=False))
        return (Acquire(lock, self.wrapped_call()), *inner, Release(lock))

    def wrapped_call(self) -> bool:
        """Whether a function that hands its arguments on acquires the next lock."""
        return self.wraps and self.rng.random() < 0.6

    def hand_over_hand(self, scope: _Scope) -> Block:
        first = self.lock(scope)
        if not first:
            return ()
        inner = scope.inside(first, may_return=False)
        second = self.lock(inner)
        if not second or second == first:
            return ()
        rest = self.block(replace(inner, held=(*scope.held, second)))
        return (Acquire(first), Acquire(second), Release(first), *rest, Release(second))

    def wrapped(self, scope: _Scope) -> Block:
        """A lock that one helper takes and another one gives back."""
        lock = self.lock(scope)
        if not lock or lock not in self.names or scope.level >= _DEPTH:
            return ()
        ending = lock.removeprefix("box.")
        take, drop = f"take_{ending}", f"drop_{ending}"
        if lock not in self.with_wrappers:
            self.with_wrappers.add(lock)
            is_method = lock.startswith("box.")
            self.functions.append(Function(take, (Acquire(lock),), is_method=is_method))
            self.functions.append(Function(drop, (Release(lock),), is_method=is_method))
        inner = self.block(scope.inside(lock, may_return=False))
        return (Call(take), *inner, Call(drop))

    def call(self, scope: _Scope) -> Block:
        functions = [f for f in self.functions if self.levels.get(f.name, 0) > scope.level]
        if not functions:
            return ()
        function = self.rng.choice(functions)
        arguments = self.arguments(function, scope)
        if arguments is None:
            return ()
        taken = self.taken[function.name] | frozenset(arguments)
        if not set(scope.held) <= set(self.names) and self.rng.random() < 0.7:
            return ()  # A parameter may well be a lock that the callee takes.
        if not all(self.may_take(name, scope) for name in sorted(taken)):
            return ()
        return (Call(function.name, arguments),)

    def arguments(self, function: Function, scope: _Scope) -> tuple[str, ...] | None:
        """Locks for a function, most often different ones; None where there are not enough."""
        if len(scope.names) < len(function.parameters):
            return None
        if self.rng.random() < 0.03:
            return tuple(self.rng.choice(scope.names) for _ in function.parameters)
        return tuple(self.rng.sample(scope.names, len(function.parameters)))

    def branch(self, scope: _Scope) -> Block:
        inner = replace(scope, depth=scope.depth + 1)
        orelse = self.block(inner) if self.rng.random() < 0.4 else ()
        return (If(self.block(inner), orelse),)

    def loop(self, scope: _Scope) -> Block:
        return (Loop(self.block(replace(scope, depth=scope.depth + 1))),)

    def leave(self, scope: _Scope) -> Block:
        return (If((Return(),)),) if scope.may_return else ()

    def same_condition(self, scope: _Scope) -> Block:
        """A lock that is held on some ways, given back on the same ones."""
        lock = self.lock(scope)
        if not lock:
            return ()
        negated = self.rng.random() < 0.5
        inner = self.block(scope.inside(lock, may_return=False), 1)
        if self.rng.random() < 0.5:
            # Something on just those ways on which the lock is not held.
            free = replace(scope, depth=scope.depth + 1, may_return=False)
            more = self.section(free)
            inner = (*inner, If(more, (), _VARIABLE, not negated)) if more else inner
        before = If((Acquire(lock),), (), _VARIABLE, negated)
        return (before, *inner, If((Release(lock),), (), _VARIABLE, negated))

    # Facts about what is written already.

    def mentions_variable(self, block: Block) -> bool:
        return any(isinstance(s, If) and s.variable for s in walk(block))

    def locks_of(self, block: Block) -> frozenset[str]:
        found: set[str] = set()
        for statement in walk(block):
            found.update(mentioned_locks(statement))
            if isinstance(statement, Call):
                found |= self.taken.get(statement.function, frozenset())
        return frozenset(found) & frozenset(self.names)
