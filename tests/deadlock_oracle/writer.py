"""A program of the model as a Python module."""

from __future__ import annotations

import re

from tests.deadlock_oracle.model import (
    BOX,
    WITH,
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

ENVIRONMENT = "environment"
"""The module from which programs take ``flag()``, true or false, and ``rounds()``, to loop over."""


def write(program: Program) -> str:
    """The text of the program: a module with ``main``, which runs when it is the main module."""
    return _Writer(program).module()


def shape(program: Program) -> str:
    """The text of the program without its own choice of names, to tell which are alike."""
    names = [lock.name.rpartition(".")[2] for lock in program.locks]
    names += [function.name for function in program.functions]
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        name = match.group()
        return numbers.setdefault(name, f"name{len(numbers)}") if name in names else name

    # Locks are made in whatever order they were thought of, so names are numbered by their uses.
    text = write(program)
    uses = text.partition("\n\n\n")[2]
    return "\n".join(sorted(re.sub(r"\b[a-z]\w*", numbered, uses).split("\n\n\n")))


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.owner = BOX  # what stands for the box: its variable, or ``self`` in its methods

    def module(self) -> str:
        program = self.program
        attributes = [lock for lock in program.locks if lock.name.startswith(BOX + ".")]
        methods = [function for function in program.functions if function.is_method]
        lines = ["import threading", "", f"from {ENVIRONMENT} import flag, rounds", ""]
        for lock in program.locks:
            if lock not in attributes:
                lines.append(f"{lock.name} = {_constructor(lock.reentrant)}")
        if attributes or methods:
            lines += ["", "", "class Box:"]
            made = [f"self.{_attribute(x.name)} = {_constructor(x.reentrant)}" for x in attributes]
            if made:
                lines += ["    def __init__(self):", *_indented(_indented(made))]
            self.owner = "self"
            for number, method in enumerate(methods):
                lines += [""] if made or number else []
                lines += _indented(self.function(method))
            self.owner = BOX
            lines += ["", "", f"{BOX} = Box()"]
        for function in program.functions:
            if not function.is_method:
                lines += ["", "", *self.function(function)]
        lines += ["", "", "def main():", *self.block(program.main)]
        lines += ["", "", 'if __name__ == "__main__":', "    main()"]
        return "\n".join(lines) + "\n"

    def function(self, function: Function) -> list[str]:
        parameters = [*(["self"] if function.is_method else []), *function.parameters]
        return [f"def {function.name}({', '.join(parameters)}):", *self.block(function.body)]

    def block(self, block: Block) -> list[str]:
        lines = [line for statement in block for line in self.statement(statement)]
        return _indented(lines or ["pass"])

    def lock(self, name: str) -> str:
        """The lock as this function writes it."""
        if name.startswith(BOX + "."):
            return f"{self.owner}.{_attribute(name)}"
        return name

    def callee(self, name: str) -> str:
        return f"{self.owner}.{name}" if self.program.function(name).is_method else name

    def statement(self, statement: Statement) -> list[str]:
        match statement:
            case Section(lock, body, form) if form == WITH:
                return [f"with {self.lock(lock)}:", *self.block(body)]
            case Section(lock, body):
                return [f"{self.lock(lock)}.acquire()", *self.guarded(lock, body)]
            case Attempt(lock, body, call, leaves=True):
                test = f"if not {self.lock(lock)}.{call}:"
                return [test, "    return", *self.guarded(lock, body)]
            case Attempt(lock, body, call):
                return [f"if {self.lock(lock)}.{call}:", *_indented(self.guarded(lock, body))]
            case Acquire(lock):
                return [f"{self.lock(lock)}.acquire()"]
            case Release(lock):
                return [f"{self.lock(lock)}.release()"]
            case Call(function, arguments):
                listed = ", ".join(map(self.lock, arguments))
                return [f"{self.callee(function)}({listed})"]
            case Choose(variable):
                return [f"{variable} = flag()"]
            case If(body, orelse, variable, negated):
                test = f"{'not ' if negated else ''}{variable or 'flag()'}"
                lines = [f"if {test}:", *self.block(body)]
                return [*lines, "else:", *self.block(orelse)] if orelse else lines
            case Loop(body):
                return ["for _ in rounds():", *self.block(body)]
            case Return():
                return ["return"]
            case Start(thread):
                return self.start(thread)
            case Join(thread):
                return [f"t{thread}.join()"]

    def guarded(self, lock: str, body: Block) -> list[str]:
        release = f"{self.lock(lock)}.release()"
        return ["try:", *self.block(body), "finally:", f"    {release}"]

    def start(self, number: int) -> list[str]:
        thread = self.program.threads[number - 1]
        arguments = ", ".join(map(self.lock, thread.arguments))
        comma = "," if len(thread.arguments) == 1 else ""
        given = f", args=({arguments}{comma})" if arguments else ""
        made = f"threading.Thread(target={self.callee(thread.function)}{given})"
        return [f"t{number} = {made}", f"t{number}.start()"]


def _attribute(name: str) -> str:
    return name.removeprefix(BOX + ".")


def _constructor(reentrant: bool) -> str:
    return "threading.RLock()" if reentrant else "threading.Lock()"
