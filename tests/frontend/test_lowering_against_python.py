"""Random programs, run by Python and along their graphs: both must do the same, step by step.

The programs call functions that ask a list of choices what to do: return true or false, raise one
of two exceptions, end a loop, swallow an exception. The graph is walked with the same choices.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from types import TracebackType

import pytest

from locklint.core.source import SourceFile, Span
from locklint.frontend.lower_module import FunctionSource, LoweringProblem, lower_function
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Assign,
    Call,
    Constant,
    Enter,
    Exit,
    Instruction,
    Operand,
    Operate,
)
from locklint.ir.means import OperateKind
from locklint.ir.printer import print_function
from locklint.ir.terminator import (
    Branch,
    Catch,
    Condition,
    Equals,
    IsNone,
    Jump,
    Opaque,
    Raise,
    Return,
    Swallows,
    Terminator,
    Truth,
    Unreachable,
)
from locklint.ir.verify import verify

PROGRAMS = 200
RUNS = 12
MAX_STEPS = 150


class One(Exception):
    """An exception of the programs."""


class Two(Exception):
    """Another one."""


class World:
    """What a program sees: the answers of its functions, and the record of what it asked."""

    def __init__(self, seed: int, exceptions: tuple[str, ...]) -> None:
        self._random = random.Random(seed)
        self._exceptions = exceptions
        self.trace: list[str] = []

    def note(self, event: str) -> None:
        self.trace.append(event)

    def over(self) -> bool:
        """Whether the run is long enough: each round of a loop asks first."""
        self.note("over")
        return len(self.trace) > MAX_STEPS

    def truth(self) -> bool:
        return self._random.random() < 0.5

    def fails(self) -> str | None:
        return self._random.choice(self._exceptions) if self._random.random() < 0.25 else None


class Programs:
    """Writes random programs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        # The graph does not tell which exception a re-raise raises where one was handled in
        # between; programs with handlers in clean-ups know one exception only.
        self.nested_cleanups = self._random.random() < 0.5
        self.exceptions = ("One",) if self.nested_cleanups else ("One", "Two")
        self._number = 0

    def write(self) -> str:
        lines = ["def program(a):"]
        lines += self._block(1, depth=3, in_loop=False, plain=False)
        return "\n".join(lines) + "\n"

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _block(self, indent: int, depth: int, in_loop: bool, plain: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self._random.randint(1, 3)):
            lines += self._statement(indent, depth, in_loop, plain)
        return lines

    def _statement(self, indent: int, depth: int, in_loop: bool, plain: bool) -> list[str]:
        pad = "    " * indent
        simple = ["call", "call", "bind", "raise", "return"]
        if in_loop:
            simple += ["break", "continue"]
        compound = ["if", "while", "for", "match"]
        if not plain:
            compound += ["try", "try", "with", "with"]
        kinds = simple if depth == 0 else simple[:3] + simple[3:] + compound * 2
        kind = self._random.choice(kinds)

        def block(loop: bool = in_loop, bare: bool = plain) -> list[str]:
            return self._block(indent + 1, depth - 1, loop, bare)

        def body() -> list[str]:
            return [f"{pad}    if over(): return", *block(loop=True)]

        lines: list[str] = []
        match kind:
            case "call":
                return [f"{pad}t({self._next()})"]
            case "bind":
                return [f"{pad}a = {self._value(2)}"]
            case "raise":
                if self._random.random() < 0.7:
                    return [f"{pad}t({self._next()})"]
                return [f"{pad}raise {self._random.choice(self.exceptions)}"]
            case "return":
                if self._random.random() < 0.6:
                    return [f"{pad}t({self._next()})"]
                return [f"{pad}return {self._value(1)}"]
            case "break" | "continue":
                return [f"{pad}{kind}"]
            case "if":
                lines = [f"{pad}if {self._test(2)}:", *block()]
                if self._random.random() < 0.4:
                    lines += [f"{pad}elif {self._test(1)}:", *block()]
                if self._random.random() < 0.5:
                    lines += [f"{pad}else:", *block()]
            case "while":
                test = self._random.choice([self._test(1), "True", "c()"])
                lines = [f"{pad}while {test}:", *body()]
                if self._random.random() < 0.4:
                    lines += [f"{pad}else:", *block()]
            case "for":
                lines = [f"{pad}for i in each({self._next()}):", *body()]
                if self._random.random() < 0.4:
                    lines += [f"{pad}else:", *block()]
            case "match":
                lines = [f"{pad}match {self._value(0)}:"]
                lines += [f"{pad}    case True if ({self._test(1)}):"]
                lines += self._block(indent + 2, depth - 1, in_loop, plain)
                lines += [f"{pad}    case None | False:"]
                lines += self._block(indent + 2, depth - 1, in_loop, plain)
                if self._random.random() < 0.5:
                    lines += [f"{pad}    case a:"]
                    lines += self._block(indent + 2, depth - 1, in_loop, plain)
            case "with":
                lines = [f"{pad}with {self._managers()}:", *block()]
            case "try":
                bare = plain or not self.nested_cleanups
                handlers = self._random.randint(0, 2)
                lines = [f"{pad}try:", *block()]
                names = ["One", "Two", "(One, Two)", "Exception", "One as e"]
                for name in self._random.sample(names, handlers):
                    lines += [f"{pad}except {name}:", *block(bare=bare)]
                    if self._random.random() < 0.3:
                        lines += [f"{pad}    raise"]
                if handlers and self._random.random() < 0.4:
                    lines += [f"{pad}else:", *block()]
                if not handlers or self._random.random() < 0.5:
                    # A `continue` here might keep a loop from ever ending.
                    lines += [f"{pad}finally:", *block(bare=bare, loop=False)]
        return lines

    def _managers(self) -> str:
        items = [f"m({self._next()})" for _ in range(self._random.randint(1, 2))]
        if self._random.random() < 0.3:
            items[0] += " as a"
        return ", ".join(items)

    def _test(self, depth: int) -> str:
        kind = self._random.randint(0, 9)
        if depth == 0 or kind <= 2:
            return self._random.choice(
                ["c()", "c()", "a", "a is None", "a is not True", "c() == 1"]
            )
        inner = [f"({self._test(depth - 1)})" for _ in range(3)]
        match kind:
            case 3:
                return f"not {inner[0]}"
            case 4:
                return f"{inner[0]} and {inner[1]}"
            case 5:
                return f"{inner[0]} or {inner[1]} or {inner[2]}"
            case 6:
                return f"{inner[0]} if {inner[1]} else {inner[2]}"
            case 7:
                return f"(b := {inner[0]})"
            case 8:
                return f"{inner[0]} and not {inner[1]} and {inner[2]}"
            case _:
                return f"(b := c()) is not {self._random.choice(['None', 'True', 'False'])}"

    def _value(self, depth: int) -> str:
        kind = self._random.randint(0, 6)
        if depth == 0 or kind <= 1:
            return self._random.choice(["None", "True", "False", "a", "c()", "c()"])
        inner = [f"({self._value(depth - 1)})" for _ in range(3)]
        match kind:
            case 2:
                return f"{inner[0]} and {inner[1]}"
            case 3:
                return f"{inner[0]} or {inner[1]} or {inner[2]}"
            case 4:
                return f"{inner[0]} if ({self._test(1)}) else {inner[1]}"
            case 5:
                return f"not {inner[0]}"
            case _:
                return f"{inner[0]} is {self._random.choice(['None', 'True'])}"


