"""Each thread of a program as an automaton over what other threads can notice.

Calls are put in the place of their callees and loops are unrolled, so that a thread is a finite
graph. Its nodes are the operations on locks and threads; the choices between two of them
(``flag()``, ``rounds()``, tests of variables) are folded into the edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.deadlock_oracle.model import (
    Acquire,
    Attempt,
    Block,
    Call,
    Choose,
    Function,
    If,
    Join,
    Loop,
    Program,
    Release,
    Return,
    Section,
    Start,
    Statement,
)

ROUNDS = 2
"""How often a loop goes round at most; ``rounds()`` asks a flag before each."""
MAXIMUM_INSTRUCTIONS = 3_000


class InvalidProgramError(Exception):
    """The program would raise an error, or is larger than can be explored."""


class Kind(Enum):
    """What a thread does at a node."""

    BEGIN = auto()
    ACQUIRE = auto()
    ATTEMPT = auto()
    RELEASE = auto()
    START = auto()
    JOIN = auto()
    END = auto()


@dataclass(frozen=True)
class Edge:
    """Where a thread comes to, and what ``flag()`` and ``rounds()`` told it on the way."""

    node: int
    choices: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Node:
    """An operation; ``subject`` numbers a lock or a thread.

    ``after`` leads on from it, and ``failed`` from an attempt on a lock that is not free.
    """

    kind: Kind
    subject: int = -1
    after: tuple[Edge, ...] = ()
    failed: tuple[Edge, ...] = ()


@dataclass(frozen=True)
class Automaton:
    """One thread. Node 0 is where it begins."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Settings:
    """How a thread's choices are read.

    With ``free_branches``, a test of a variable may go either way each time. Locks besides those
    ``only`` are always free; with ``all_at_once`` starts and joins are not there. What is not there
    is no node, which keeps the automata small.
    """

    free_branches: bool = False
    only: frozenset[str] | None = None
    all_at_once: bool = False


def automata(program: Program, settings: Settings | None = None) -> tuple[Automaton, ...]:
    """The automata of ``main`` and of the threads; raises `InvalidProgramError`."""
    settings = settings or Settings()
    main = Function("main", program.main)
    result = [_Compiler(program, settings).thread(main, ())]
    for thread in program.threads:
        try:
            function = program.function(thread.function)
        except KeyError as error:
            raise InvalidProgramError(f"no function {error}") from None
        result.append(_Compiler(program, settings).thread(function, thread.arguments))
    return tuple(result)


class _Code(Enum):
    """Instructions that no other thread can notice."""

    FLAG = auto()  # go on, or to the target where the flag is false
    CHOOSE = auto()  # set a bit
    TEST = auto()  # go on where the bit is set, else to the target
    JUMP = auto()
    CLEAR = auto()  # forget bits


@dataclass
class _Instruction:
    code: _Code | Kind
    subject: int = -1
    target: int = -1


@dataclass
class _Frame:
    """A call: what its parameters are, its variables' bits, and what is to be released."""

    locks: Mapping[str, int]
    bits: dict[str, int] = field(default_factory=dict)
    cleanups: list[int] = field(default_factory=list)
    returns: list[int] = field(default_factory=list)


