"""Trees of Python source of any size, made by a rule: the same files for the same number.

A tree is a package of parts, and a part a package of modules. Each module has functions, a class
and an object of it, and calls functions and methods of earlier modules: of its own part, and one of
the first part, which is the library of all. One module in eight has a lock, as in widely used
packages; the methods of its class hold it, by ``with`` or by hand, while they call other modules.
Only earlier modules are ever called, so that the order of locks has no ring, and only those of two
parts are within reach, so that what there is to know of a module does not grow with the tree.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

MODULES_OF_PART = 40
WITH_LOCKS = 8
FUNCTIONS = 12
METHODS = 8


def modules(lines: int, *, package: str = "generated") -> Iterator[tuple[str, str]]:
    """Relative path and source of each file, until they have at least so many lines together.

    Args:
        lines: How many; the last module goes a little beyond.
        package: The name of the package that holds all.
    """
    yield f"{package}/__init__.py", '"""A generated program."""\n'
    number, written = 0, 1
    while written < lines:
        part = number // MODULES_OF_PART
        if number % MODULES_OF_PART == 0:
            yield f"{package}/part{part}/__init__.py", f'"""Part {part}."""\n'
            written += 1
        source = module(number, package)
        yield f"{package}/part{part}/module{number}.py", source
        written += source.count("\n")
        number += 1


def write(folder: Path, lines: int) -> None:
    """Write such a tree below a folder."""
    for name, source in modules(lines):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")


def module(number: int, package: str = "generated") -> str:
    """The source of one module, which depends on its number alone."""
    chance = random.Random(number)
    callees = _callees(number, chance)
    with_locks = number % WITH_LOCKS == 0
    out = [
        f'"""Module {number} of a generated program."""',
        "",
        "from __future__ import annotations",
    ]
    out += ["", "import threading"] if with_locks else []
    out.append("")
    for callee in callees:
        part = callee // MODULES_OF_PART
        out.append(f"from {package}.part{part} import module{callee}")
    for index in range(FUNCTIONS):
        out += ["", "", *_function(index, callees, chance)]
    out += ["", "", *_class(number, callees, chance, with_locks=with_locks)]
    out += ["", "", f"WORKER = Worker{number}({number})"]
    return "\n".join(out) + "\n"


def _callees(number: int, chance: random.Random) -> list[int]:
    """Up to three earlier modules of its part, and one of the library."""
    if number == 0:
        return []
    first = number // MODULES_OF_PART * MODULES_OF_PART
    near = [chance.randint(first, number - 1) for _ in range(3) if first < number]
    return sorted({*near, chance.randrange(min(number, MODULES_OF_PART))})


def _function(index: int, callees: list[int], chance: random.Random) -> list[str]:
    called = "abs"
    if callees:
        called = f"module{chance.choice(callees)}"
        if index % 4 == 3:
            called += f".WORKER.method{chance.randrange(METHODS)}"
        else:
            called += f".function{chance.randrange(FUNCTIONS)}"
    return [
        f"def function{index}(value: int) -> int:",
        f'    """Work out figure {index}."""',
        "    result = []",
        "    for step in range(value % 7):",
        f"        if step % {chance.randint(2, 5)} == 0:",
        f"            result.append(step * {chance.randint(1, 99)})",
        "        else:",
        f"            result.append({called}(step))",
        "    try:",
        f"        return sum(result) // (value - {chance.randint(1, 9)})",
        "    except ZeroDivisionError:",
        "        return len(result)",
    ]


def _class(
    number: int, callees: list[int], chance: random.Random, *, with_locks: bool
) -> list[str]:
    out = [f"class Worker{number}:", f'    """Worker {number}."""', ""]
    out.append("    def __init__(self, size: int) -> None:")
    if with_locks:
        out.append("        self._lock = threading.Lock()")
    out += ["        self._size = size", "        self._items: dict[int, int] = {}"]
    for index in range(METHODS):
        called = f"function{chance.randrange(FUNCTIONS)}"
        if callees and index % 2:
            called = f"module{chance.choice(callees)}.{called}"
        out += ["", f"    def method{index}(self, key: int) -> int:"]
        body = [f"self._items[key] = {called}(key)", "return self._items[key] + self._size"]
        if not with_locks:
            out += [f"        {line}" for line in body]
        elif index % 4 == 1:
            out += ["        self._lock.acquire()", "        try:"]
            out += [f"            {line}" for line in body]
            out += ["        finally:", "            self._lock.release()"]
        else:
            out += ["        with self._lock:", *(f"            {line}" for line in body)]
    return out
