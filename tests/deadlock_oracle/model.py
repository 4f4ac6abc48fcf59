"""Small concurrent programs as trees: what is generated, explored, written down and shrunk.

A lock is named by a string: ``a`` is a variable of the module, ``box.lock`` an attribute of its one
``Box``, and any other name a parameter of the function that mentions it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

BOX = "box"
WITH = "with"
TRY = "try"


@dataclass(frozen=True)
class Section:
    """Hold a lock for a block: ``with``, or acquire with ``try`` … ``finally`` release."""

    lock: str
    body: Block
    form: str = WITH


@dataclass(frozen=True)
class Attempt:
    """Hold a lock for a block if it is free.

    ``call`` is what stands after the lock: ``acquire(False)`` or another form that does not block
    indefinitely. With ``leaves`` the function is left when the lock is not free; else only the
    block is skipped. With ``wrapped`` a function that hands its arguments on acquires the lock.
    """

    lock: str
    body: Block
    call: str = "acquire(False)"
    leaves: bool = False
    wrapped: bool = False


@dataclass(frozen=True)
class Acquire:
    """Acquire a lock, with nothing that makes sure that it is released.

    With ``wrapped`` a function that hands its arguments on acquires the lock.
    """

    lock: str
    wrapped: bool = False


@dataclass(frozen=True)
class Release:
    """Give a lock back."""

    lock: str


@dataclass(frozen=True)
class Call:
    """Call a function of the program with locks as arguments."""

    function: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choose:
    """Set a local variable to true or false, no one knows which."""

    variable: str


@dataclass(frozen=True)
class If:
    """Go one way or the other: by a local variable, or where it is empty, no one knows why."""

    body: Block
    orelse: Block = ()
    variable: str = ""
    negated: bool = False


@dataclass(frozen=True)
class Loop:
    """Run a block no, one or two times."""

    body: Block


@dataclass(frozen=True)
class Return:
    """Leave the function, and with it the sections around."""


@dataclass(frozen=True)
class Start:
    """Start a thread of the program; stands in ``main`` alone, outside of branches and loops."""

    thread: int


@dataclass(frozen=True)
class Join:
    """Wait for a thread of the program; stands in ``main`` alone."""

    thread: int


Statement = (
    Section | Attempt | Acquire | Release | Call | Choose | If | Loop | Return | Start | Join
)
Block = tuple[Statement, ...]


@dataclass(frozen=True)
class LockDefinition:
    """A lock, and whether its owner may acquire it again.

    Any thread may release a ``signal``: a thread that waits for it waits for an event, not for the
    thread that acquired it last, so it is part of no deadlock.
    """

    name: str
    reentrant: bool = False
    signal: bool = False


class Access(Enum):
    """How a call gets at its function."""

    NAME = "by its name"
    CONSTRUCTOR = "from an attribute that a constructor sets"
    ATTRIBUTE = "from an attribute that is set from outside"
    TABLE = "from a dictionary"
    LIST = "in a loop over a list"


@dataclass(frozen=True)
class Function:
    """A function of the module, or a method of ``Box``. Its parameters are locks.

    Calls do not go round in circles. An ``enclosed`` function is made by another one, which gets
    the locks of the module that it mentions as arguments.
    """

    name: str
    body: Block
    parameters: tuple[str, ...] = ()
    is_method: bool = False
    enclosed: bool = False
    access: Access = Access.NAME


@dataclass(frozen=True)
class Thread:
    """A thread that runs a function with locks as arguments."""

    function: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """Locks, functions, threads, and ``main``, which the main thread runs.

    Thread 0 is the main thread; ``threads`` are counted from 1. ``files`` is how many files it is
    written to. If locks are ``given``, the constructor of the box gets them as arguments: its own,
    and those of the module that its methods mention. If all is ``local``, one function makes the
    locks and defines the functions. None of these changes what can happen.
    """

    locks: tuple[LockDefinition, ...]
    functions: tuple[Function, ...]
    threads: tuple[Thread, ...]
    main: Block
    files: int = 1
    given: bool = False
    local: bool = False

    def function(self, name: str) -> Function:
        """The function of a name; raises `KeyError` where there is none."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)

    def lock_names(self) -> frozenset[str]:
        """The names of all locks."""
        return frozenset(lock.name for lock in self.locks)

    def size(self) -> int:
        """How large the program is: statements, functions and locks."""
        blocks = [self.main, *(function.body for function in self.functions)]
        statements = sum(1 for block in blocks for _ in walk(block))
        return statements + len(self.functions) + len(self.locks) + len(self.threads)


def blocks_of(statement: Statement) -> tuple[tuple[str, Block], ...]:
    """The blocks inside a statement, with the names of their fields."""
    match statement:
        case If(body=body, orelse=orelse):
            return (("body", body), ("orelse", orelse))
        case Section(body=body) | Attempt(body=body) | Loop(body=body):
            return (("body", body),)
        case _:
            return ()


def walk(block: Block) -> Iterator[Statement]:
    """All statements of a block and of the blocks inside."""
    for statement in block:
        yield statement
        for _, inner in blocks_of(statement):
            yield from walk(inner)


def call_order(program: Program) -> list[str]:
    """The functions that threads or ``main`` reach, those that are called before their callers.

    Raises `KeyError` for a call of a function that does not exist.
    """
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            visit_block(program.function(name).body)
            order.append(name)

    def visit_block(block: Block) -> None:
        for statement in walk(block):
            if isinstance(statement, Call):
                visit(statement.function)

    for thread in program.threads:
        visit(thread.function)
    visit_block(program.main)
    return order


def pruned(program: Program) -> Program:
    """The program without functions that nothing reaches and locks that nothing mentions."""
    order = call_order(program)
    functions = tuple(f for f in program.functions if f.name in order)
    mentioned: set[str] = set()
    for thread in program.threads:
        mentioned.update(thread.arguments)
    for block in (program.main, *(function.body for function in functions)):
        for statement in walk(block):
            mentioned.update(mentioned_locks(statement))
    locks = tuple(lock for lock in program.locks if lock.name in mentioned)
    return replace(program, functions=functions, locks=locks)


def mentioned_locks(statement: Statement) -> tuple[str, ...]:
    """The names of locks in a statement itself, not in its blocks."""
    match statement:
        case Section(lock=lock) | Attempt(lock=lock) | Acquire(lock=lock) | Release(lock=lock):
            return (lock,)
        case Call(arguments=arguments):
            return arguments
        case _:
            return ()
