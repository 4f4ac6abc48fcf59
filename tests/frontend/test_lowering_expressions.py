"""The graphs of expressions, as they are printed."""

from __future__ import annotations

import pytest

from tests.frontend.lowered import expected, graph, statements

LINES = {
    "a.b()": ["%1 = call a.b()  [discarded]"],
    "a.b.c()": ["read a.b", "%1 = call a.b.c()  [discarded]"],
    "a.b().c(*x, k=1, **y)": ["%1 = call a.b()", "%2 = call %1.c(*x, k=1, **y)  [discarded]"],
    "f()()": ["%1 = call f()", "%2 = call %1()  [discarded]"],
    "x = f()": ["%1 = call f()  [bound to x]", "x = %1"],
    "self.x = f()": ["%1 = call f()  [bound to self.x]", "self.x = %1"],
    "g(h(lock), [lock, (1,)])": [
        "%1 = call h(lock)",
        "%2 = call g(%1, list(lock, tuple(1)))  [discarded]",
    ],
    "', '.join(x)": ["%1 = call str.join(x)  [discarded]"],
    "r = await lock.acquire()": [
        "%1 = call lock.acquire()  [awaited to r]",
        "await %1",
        "r = %1",
    ],
    "r = await future": ["await future", "r = ?(future)"],
    "return f(await g())": [
        "%1 = call g()  [awaited]",
        "await %1",
        "%2 = call f(%1)  [returned]",
        "return %2",
    ],
    "x = 2 * 60.0 - 1": ["x = 119.0"],
    "x = -1": ["x = -1"],
    "x = a + b": ["operate +", "x = ?(a, b)"],
    "x = a[0]['k'][i][self.n][i + 1]": [
        "read a[0]",
        "read a[0]['k']",
        "read a[0]['k'][i]",
        "read self.n",
        "read a[0]['k'][i][self.n]",
        "operate +",
        "read a[0]['k'][i][self.n][*]",
        "x = a[0]['k'][i][self.n][*]",
    ],
    "x = a[1:]": ["operate slice", "x = ?(a)"],
    "x = f'{a.b!r:>{b}} {1}' 'c'": [
        "read a.b",
        "operate format",
        "operate format",
        "x = ?(a.b, b)",
    ],
    "x = 'a' 'b'": ["x = 'ab'"],
    "x = {1: a, **b}": ["x = dict(a, ?(b))"],
    "x = [*a, b]": ["operate iterate", "x = list(?(a), b)"],
    "release = lock.release": ["read lock.release", "release = lock.release"],
    "print(y := f())": [
        "%1 = call f()  [bound to y]",
        "y = %1",
        "%2 = call print(y)  [discarded]",
    ],
}


@pytest.mark.parametrize("line", LINES)
def test_line(line: str) -> None:
    found = statements(f"async def f(self, a, b):\n    {line}\n")
    if not line.startswith("return"):
        assert found.pop() == "return None  [implicit]"
    assert found == LINES[line]


TESTS = {
    "x": ["if x -> b1 else b2"],
    "not x.y": ["read x.y", "if x.y -> b1 else b2"],
    "lock.acquire(False)": ["%1 = call lock.acquire(False)  [tested]", "if %1 -> b1 else b2"],
    "not lock.acquire(False)": ["%1 = call lock.acquire(False)  [tested]", "if %1 -> b1 else b2"],
    "lock.acquire(0) is False": [
        "%1 = call lock.acquire(0)  [tested]",
        "if %1 == False -> b1 else b2",
    ],
    "(got := lock.acquire(False))": [
        "%1 = call lock.acquire(False)  [bound to got]",
        "got = %1",
        "if got -> b1 else b2",
    ],
    "await lock.acquire()": [
        "%1 = call lock.acquire()  [awaited]",
        "await %1",
        "if %1 -> b1 else b2",
    ],
    "x is None": ["if x is None -> b1 else b2"],
    "x.y != None": ["read x.y", "if x.y is None -> b1 else b2"],
    "'k' == x": ["if x == 'k' -> b1 else b2"],
    "x is not True": ["if x == True -> b1 else b2"],
    "x   >  (y)": ["operate >", "if <(x > y)> -> b1 else b2"],
    "x in (1, 2)": ["operate in", "if <(x in [1, 2])> -> b1 else b2"],
    "isinstance(x, A)": [
        "%1 = call isinstance(x, A)  [tested]",
        "if <isinstance(x, A)> -> b1 else b2",
    ],
    "len(x) > 0": [
        "%1 = call len(x)",
        "operate >",
        "if <(len(x) > 0)> -> b1 else b2",
    ],
    "f(x) > 0": ["%1 = call f(x)", "operate >", "if <?> -> b1 else b2"],
    "x & 1": ["operate &", "if <(x & 1)> -> b1 else b2"],
}


