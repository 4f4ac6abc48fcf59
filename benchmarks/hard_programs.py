"""Programs of one file that are made to be hard, of any size."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.hard_shapes import SHAPES

_IMPORT = "import threading\n\n"


def _locks(count: int) -> str:
    return _IMPORT + "".join(f"lock{i} = threading.Lock()\n" for i in range(count))


def locks_in_one_function(count: int) -> str:
    """Return a function that makes so many locks, and acquires and releases each by hand."""
    lines = [
        f"    lock{i} = threading.Lock()\n    lock{i}.acquire()\n    print({i})\n"
        f"    lock{i}.release()\n"
        for i in range(count)
    ]
    return f"{_IMPORT}\ndef work():\n" + "".join(lines)


def released_in_turn(count: int) -> str:
    """Return a function that acquires and releases so many global locks, one after the other."""
    lines = [f"    lock{i}.acquire()\n    lock{i}.release()\n" for i in range(count)]
    return f"{_locks(count)}\n\ndef work():\n" + "".join(lines)


def calls_of_all(count: int) -> str:
    """Return so many functions, each of which holds a lock and calls all others."""
    parts = [_locks(count)]
    for i in range(count):
        calls = "".join(f"        call{j}()\n" for j in range(count) if j != i)
        parts.append(f"def call{i}():\n    with lock{i}:\n{calls}")
    return "\n\n".join(parts)


def attempts(count: int) -> str:
    """Return a function with so many acquires in a row, each with try, except and finally."""
    lines = [
        f"    lock.acquire()\n    try:\n        do({i})\n    except ValueError:\n"
        "        do()\n    finally:\n        lock.release()\n"
        for i in range(count)
    ]
    return f"{_IMPORT}lock = threading.Lock()\n\n\ndef work(do):\n" + "".join(lines)


def nested_pairs(count: int) -> str:
    """Return a function for each ordered pair of so many locks, which nests the two."""
    parts = [_locks(count)]
    parts += [
        f"def nest{i}_{j}():\n    with lock{i}:\n        with lock{j}:\n            pass\n"
        for i in range(count)
        for j in range(count)
        if i != j
    ]
    return "\n\n".join(parts)


def by_hand(count: int) -> str:
    """Return a function with so many sections by hand, each of which an exception leaves."""
    lines = [f"    lock.acquire()\n    do({i})\n    lock.release()\n" for i in range(count)]
    return f"{_IMPORT}lock = threading.Lock()\n\n\ndef work(do):\n" + "".join(lines)


def branches(count: int) -> str:
    """Return a function with so many sections by hand, each of them after a test."""
    lines = [
        f"    if tests[{i}]:\n        lock.acquire()\n        do({i})\n        lock.release()\n"
        for i in range(count)
    ]
    return f"{_IMPORT}lock = threading.Lock()\n\n\ndef work(do, tests):\n" + "".join(lines)


def chain(count: int) -> str:
    """Return so many functions, each of which nests a lock and the one after it."""
    parts = [_locks(count + 1)]
    parts += [
        f"def nest{i}():\n    with lock{i}:\n        with lock{i + 1}:\n            pass\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def threads(count: int) -> str:
    """Return so many threads, for each of which a function waits with a lock held."""
    parts = [f"{_IMPORT}lock = threading.Lock()\n"]
    parts += [
        f"def run{i}():\n    with lock:\n        pass\n\n\n"
        f"def wait{i}():\n    thread = threading.Thread(target=run{i})\n    thread.start()\n"
        "    with lock:\n        thread.join()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def web(count: int) -> str:
    """Return a class with so many objects of its own kind, each method calls one of the next."""
    parts = [
        f"{_IMPORT}\nclass Node:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
    ]
    parts += [f"        self.node{i} = Node()\n" for i in range(count)]
    parts += [
        f"\n    def call{i}(self):\n        with self.lock:\n"
        f"            self.node{i}.call{(i + 1) % count}()\n"
        for i in range(count)
    ]
    return "".join(parts)


def classes(count: int) -> str:
    """Return so many classes with a lock and what it guards."""
    parts = [_IMPORT]
    parts += [
        f"class Store{i}:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
        "        self.rows = {}\n\n    def put(self):\n        with self.lock:\n"
        "            self.rows[1] = 2\n\n    def get(self):\n        with self.lock:\n"
        "            return self.found()\n\n    def found(self):\n        return self.rows\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def subclasses(count: int) -> str:
    """Return a class that calls a method with its lock held, and so many that override it."""
    parts = [
        f"{_IMPORT}\nclass Base:\n    def __init__(self):\n"
        "        self.lock = threading.RLock()\n\n    def run(self):\n        with self.lock:\n"
        "            self.step()\n\n    def step(self):\n        pass\n"
    ]
    parts += [
        f"class Step{i}(Base):\n    def step(self):\n        with self.lock:\n"
        f"            self.do{i}()\n\n    def do{i}(self):\n        pass\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def callbacks(count: int) -> str:
    """Return so many classes that have a callback called with a lock held."""
    parts = [
        f"{_IMPORT}\nclass Source:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
        "        self.callbacks = []\n\n    def add(self, callback):\n"
        "        self.callbacks.append(callback)\n\n    def fire(self):\n        with self.lock:\n"
        "            for callback in self.callbacks:\n                callback(1)\n"
    ]
    parts += [
        f"class User{i}:\n    def __init__(self, source: Source):\n"
        f"        self.lock = threading.Lock()\n        source.add(self.on_event{i})\n\n"
        f"    def on_event{i}(self, event):\n        with self.lock:\n            pass\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def conditions(count: int) -> str:
    """Return so many conditions, each with one that waits and one that notifies."""
    parts = [_IMPORT]
    parts += [
        f"ready{i} = threading.Condition()\n\n\ndef wait{i}(done):\n    with ready{i}:\n"
        f"        while not done():\n            ready{i}.wait()\n\n\ndef tell{i}():\n"
        f"    with ready{i}:\n        ready{i}.notify()\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def generators(count: int) -> str:
    """Return so many generators that yield with a lock held, and their consumers."""
    parts = [f"{_IMPORT}lock = threading.Lock()\n"]
    parts += [
        f"def rows{i}():\n    with lock:\n        yield {i}\n\n\n"
        f"def use{i}():\n    for row in rows{i}():\n        print(row)\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def managers(count: int) -> str:
    """Return so many context managers that hold a lock, and their users."""
    parts = [f"from contextlib import contextmanager\n{_IMPORT}lock = threading.Lock()\n"]
    parts += [
        f"@contextmanager\ndef held{i}():\n    lock.acquire()\n    try:\n        yield\n"
        f"    finally:\n        lock.release()\n\n\ndef use{i}():\n    with held{i}():\n"
        "        pass\n"
        for i in range(count)
    ]
    return "\n\n".join(parts)


def attributes(count: int) -> str:
    """Return a class with so many guarded attributes, each read without the lock."""
    parts = [
        f"{_IMPORT}\nclass Data:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
    ]
    parts += [f"        self.datum{i} = 0\n" for i in range(count)]
    parts += [
        f"\n    def add{i}(self):\n        with self.lock:\n            self.datum{i} += 1\n\n"
        f"    def get{i}(self):\n        return self.datum{i}\n"
        for i in range(count)
    ]
    return "".join(parts)


def parameters(count: int) -> str:
    """Return so many functions that take a lock, each with one call."""
    parts = [_locks(count)]
    parts += [f"def hold{i}(lock):\n    with lock:\n        pass\n" for i in range(count)]
    parts += [f"hold{i}(lock{i})" for i in range(count)]
    return "\n\n".join(parts) + "\n"


def variables(count: int) -> str:
    """Return a method, called with a lock held, in which so many variables hold one another."""
    names = [f"variable{i}" for i in range(count)]
    parts = [
        f"{_IMPORT}\nclass Web:\n    def __init__(self):\n        self.lock = threading.Lock()\n\n"
        "    def run(self):\n        with self.lock:\n            self.step()\n\n"
        "    def step(self):\n"
    ]
    parts += [f"        {name} = [{', '.join(names)}]\n" for name in names]
    parts += [f"        {name}()\n" for name in names]
    return "".join(parts)


PROGRAMS: dict[str, tuple[Callable[[int], str], int]] = {
    "locks in one function": (locks_in_one_function, 2000),
    "released in turn": (released_in_turn, 2000),
    "calls of all": (calls_of_all, 80),
    "attempts": (attempts, 400),
    "nested pairs": (nested_pairs, 40),
    "by hand": (by_hand, 1600),
    "branches": (branches, 800),
    "chain": (chain, 1600),
    "threads": (threads, 1600),
    "web": (web, 200),
    "classes": (classes, 800),
    "subclasses": (subclasses, 800),
    "callbacks": (callbacks, 1600),
    "conditions": (conditions, 1600),
    "generators": (generators, 1600),
    "managers": (managers, 800),
    "attributes": (attributes, 800),
    "parameters": (parameters, 1600),
    "variables": (variables, 160),
    **SHAPES,
}
"""By name the programs, and the largest size that is measured."""
