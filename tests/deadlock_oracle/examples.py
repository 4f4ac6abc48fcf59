"""Programs of which it is known whether they can deadlock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.deadlock_oracle.explore import Cycle
from tests.deadlock_oracle.model import (
    TRY,
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
)


@dataclass(frozen=True)
class Example:
    """A program and what can happen to it; ``hangs``: it can stop without any deadlock."""

    program: Program
    cycles: frozenset[Cycle] = frozenset()
    self_deadlocks: frozenset[str] = frozenset()
    hangs: bool = False


def nested(*locks: str, inside: Block = ()) -> Section:
    """``with`` one lock around the next."""
    first, *rest = locks
    return Section(first, (nested(*rest, inside=inside),) if rest else inside)


def both(first: Block, second: Block, *more: Block) -> Program:
    """A program of a few threads that run at once."""
    bodies = (first, second, *more)
    functions = tuple(Function(f"run{n}", body) for n, body in enumerate(bodies, 1))
    return program(functions, tuple(Start(n) for n in range(1, len(bodies) + 1)))


LOCKS = (
    *(LockDefinition(name) for name in "abcg"),
    LockDefinition("r", reentrant=True),
    LockDefinition("done", signal=True),
)
BOX_LOCKS = (LockDefinition("box.lock"), LockDefinition("box.other"))


def program(
    functions: tuple[Function, ...],
    main: Block,
    threads: tuple[Thread, ...] | None = None,
) -> Program:
    """A program whose threads are those functions named ``run…`` unless told otherwise."""
    if threads is None:
        threads = tuple(Thread(f.name) for f in functions if f.name.startswith("run"))
    return Program((*LOCKS, *BOX_LOCKS), functions, threads, main)


def alone(*body: Statement) -> Program:
    """A program of the main thread alone."""
    return program((), body)


def cycles(*names: str) -> frozenset[Cycle]:
    """Cycles, each of locks with names of one letter."""
    return frozenset(tuple(name) for name in names)


AB, BA = nested("a", "b"), nested("b", "a")
START_BOTH = (Start(1), Start(2))

EXAMPLES: Mapping[str, Example] = {
    "opposite orders": Example(both((AB,), (BA,)), cycles("ab")),
    "opposite orders with try and finally": Example(
        both((Section("a", (Section("b", (), TRY),), TRY),), (BA,)), cycles("ab")
    ),
    "one order": Example(both((AB,), (AB,))),
    "released before": Example(both((nested("a"), nested("b")), (BA,))),
    "a gate around both": Example(
        both((nested("g", inside=(AB,)),), (nested("g", inside=(BA,)),)),
    ),
    "a gate around one": Example(both((nested("g", inside=(AB,)),), (BA,)), cycles("ab")),
    "a gate that is left before": Example(
        both((nested("g"), AB), (nested("g"), BA)),
        cycles("ab"),
    ),
    "a join between": Example(
        program(
            (Function("run1", (AB,)), Function("run2", (BA,))),
            (Start(1), Join(1), Start(2), Join(2)),
        )
    ),
    "a join of another thread between": Example(
        program(
            (Function("run1", (AB,)), Function("run2", (BA,)), Function("run3", ())),
            (Start(1), Start(3), Join(3), Start(2)),
        ),
        cycles("ab"),
    ),
    "main before the start": Example(program((Function("run1", (BA,)),), (AB, Start(1)))),
    "main after the start": Example(
        program((Function("run1", (BA,)),), (Start(1), AB)), cycles("ab")
    ),
    "main after the join": Example(program((Function("run1", (BA,)),), (Start(1), Join(1), AB))),
    "an inner attempt": Example(both((Section("a", (Attempt("b", ()),)),), (BA,))),
    "an outer attempt": Example(both((Attempt("a", (nested("b"),)),), (BA,)), cycles("ab")),
    "an outer attempt that leaves": Example(
        both((Attempt("a", (nested("b"),), leaves=True),), (BA,)), cycles("ab")
    ),
    "a ring of three": Example(
        both((AB,), (nested("b", "c"),), (nested("c", "a"),)), cycles("abc")
    ),
    "a ring of three in two threads": Example(both((AB, nested("b", "c")), (nested("c", "a"),))),
    "a ring of three the other way": Example(
        both((nested("b", "a"),), (nested("a", "c"),), (nested("c", "b"),)), cycles("acb")
    ),
    "three held at once": Example(
        both((nested("a", "b", "c"),), (nested("c", "a"),)), cycles("ac")
    ),
    "an RLock twice": Example(alone(nested("r", "r"))),
    "an RLock still counts for others": Example(
        both((nested("r", "r", "a"),), (nested("a", "r"),)), cycles("ar")
    ),
    "an RLock is released once too few": Example(
        program(
            (Function("run1", (Acquire("r"), Acquire("r"), Release("r"))),),
            (Start(1), nested("r")),
        ),
        hangs=True,
    ),
    "a lock twice": Example(alone(nested("a", "a")), self_deadlocks=frozenset("a")),
    "a lock twice through helpers": Example(
        program(
            (
                Function("run1", (Section("a", (Call("outer"),)),)),
                Function("outer", (If((Call("inner"),)),)),
                Function("inner", (nested("a"),)),
            ),
            (Start(1),),
        ),
        self_deadlocks=frozenset("a"),
    ),
    "a lock of the box twice through a method": Example(
        program(
            (
                Function("run1", (Section("box.lock", (Call("inner"),)),), is_method=True),
                Function("inner", (nested("box.lock"),), is_method=True),
            ),
            (Start(1),),
        ),
        self_deadlocks=frozenset({"box.lock"}),
    ),
    "a lock tried while held": Example(alone(nested("a", inside=(Attempt("a", ()),)))),
    "branches that exclude each other": Example(
        alone(If((Section("a", ()),), (Section("a", ()),)))
    ),
    "variables that exclude each other": Example(
        alone(
            Choose("chosen"),
            If((Acquire("a"),), variable="chosen"),
            If((nested("a"),), variable="chosen", negated=True),
            If((Release("a"),), variable="chosen"),
        )
    ),
    "flags that do not exclude each other": Example(
        both((If((Acquire("a"),)), If((nested("a"),))), ()),
        self_deadlocks=frozenset("a"),
    ),
    "branches of two threads": Example(
        both((If((AB,), (BA,)),), (If((AB,), (BA,)),)), cycles("ab")
    ),
    "two rounds": Example(both((Loop((nested("a"), AB)),), (Loop((BA,)),)), cycles("ab")),
    "held into the next round": Example(
        alone(Loop((Acquire("a"),))), self_deadlocks=frozenset("a")
    ),
    "hand over hand": Example(
        both(
            (Acquire("a"), Acquire("b"), Release("a"), Acquire("c"), Release("b"), Release("c")),
            (nested("c", "a"),),
        )
    ),
    "hand over hand against the order": Example(
        both(
            (Acquire("a"), Acquire("b"), Release("a"), Acquire("c"), Release("b"), Release("c")),
            (nested("c", "b"),),
        ),
        cycles("bc"),
    ),
    "a return gives back": Example(
        both((Section("a", (Return(),)), nested("b")), (BA,)),
    ),
    "a return skips": Example(
        both((Section("a", (If((Return(),)), nested("b"))),), (Section("b", (Return(), AB)),)),
    ),
    "arguments": Example(
        program(
            (Function("move", (nested("first", "second"),), ("first", "second")),),
            START_BOTH,
            (Thread("move", ("a", "b")), Thread("move", ("b", "a"))),
        ),
        cycles("ab"),
    ),
    "arguments in one order": Example(
        program(
            (Function("move", (nested("first", "second"),), ("first", "second")),),
            START_BOTH,
            (Thread("move", ("a", "b")), Thread("move", ("a", "b"))),
        ),
    ),
    "arguments that are one lock": Example(
        program(
            (
                Function("run1", (Call("move", ("a", "a")),)),
                Function("move", (nested("first", "second"),), ("first", "second")),
            ),
            (Start(1),),
        ),
        self_deadlocks=frozenset("a"),
    ),
    "wrappers that take and drop": Example(
        program(
            (
                Function("run1", (Call("take"), nested("b"), Call("drop"))),
                Function("run2", (Section("b", (Call("take"), Call("drop"))),)),
                Function("take", (Acquire("a"),)),
                Function("drop", (Release("a"),)),
            ),
            START_BOTH,
        ),
        cycles("ab"),
    ),
    "wrappers that wait": Example(
        both((Acquire("a", wrapped=True), nested("b"), Release("a")), (BA,)), cycles("ab")
    ),
    "a wrapper told not to wait": Example(
        both((Section("a", (Attempt("b", (), wrapped=True),)),), (BA,))
    ),
    "a wrapper told not to wait, outside": Example(
        both((Attempt("a", (nested("b"),), "acquire(timeout=1)", True, True),), (BA,)), cycles("ab")
    ),
    "opposite orders in two files": Example(replace(both((AB,), (BA,)), files=2), cycles("ab")),
    "a call into another file": Example(
        replace(
            program(
                (
                    Function("run1", (Section("a", (Call("step"),)),)),
                    Function("run2", (BA,)),
                    Function("step", (nested("b"),)),
                ),
                START_BOTH,
            ),
            files=3,
        ),
        cycles("ab"),
    ),
    "a signal from another thread": Example(
        program(
            (Function("run1", (Release("done"),)),),
            (Acquire("done"), Start(1), Acquire("done")),
        )
    ),
    "a signal under a lock": Example(
        program(
            (
                Function("run1", (Section("a", (Acquire("done"),)),)),
                Function("run2", (Section("b", ()), Release("done"))),
            ),
            (Acquire("done"), *START_BOTH),
        )
    ),
    "one thread runs both orders": Example(program((Function("run1", (AB, BA)),), (Start(1),))),
    "both orders in main": Example(program((Function("run1", ()),), (Start(1), AB, BA))),
    "two threads run both orders": Example(both((AB, BA), (AB, BA)), cycles("ab")),
    "main waits for a thread that needs its lock": Example(
        program((Function("run1", (nested("a"),)),), (Section("a", (Start(1), Join(1))),)),
        hangs=True,
    ),
    "stopped by itself before": Example(
        both((nested("a", "a"), AB), (nested("c"), BA)),
        self_deadlocks=frozenset("a"),
    ),
}
