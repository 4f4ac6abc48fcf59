"""A program of the model as a Python module."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.deadlock_oracle.model import (
    BOX,
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
    Loop,
    Program,
    Release,
    Return,
    Section,
    Start,
    Statement,
    mentioned_locks,
    walk,
)

ENVIRONMENT = "environment"
"""The module from which programs take ``flag()``, true or false, and ``rounds()``, to loop over."""


MAIN = "m"
"""The module with ``main``."""
LOCKS = "locks"
"""The module with the locks and the box, if the program has several files."""
MAKER = "make"
"""The function that makes the locks and the functions, if all is local."""
_STEPS = "steps"
_WRAPPER = "grab"
_HOOKS = "hooks"
_GIVEN = "given_"


def write(program: Program) -> str:
    """The text of the program as one module, with ``main``, which runs in the main module."""
    return _Writer(replace(program, files=1)).module(MAIN)


def write_files(program: Program) -> dict[str, str]:
    """The text of each module of the program, by the module's name.

    With two files the locks and the box stand apart, with three those functions too that no thread
    starts with.
    """
    modules = (MAIN, LOCKS, _STEPS)[: program.files]
    return {name: _Writer(program).module(name) for name in modules}


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
        self.owner = ""  # ``self`` in methods of the box
        self.enclosed: dict[str, str] = {}  # locks by the parameters of the maker around
        self.here = MAIN
        self.with_locks = LOCKS if program.files > 1 else MAIN
        self.with_steps = _STEPS if program.files > 2 else MAIN
        self.started = {thread.function for thread in program.threads}

    def module(self, name: str) -> str:
        """The text of one module."""
        self.here = name
        lines = ["import threading", "", f"from {ENVIRONMENT} import flag, rounds"]
        others = {self.with_locks, self.with_steps, MAIN} - {name}
        imports = [f"import {other}" for other in sorted(others)]
        lines += [*imports, ""] if name != self.with_locks else [""]
        body = self.definitions(name)
        if self.program.local:
            # The lines of the functions stand in the maker, with ``main`` among them.
            body = ["", "", f"def {MAKER}():", *_indented(body), "    return main"]
            body += ["", "", f"main = {MAKER}()"]
        lines += body
        if name == self.with_locks and imports:
            lines += ["", *imports]  # At the end: the others need the locks when they are loaded.
        if name == MAIN:
            lines += ["", "", 'if __name__ == "__main__":', "    main()"]
        return "\n".join(lines) + "\n"

    def definitions(self, module: str) -> list[str]:
        """The locks, functions, stored callables and ``main`` of a module."""
        lines = self.locks() if module == self.with_locks else []
        for function in self.program.functions:
            if self.home(function) == module and not function.is_method:
                lines += ["", "", *self.made(function)]
        if module == MAIN:
            lines += self.hooks()
            lines += ["", "", "def main():", *self.block(self.program.main)]
        return lines

    def home(self, function: Function) -> str:
        """The module that a function stands in."""
        if function.is_method:
            return self.with_locks
        return MAIN if function.name in self.started else self.with_steps

    def placed(self, module: str, name: str) -> str:
        """The name as this module writes it."""
        return name if module == self.here else f"{module}.{name}"

    def locks(self) -> list[str]:
        """The locks, the box, and a function that hands its arguments on to ``acquire``."""
        program = self.program
        attributes = [lock for lock in program.locks if lock.name.startswith(BOX + ".")]
        methods = [function for function in program.functions if function.is_method]
        lines: list[str] = []
        for lock in program.locks:
            if lock not in attributes:
                lines.append(f"{lock.name} = {_constructor(lock.reentrant)}")
        if attributes or methods:
            lines += ["", "", "class Box:"]
            arguments = ""
            made = [f"self.{_attribute(x.name)} = {_constructor(x.reentrant)}" for x in attributes]
            if program.given:
                others = self.given(methods)
                names = [_attribute(x.name) for x in attributes]
                names += [_GIVEN + name for name in others]
                made = [f"self.{name} = {name}" for name in names]
                arguments = ", ".join([*(_constructor(x.reentrant) for x in attributes), *others])
            if made:
                parameters = ", ".join(["self", *(names if program.given else [])])
                lines += [f"    def __init__({parameters}):", *_indented(_indented(made))]
            self.owner = "self"
            for number, method in enumerate(methods):
                lines += [""] if made or number else []
                lines += _indented(self.function(method))
            self.owner = ""
            lines += ["", "", f"{BOX} = Box({arguments})"]
        blocks = (program.main, *(function.body for function in program.functions))
        if any(getattr(s, "wrapped", False) for block in blocks for s in walk(block)):
            lines += ["", "", f"def {_WRAPPER}(lock, blocking=True, timeout=-1):"]
            lines += ["    return lock.acquire(blocking, timeout)"]
        return lines

    def given(self, methods: list[Function]) -> list[str]:
        """The locks of the module that methods of the box mention, in the order of the program."""
        mentioned = {name for method in methods for name in _mentioned(method)}
        return [lock.name for lock in self.program.locks if _is_global(lock.name, mentioned)]

    def hooks(self) -> list[str]:
        """An object that keeps the functions that are not called by their names."""
        stored = [f for f in self.program.functions if f.access is not Access.NAME]
        if not stored:
            return []
        by = {way: [f for f in stored if f.access is way] for way in Access}
        made = [f"self.on_{f.name} = on_{f.name}" for f in by[Access.CONSTRUCTOR]]
        made += [f"self.on_{f.name} = None" for f in by[Access.ATTRIBUTE]]
        made += ["self.table = {}"] if by[Access.TABLE] else []
        made += [f"self.after_{f.name} = []" for f in by[Access.LIST]]
        parameters = ", ".join(["self", *(f"on_{f.name}" for f in by[Access.CONSTRUCTOR])])
        lines = ["", "", "class Hooks:", f"    def __init__({parameters}):"]
        lines += _indented(_indented(made))
        arguments = ", ".join(self.named(f) for f in by[Access.CONSTRUCTOR])
        lines += ["", "", f"{_HOOKS} = Hooks({arguments})"]
        lines += [f"{_HOOKS}.on_{f.name} = {self.named(f)}" for f in by[Access.ATTRIBUTE]]
        lines += [f'{_HOOKS}.table["{f.name}"] = {self.named(f)}' for f in by[Access.TABLE]]
        lines += [f"{_HOOKS}.after_{f.name}.append({self.named(f)})" for f in by[Access.LIST]]
        return lines

    def made(self, function: Function) -> list[str]:
        """The function, by itself or with the one that makes it around."""
        if not function.enclosed:
            return self.function(function)
        mentioned = _mentioned(function)
        names = [x.name for x in self.program.locks if _is_global(x.name, mentioned)]
        self.enclosed = {name: f"the_{name}" for name in names}
        maker = f"make_{function.name}"
        lines = [f"def {maker}({', '.join(self.enclosed.values())}):"]
        lines += [*_indented(self.function(function)), "", f"    return {function.name}"]
        self.enclosed = {}
        arguments = ", ".join(map(self.lock, names))
        return [*lines, "", "", f"{function.name} = {maker}({arguments})"]

    def function(self, function: Function) -> list[str]:
        parameters = [*(["self"] if function.is_method else []), *function.parameters]
        return [f"def {function.name}({', '.join(parameters)}):", *self.block(function.body)]

    def block(self, block: Block) -> list[str]:
        lines = [line for statement in block for line in self.statement(statement)]
        return _indented(lines or ["pass"])

    def lock(self, name: str) -> str:
        """The lock as this function writes it."""
        if name.startswith(BOX + "."):
            return f"{self.box()}.{_attribute(name)}"
        if name in self.enclosed:
            return self.enclosed[name]
        if name not in self.program.lock_names():
            return name
        if self.owner and self.program.given:
            return f"{self.owner}.{_GIVEN}{name}"
        return self.placed(self.with_locks, name)

    def box(self) -> str:
        return self.owner or self.placed(self.with_locks, BOX)

    def named(self, function: Function) -> str:
        """The function by its name, or by that of the box."""
        if function.is_method:
            return f"{self.box()}.{function.name}"
        return self.placed(self.home(function), function.name)

    def callee(self, name: str) -> str:
        """Return the callee of a call, or the target of a thread."""
        function = self.program.function(name)
        hooks = self.placed(MAIN, _HOOKS)
        match function.access:
            case Access.CONSTRUCTOR | Access.ATTRIBUTE:
                return f"{hooks}.on_{name}"
            case Access.TABLE:
                return f'{hooks}.table["{name}"]'
            case Access.LIST:
                return f"{hooks}.after_{name}[0]"
            case Access.NAME:
                return self.named(function)

    def acquire(self, lock: str, wrapped: bool, call: str = "acquire()") -> str:
        """The call that acquires, by itself or through the function that hands its arguments on."""
        if not wrapped:
            return f"{self.lock(lock)}.{call}"
        arguments = call.removeprefix("acquire(").removesuffix(")")
        given = ", ".join(part for part in (self.lock(lock), arguments) if part)
        return f"{self.placed(self.with_locks, _WRAPPER)}({given})"

    def statement(self, statement: Statement) -> list[str]:
        match statement:
            case Section(lock, body, form) if form == WITH:
                return [f"with {self.lock(lock)}:", *self.block(body)]
            case Section(lock, body):
                return [f"{self.lock(lock)}.acquire()", *self.guarded(lock, body)]
            case Attempt(lock, body, call, leaves=True, wrapped=wrapped):
                test = f"if not {self.acquire(lock, wrapped, call)}:"
                return [test, "    return", *self.guarded(lock, body)]
            case Attempt(lock, body, call, wrapped=wrapped):
                test = f"if {self.acquire(lock, wrapped, call)}:"
                return [test, *_indented(self.guarded(lock, body))]
            case Acquire(lock, wrapped):
                return [self.acquire(lock, wrapped)]
            case Release(lock):
                return [f"{self.lock(lock)}.release()"]
            case Call(function, arguments):
                return self.call(function, ", ".join(map(self.lock, arguments)))
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

    def call(self, name: str, arguments: str) -> list[str]:
        if self.program.function(name).access is not Access.LIST:
            return [f"{self.callee(name)}({arguments})"]
        listed = f"{self.placed(MAIN, _HOOKS)}.after_{name}"
        return [f"for call in {listed}:", f"    call({arguments})"]

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


def _mentioned(function: Function) -> set[str]:
    return {name for statement in walk(function.body) for name in mentioned_locks(statement)}


def _is_global(name: str, mentioned: set[str]) -> bool:
    return name in mentioned and not name.startswith(BOX + ".")


def _attribute(name: str) -> str:
    return name.removeprefix(BOX + ".")


def _constructor(reentrant: bool) -> str:
    return "threading.RLock()" if reentrant else "threading.Lock()"