def run_python(text: str, world: World) -> str:
    """Run a program; how it ended."""
    classes = {"One": One, "Two": Two}

    def fail(name: str | None) -> None:
        if name is not None:
            raise classes[name]

    def t(number: int) -> None:
        world.note(f"t {number}")
        fail(world.fails())

    def c() -> bool:
        world.note("c")
        fail(world.fails())
        return world.truth()

    def each(number: int) -> Iterator[int]:
        world.note(f"each {number}")

        class Steps:
            def __iter__(self) -> Steps:
                return self

            def __next__(self) -> None:
                world.note("iterate")
                fail(world.fails())
                if not world.truth():
                    raise StopIteration

        return iter(Steps())  # type: ignore[arg-type]

    class Manager:
        def __init__(self, number: int) -> None:
            world.note(f"m {number}")

        def __enter__(self) -> bool:
            world.note("enter")
            fail(world.fails())
            return True

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> bool:
            world.note("exit" if kind is None else "exit exceptional")
            fail(world.fails())
            return kind is not None and world.truth()

    names = {"over": world.over, "t": t, "c": c, "each": each, "m": Manager, **classes}
    exec(compile(text, "program", "exec"), names)
    try:
        result = names["program"](None)  # type: ignore[operator]
    except (One, Two) as error:
        return f"raises {type(error).__name__}"
    return f"returns {result}"