class _Compiler:
    def __init__(self, program: Program, settings: Settings) -> None:
        self.program = program
        self.settings = settings
        self.locks = {lock.name: number for number, lock in enumerate(program.locks)}
        self.code: list[_Instruction] = []
        self.bits = 0
        self.calls: list[str] = []

    def thread(self, function: Function, arguments: tuple[str, ...]) -> Automaton:
        self.emit(Kind.BEGIN)
        self.call(function, [self.lock(_Frame({}), name) for name in arguments])
        self.emit(Kind.END)
        only = self.settings.only
        absent = {self.locks[name] for name in self.locks if only is not None and name not in only}
        return _Folding(self.code, self.settings, absent).automaton()

    def emit(self, code: _Code | Kind, subject: int = -1) -> int:
        if len(self.code) >= MAXIMUM_INSTRUCTIONS:
            raise InvalidProgramError("a thread is too long")
        self.code.append(_Instruction(code, subject))
        return len(self.code) - 1

    def land(self, *places: int) -> None:
        """Let jumps lead to what comes next."""
        for place in places:
            self.code[place].target = len(self.code)

    def lock(self, frame: _Frame, name: str) -> int:
        if name in frame.locks:
            return frame.locks[name]
        if name not in self.locks:
            raise InvalidProgramError(f"no lock {name}")
        return self.locks[name]

    def call(self, function: Function, arguments: list[int]) -> None:
        if len(arguments) != len(function.parameters):
            raise InvalidProgramError(f"{function.name} takes other arguments")
        if function.name in self.calls:
            raise InvalidProgramError(f"{function.name} calls itself")
        self.calls.append(function.name)
        frame = _Frame(dict(zip(function.parameters, arguments, strict=True)))
        first_bit = self.bits
        for statement in function.body:
            if isinstance(statement, Choose) and statement.variable not in frame.bits:
                # Only variables that are set on every way are known to be there later.
                frame.bits[statement.variable] = self.bits
                self.bits += 1
            self.statement(statement, frame)
        self.land(*frame.returns)
        for bit in range(first_bit, self.bits):
            self.emit(_Code.CLEAR, bit)
        self.calls.pop()

    def block(self, block: Block, frame: _Frame) -> None:
        for statement in block:
            self.statement(statement, frame)

    def statement(self, statement: Statement, frame: _Frame) -> None:
        match statement:
            case Section(name, body):
                lock = self.lock(frame, name)
                self.emit(Kind.ACQUIRE, lock)
                self.guarded(lock, body, frame)
            case Attempt(name, body, _, leaves):
                lock = self.lock(frame, name)
                attempt = self.emit(Kind.ATTEMPT, lock)
                self.guarded(lock, body, frame)
                over = self.emit(_Code.JUMP)
                self.land(attempt)
                if leaves:
                    self.leave(frame)
                self.land(over)
            case Acquire(name):
                self.emit(Kind.ACQUIRE, self.lock(frame, name))
            case Release(name):
                self.emit(Kind.RELEASE, self.lock(frame, name))
            case Call(name, arguments):
                try:
                    callee = self.program.function(name)
                except KeyError:
                    raise InvalidProgramError(f"no function {name}") from None
                self.call(callee, [self.lock(frame, argument) for argument in arguments])
            case Choose(variable):
                self.emit(_Code.CHOOSE, self.bit(frame, variable))
            case If():
                self.branch(statement, frame)
            case Loop(body):
                exits = []
                for _ in range(ROUNDS):
                    exits.append(self.emit(_Code.FLAG))
                    self.block(body, frame)
                self.land(*exits)
            case Return():
                self.leave(frame)
            case Start(thread) | Join(thread):
                if self.calls != ["main"] or not 1 <= thread <= len(self.program.threads):
                    raise InvalidProgramError("main alone starts and joins threads")
                self.emit(Kind.START if isinstance(statement, Start) else Kind.JOIN, thread)

    def bit(self, frame: _Frame, variable: str) -> int:
        if variable not in frame.bits:
            raise InvalidProgramError(f"{variable} may not be set")
        return frame.bits[variable]

    def guarded(self, lock: int, body: Block, frame: _Frame) -> None:
        frame.cleanups.append(lock)
        self.block(body, frame)
        frame.cleanups.pop()
        self.emit(Kind.RELEASE, lock)

    def leave(self, frame: _Frame) -> None:
        for lock in reversed(frame.cleanups):
            self.emit(Kind.RELEASE, lock)
        frame.returns.append(self.emit(_Code.JUMP))

    def branch(self, statement: If, frame: _Frame) -> None:
        if statement.variable:
            bit = self.bit(frame, statement.variable)
            test = self.emit(_Code.TEST, bit)
        else:
            test = self.emit(_Code.FLAG)
        first, second = statement.body, statement.orelse
        if statement.negated:
            first, second = second, first
        self.block(first, frame)
        over = self.emit(_Code.JUMP)
        self.land(test)
        self.block(second, frame)
        self.land(over)


class _Folding:
    """Turns instructions into nodes and edges."""

    def __init__(self, code: list[_Instruction], settings: Settings, absent: set[int]) -> None:
        self.code = code
        self.absent = absent
        self.settings = settings
        self.numbers: dict[tuple[int, int], int] = {}
        self.waiting: list[tuple[int, int]] = []

    def automaton(self) -> Automaton:
        self.number((0, 0))
        nodes: list[Node] = []
        while len(nodes) < len(self.waiting):
            place, bits = self.waiting[len(nodes)]
            instruction = self.code[place]
            kind = instruction.code
            assert isinstance(kind, Kind)
            if kind is Kind.END:
                nodes.append(Node(kind))
                continue
            after = self.edges(place + 1, bits)
            failed = self.edges(instruction.target, bits) if kind is Kind.ATTEMPT else ()
            nodes.append(Node(kind, instruction.subject, after, failed))
        return Automaton(tuple(nodes))

    def number(self, place: tuple[int, int]) -> int:
        if place not in self.numbers:
            self.numbers[place] = len(self.numbers)
            self.waiting.append(place)
        return self.numbers[place]

    def is_absent(self, kind: Kind, subject: int) -> bool:
        if kind in (Kind.START, Kind.JOIN):
            return self.settings.all_at_once
        return kind in (Kind.ACQUIRE, Kind.ATTEMPT, Kind.RELEASE) and subject in self.absent

    def edges(self, place: int, bits: int) -> tuple[Edge, ...]:
        """All operations that may come next, each with one way to get there."""
        found: dict[int, Edge] = {}
        seen: set[tuple[int, int]] = set()
        stack: list[tuple[int, int, tuple[bool, ...]]] = [(place, bits, ())]
        while stack:
            place, bits, choices = stack.pop()
            if (place, bits) in seen:
                continue
            seen.add((place, bits))
            instruction = self.code[place]
            bit = 1 << instruction.subject if instruction.subject >= 0 else 0
            match instruction.code:
                case _Code.JUMP:
                    stack.append((instruction.target, bits, choices))
                case _Code.CLEAR:
                    stack.append((place + 1, bits & ~bit, choices))
                case _Code.CHOOSE:
                    stack.append((place + 1, bits & ~bit, (*choices, False)))
                    stack.append((place + 1, bits | bit, (*choices, True)))
                case _Code.FLAG:
                    stack.append((instruction.target, bits, (*choices, False)))
                    stack.append((place + 1, bits, (*choices, True)))
                case _Code.TEST:
                    if bits & bit or self.settings.free_branches:
                        stack.append((place + 1, bits, choices))
                    if not bits & bit or self.settings.free_branches:
                        stack.append((instruction.target, bits, choices))
                case Kind() as kind if self.is_absent(kind, instruction.subject):
                    stack.append((place + 1, bits, choices))
                case Kind():
                    node = self.number((place, bits))
                    found.setdefault(node, Edge(node, choices))
        return tuple(found[node] for node in sorted(found))
