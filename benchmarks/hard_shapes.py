"""More programs of one file that are made to be hard: shapes of control flow, calls and classes."""

from __future__ import annotations

from collections.abc import Callable

_IMPORT = "import threading\n\n"
_LOCK = f"{_IMPORT}lock = threading.Lock()\n"


def _work(statements: list[str], parameters: str = "do", head: str = _LOCK) -> str:
    return f"{head}\n\ndef work({parameters}):\n" + "".join(statements)


def with_items(count: int) -> str:
    """Return functions with a `with` of ten locks each, in an order of its own."""
    parts = [_IMPORT + "".join(f"lock{i} = threading.Lock()\n" for i in range(count + 10))]
    for i in range(count):
        items = ", ".join(f"lock{i + j}" for j in range(10))
        parts.append(f"def work{i}():\n    with {items}:\n        pass\n")
    return "\n\n".join(parts)


def early_returns(count: int) -> str:
    """Return a function with so many returns, each of which releases the lock before."""
    lines = ["    lock.acquire()\n"]
    lines += [
        f"    if do({i}):\n        lock.release()\n        return {i}\n" for i in range(count)
    ]
    return _work([*lines, "    lock.release()\n"])


def cases(count: int) -> str:
    """Return a function with a `match` of so many cases, each of them with a section by hand."""
    lines = ["    match do:\n"]
    lines += [
        f"        case {i}:\n            lock.acquire()\n            print({i})\n"
        "            lock.release()\n"
        for i in range(count)
    ]
    return _work(lines)


def alternatives(count: int) -> str:
    """Return a function with so many `elif`, each of which acquires, and one release after them."""
    lines = ["    if do == -1:\n        lock.acquire()\n"]
    lines += [f"    elif do == {i}:\n        lock.acquire()\n" for i in range(count)]
    return _work([*lines, "    else:\n        return\n    lock.release()\n"])


def tries(count: int) -> str:
    """Return a function with so many acquires that do not wait, and tests of their results."""
    lines = [
        f"    got{i} = lock.acquire(False)\n    try:\n        do({i})\n    finally:\n"
        f"        if got{i}:\n            lock.release()\n"
        for i in range(count)
    ]
    return _work(lines)


def stacks(count: int) -> str:
    """Return a function that enters so many locks in a stack."""
    lines = ["    with contextlib.ExitStack() as stack:\n"]
    lines += [f"        stack.enter_context(locks[{i}])\n        do({i})\n" for i in range(count)]
    head = f"import contextlib\n{_IMPORT}locks = [threading.Lock() for _ in range({count})]\n"
    return _work(lines, head=head)


def deep_calls(count: int) -> str:
    """Return so many functions in a row, the first holds a lock, and the last acquires another."""
    parts = [f"{_LOCK}last = threading.Lock()\n", "def begin():\n    with lock:\n        call0()\n"]
    parts += [f"def call{i}():\n    call{i + 1}()\n" for i in range(count)]
    parts.append(f"def call{count}():\n    with last:\n        pass\n")
    return "\n\n".join(parts)


def layers(count: int) -> str:
    """Return so many layers of two functions, each of which calls both of the next layer."""
    parts = [f"{_LOCK}last = threading.Lock()\n"]
    parts.append("def begin():\n    with lock:\n        left0()\n")
    for i in range(count):
        calls = f"    left{i + 1}()\n    right{i + 1}()\n"
        parts += [f"def left{i}():\n{calls}", f"def right{i}():\n{calls}"]
    parts += [f"def {side}{count}():\n    with last:\n        pass\n" for side in ("left", "right")]
    return "\n\n".join(parts)