class Walk:
    """Walks a graph with the same choices."""

    def __init__(self, function: Function, world: World) -> None:
        self._function = function
        self._world = world
        self._values: dict[str, object] = {"a": None}
        self._in_flight = ""
        self._answer = False

    def run(self) -> str:
        block = self._function.blocks[self._function.entry]
        while True:
            failure: str | None = None
            for instruction in block.instructions:
                failure = self._instruction(instruction)
                if failure is not None:
                    break
            if failure is None:
                following = self._terminator(block.terminator)
                if isinstance(following, str):
                    if not following.startswith("raises "):
                        return following
                    failure = following.removeprefix("raises ")
                else:
                    block = self._function.blocks[following]
                    continue
            self._in_flight = failure
            if block.on_exception is None:
                return f"raises {failure}"
            block = self._function.blocks[block.on_exception]

    def _instruction(self, instruction: Instruction) -> str | None:
        world = self._world
        match instruction:
            case Call(callee=AccessPath(root_name="over"), result=result):
                self._values[str(result)] = world.over()
            case Call(callee=AccessPath(root_name=name), arguments=arguments, result=result):
                number = str(arguments[0].value) if arguments else ""
                world.note(f"{name} {number}".rstrip())
                failure = world.fails() if name in ("t", "c") else None
                if failure is None and name == "c":
                    self._values[str(result)] = world.truth()
                return failure
            case Operate(kind=OperateKind.ITERATE):
                world.note("iterate")
                failure = world.fails()
                if failure is None:
                    self._answer = world.truth()
                return failure
            case Enter(result=result):
                world.note("enter")
                failure = world.fails()
                if failure is None and result is not None:
                    self._values[str(result)] = True
                return failure
            case Exit(exceptional=exceptional):
                world.note("exit exceptional" if exceptional else "exit")
                failure = world.fails()
                if failure is None and exceptional:
                    self._answer = world.truth()
                return failure
            case Assign(target=target, value=value):
                self._values[str(target)] = self._value(value)
        return None

    def _value(self, operand: Operand) -> object:
        match operand:
            case Constant(value=value):
                return value
            case AccessPath():
                return self._values.get(str(operand))
            case _:
                return None

    def _terminator(self, terminator: Terminator) -> int | str:
        match terminator:
            case Jump(target):
                return target
            case Branch(condition=condition, then=then, otherwise=otherwise):
                return then if self._holds(condition) else otherwise
            case Return(value=value):
                return f"returns {self._value(value)}"
            case Raise(exception=exception, reraise=reraise):
                return f"raises {self._in_flight if reraise else exception}"
            case Catch(handlers=handlers, uncaught=uncaught):
                for handler in handlers:
                    if {self._in_flight, "Exception"} & set(handler.types):
                        return handler.target
                return uncaught
            case Unreachable():
                raise AssertionError("unreachable")

    def _holds(self, condition: Condition) -> bool:
        match condition:
            case Truth(value):
                return bool(self._value(value))
            case IsNone(value):
                return self._value(value) is None
            case Equals(value, constant):
                return self._value(value) == constant.value
            case Opaque(text=None) | Swallows():
                return self._answer
            case _:
                raise AssertionError(f"unexpected test {condition}")


def lower(text: str) -> Function:
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = text.count("\n")
    source = SourceFile("program.py", "program", text)
    span, name_span = Span(1, 1, lines, len(source.line(lines)) + 1), Span(1, 5, 1, 12)
    lowered = lower_function(FunctionSource(source, "program", span, name_span, node))
    assert not isinstance(lowered, LoweringProblem), lowered
    assert len(lowered) == 1
    return lowered[0]


@pytest.mark.parametrize("chunk", range(8))
def test_graphs_do_what_python_does(chunk: int) -> None:
    for seed in range(chunk * PROGRAMS // 8, (chunk + 1) * PROGRAMS // 8):
        programs = Programs(seed)
        text = programs.write()
        function = lower(text)
        if function.too_complex:
            continue
        assert verify(function) == [], f"{text}\n{print_function(function)}"
        for run in range(RUNS):
            ours, theirs = World(run, programs.exceptions), World(run, programs.exceptions)
            expected = run_python(text, theirs)
            actual = Walk(function, ours).run()
            assert (actual, ours.trace) == (expected, theirs.trace), (
                f"seed {seed}, run {run}\n{text}\n{print_function(function)}"
            )