@pytest.mark.parametrize("test", TESTS)
def test_condition(test: str) -> None:
    found = statements(f"async def f(x, y):\n    if {test}:\n        return 1\n    return 2\n")
    # The graph has no negation: the ways are exchanged instead.
    ways = ["return 2", "return 1"] if "not" in test or "!=" in test else ["return 1", "return 2"]
    assert found == [*TESTS[test], *ways]


def test_and_or_short_circuit() -> None:
    assert graph(
        """
        def f(a, b):
            if (a or b.c()) and not lock.locked():
                work()
        """
    ) == expected(
        """
        b0
          if a -> b2 else b1
        b1
          %1 = call b.c()  [tested]
          if %1 -> b2 else b4
        b2
          %2 = call lock.locked()  [tested]
          if %2 -> b4 else b3
        b3
          %3 = call work()  [discarded]
          -> b4
        b4
          return None  [implicit]
        """
    )


def test_and_as_a_value_keeps_the_deciding_operand() -> None:
    assert graph(
        """
        def f(x):
            got = x and x is not None and lock.acquire(False)
        """
    ) == expected(
        """
        b0
          if x -> b1 else b4
        b1
          if x is None -> b2 else b3
        b2
          %1 = False
          -> b5
        b3
          %2 = call lock.acquire(False)  [bound to got]
          %1 = %2
          -> b5
        b4
          %1 = x
          -> b5
        b5
          got = %1
          return None  [implicit]
        """
    )


def test_conditional_expression() -> None:
    assert graph(
        """
        def f(x):
            with (x.lock if x else null()):
                pass
        """
    ) == expected(
        """
        b0
          if x -> b1 else b2
        b1
          read x.lock
          %1 = x.lock
          -> b3
        b2
          %2 = call null()  [entered]
          %1 = %2
          -> b3
        b3
          enter %1  [empty body]
          exit %1
          return None  [implicit]
        """
    )


def test_a_named_comparison_follows_both_outcomes() -> None:
    assert graph(
        """
        def f(lock):
            has_lock = lock is not None
            if has_lock:
                lock.acquire()
        """
    ) == expected(
        """
        b0
          if lock is None -> b1 else b2
        b1
          %1 = False
          -> b3
        b2
          %1 = True
          -> b3
        b3
          has_lock = %1
          if has_lock -> b4 else b5
        b4
          %2 = call lock.acquire()  [discarded]
          -> b5
        b5
          return None  [implicit]
        """
    )


def test_comprehension_is_a_loop_with_its_own_names() -> None:
    assert graph(
        """
        def f(x, locks):
            return [x.y for x in locks if x.ok() for y in x]
        """
    ) == expected(
        """
        b0
          operate iterate
          if <?> -> b1 else b4
        b1
          x%1 = locks[*]
          %2 = call x%1.ok()  [tested]
          if %2 -> b2 else b0
        b2
          operate iterate
          if <?> -> b3 else b0
        b3
          y%1 = x%1[*]
          read x%1.y
          -> b2
        b4
          return ?(locks)
        """
    )


def test_yield() -> None:
    text = """
        def f(xs):
            got = yield xs
            yield
            yield from xs.all()
        """
    assert statements(text) == [
        "yield xs",
        "got = ?",
        "yield None",
        "%1 = call xs.all()",
        "yield from %1",
        "return None  [implicit]",
    ]