def descent(count: int) -> str:
    """Return so many classes, each derived from the one before, whose method calls that one's."""
    parts = [
        f"{_IMPORT}\nclass Base0:\n    def __init__(self):\n        self.lock = threading.RLock()\n"
        "\n    def run(self):\n        with self.lock:\n            pass\n"
    ]
    parts += [
        f"class Base{i + 1}(Base{i}):\n    def run(self):\n        with self.lock:\n"
        "            super().run()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def decorated(count: int) -> str:
    """Return so many functions with a decorator that holds a lock, each calls the next one."""
    parts = [
        f"import functools\n{_LOCK}",
        "def locked(function):\n    @functools.wraps(function)\n    def call(*given):\n"
        "        with lock:\n            return function(*given)\n\n    return call\n",
    ]
    parts += [f"@locked\ndef call{i}():\n    return plain{i + 1}()\n" for i in range(count)]
    parts += [f"def plain{i + 1}():\n    return {i}\n" for i in range(count)]
    return "\n\n".join(parts)


def properties(count: int) -> str:
    """Return a class with so many properties that hold its lock, and readers of them."""
    parts = [
        f"{_IMPORT}\nclass Data:\n    def __init__(self):\n        self.lock = threading.RLock()\n"
    ]
    parts += [
        f"\n    @property\n    def datum{i}(self):\n        with self.lock:\n"
        f"            return {i}\n"
        for i in range(count)
    ]
    parts += [
        f"\n\ndef read{i}(data: Data):\n    with data.lock:\n        return data.datum{i}\n"
        for i in range(count)
    ]
    return "".join(parts)


def tasks(count: int) -> str:
    """Return so many coroutines that hold a lock of tasks, and await one that needs another."""
    parts = ["import asyncio\n\nlock = asyncio.Lock()\nother = asyncio.Lock()\n"]
    parts += [
        f"async def inner{i}():\n    async with other:\n        await asyncio.sleep(0)\n\n\n"
        f"async def outer{i}():\n    async with lock:\n        await inner{i}()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def closures(count: int) -> str:
    """Return a function with so many nested functions that acquire its lock, and pass one on."""
    lines = ["    mine = threading.Lock()\n"]
    lines += [
        f"\n    def call{i}():\n        with mine:\n            do({i})\n\n    do(call{i})\n"
        for i in range(count)
    ]
    return _work(lines)


def aliases(count: int) -> str:
    """Return so many names for one lock, each bound to the one before, and a section for each."""
    parts = [_IMPORT + "lock0 = threading.Lock()\n"]
    parts += [f"lock{i + 1} = lock{i}\n" for i in range(count)]
    parts += [f"\n\ndef work{i}():\n    with lock{i}:\n        pass\n" for i in range(count)]
    return "".join(parts)


def elements(count: int) -> str:
    """Return so many functions that acquire two locks of one dictionary, by keys."""
    parts = [
        f"{_IMPORT}locks = {{}}\n",
        f"for key in range({count}):\n    locks[key] = threading.Lock()\n",
    ]
    parts += [
        f"def work{i}():\n    with locks[{i}], locks[{i + 1}]:\n        pass\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def loggers(count: int) -> str:
    """Return so many loggers, each with a handler that needs a lock, and code that logs."""
    parts = [f"import logging\n{_LOCK}"]
    parts += [
        f"class Handler{i}(logging.Handler):\n    def emit(self, record):\n        with lock:\n"
        f"            pass\n\n\nlog{i} = logging.getLogger('log{i}')\n"
        f"log{i}.addHandler(Handler{i}())\nlock{i} = threading.Lock()\n\n\n"
        f"def work{i}():\n    with lock{i}:\n        log{i}.info('done')\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def finalizers(count: int) -> str:
    """Return so many classes with a finalizer that needs a lock, and objects that are dropped."""
    parts = [_LOCK]
    parts += [
        f"class Part{i}:\n    def __del__(self):\n        with lock:\n            pass\n\n\n"
        f"class Whole{i}:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
        f"        self.part = Part{i}()\n\n    def renew(self):\n        with self.lock:\n"
        f"            self.part = Part{i}()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def collections(count: int) -> str:
    """Return so many classes that acquire all locks of a list, and users of them."""
    parts = [_IMPORT]
    parts += [
        f"class Gates{i}:\n    def __init__(self):\n"
        "        self.gates = [threading.Lock(), threading.Lock()]\n\n"
        "    def close(self):\n        for gate in self.gates:\n            gate.acquire()\n\n"
        "    def open(self):\n        for gate in self.gates:\n            gate.release()\n\n\n"
        f"def use{i}(gates: Gates{i}, do):\n    gates.close()\n    do()\n    gates.open()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def events(count: int) -> str:
    """Return so many events, each awaited under a lock that the code which sets it needs."""
    parts = [_LOCK]
    parts += [
        f"ready{i} = threading.Event()\n\n\ndef wait{i}():\n    with lock:\n"
        f"        ready{i}.wait()\n\n\ndef set{i}():\n    with lock:\n        ready{i}.set()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def comments(count: int) -> str:
    """Return so many sections by hand, each with a comment that suppresses its finding."""
    lines = [
        f"    lock.acquire()  # locklint: ignore[LCK102]\n    do({i})\n    lock.release()\n"
        for i in range(count)
    ]
    return _work(lines)


SHAPES: dict[str, tuple[Callable[[int], str], int]] = {
    "with items": (with_items, 400),
    "early returns": (early_returns, 800),
    "cases": (cases, 800),
    "alternatives": (alternatives, 800),
    "tries": (tries, 400),
    "stacks": (stacks, 400),
    "deep calls": (deep_calls, 1600),
    "layers": (layers, 400),
    "descent": (descent, 200),
    "decorated": (decorated, 800),
    "properties": (properties, 800),
    "tasks": (tasks, 1600),
    "closures": (closures, 800),
    "aliases": (aliases, 400),
    "elements": (elements, 800),
    "loggers": (loggers, 800),
    "finalizers": (finalizers, 800),
    "collections": (collections, 800),
    "events": (events, 800),
    "comments": (comments, 1600),
}
"""By name the programs, and the largest size that is measured."""
