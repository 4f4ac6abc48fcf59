"""The graphs of statements, as they are printed."""

from __future__ import annotations

import pytest

from locklint.ir.instruction import Enter
from tests.frontend.lowered import expected, functions, graph, statements

GRAPHS = {
    "a finally runs once for the return and once for an exception": (
        """
        def f():
            lock.acquire()
            try:
                return work()
            finally:
                lock.release()
        """,
        """
        b0
          %1 = call lock.acquire()  [discarded]
          -> b1
        b1  on-exception b3
          %2 = call work()  [returned]
          -> b2
        b2
          %4 = call lock.release()  [discarded]
          return %2
        b3
          %5 = call lock.release()  [discarded]
          reraise
        """,
    ),
    "handlers are dispatched in order, else is outside their region": (
        """
        def f():
            try:
                work()
            except (OSError, a.Error) as error:
                raise Other(error) from error
            except ERRORS:
                raise
            else:
                done()
        """,
        """
        b0  on-exception b2
          %1 = call work()  [discarded]
          -> b1
        b1
          %2 = call done()  [discarded]
          return None  [implicit]
        b2
          catch OSError|a.Error -> b3, ERRORS -> b4, else b5
        b3
          error = ?
          %3 = call Other(error)
          raise Other
        b4
          reraise
        b5
          reraise
        """,
    ),
    "a bare except takes everything": (
        """
        def f():
            try:
                work()
            except:
                pass
        """,
        """
        b0  on-exception b1
          %1 = call work()  [discarded]
          -> b2
        b1
          catch everything -> b2, else b3
        b2
          return None  [implicit]
        b3
          reraise
        """,
    ),
    "break and continue run the finally, each on its own way": (
        """
        def f():
            for x in xs:
                try:
                    if x:
                        continue
                    break
                finally:
                    close(x)
            else:
                none()
        """,
        """
        b0
          operate iterate
          if <?> -> b1 else b4
        b1
          x = xs[*]
          if x -> b2 else b3
        b2
          %1 = call close(x)  [discarded]
          -> b0
        b3
          %2 = call close(x)  [discarded]
          -> b5
        b4
          %4 = call none()  [discarded]
          -> b5
        b5
          return None  [implicit]
        """,
    ),
    "a continue in a finally overrides the return": (
        """
        def f():
            while c():
                try:
                    return 1
                finally:
                    continue
        """,
        """
        b0
          %1 = call c()  [tested]
          if %1 -> b0 else b1
        b1
          return None  [implicit]
        """,
    ),
    "the value of a return is taken before a finally that rebinds it": (
        """
        def f(x):
            try:
                return x
            finally:
                x = None
        """,
        """
        b0
          %1 = x
          x = None
          return %1
        """,
    ),
    "except* handlers may each take a part": (
        """
        def f():
            try:
                work()
            except* OSError:
                one()
            except* ValueError as e:
                two(e)
        """,
        """
        b0  on-exception b1
          %1 = call work()  [discarded]
          -> b6
        b1
          catch * OSError -> b2, * ValueError -> b5, else b8
        b2
          %2 = call one()  [discarded]
          if <?> -> b6 else b3
        b3
          catch * ValueError -> b5, else b4
        b4
          reraise
        b5
          e = ?
          %3 = call two(e)  [discarded]
          e = ?
          if <?> -> b6 else b7
        b6
          return None  [implicit]
        b7
          reraise
        b8
          reraise
        """,
    ),
    "with items nest, and what they bind is bound inside": (
        """
        def f(a, b):
            with a, open(b) as (c, d):
                work()
        """,
        """
        b0
          enter a
          -> b1
        b1  on-exception b7
          %1 = call open(b)  [entered]
          %2 = enter %1
          -> b2
        b2  on-exception b4
          operate unpack
          c = %2[0]
          d = %2[1]
          %3 = call work()  [discarded]
          -> b3
        b3  on-exception b7
          exit %1
          -> b5
        b4  on-exception b7
          exit %1  [exceptional]
          if %1 swallows -> b5 else b6
        b5
          exit a
          -> b8
        b6  on-exception b7
          reraise
        b7
          exit a  [exceptional]
          if a swallows -> b8 else b9
        b8
          return None  [implicit]
        b9
          reraise
        """,
    ),
    "a with is left on the way of a return": (
        """
        async def f(lock):
            async with lock as held:
                return await work(held)
        """,
        """
        b0
          async with lock
          held = enter lock  [async]
          -> b1
        b1  on-exception b3
          %1 = call work(held)  [awaited]
          await %1
          -> b2
        b2
          exit lock  [async]
          return %1
        b3
          exit lock  [exceptional, async]
          if lock swallows -> b4 else b5
        b4
          return None  [implicit]
        b5
          reraise
        """,
    ),
    "an endless loop has no way out but break": (
        """
        def f(a, x):
            while True:
                if a.b == "k":
                    break
            while x is not None:
                x = x.next
            else:
                done()
        """,
        """
        b0
          read a.b
          if a.b == 'k' -> b1 else b0
        b1
          if x is None -> b2 else b3
        b2
          %1 = call done()  [discarded]
          return None  [implicit]
        b3
          read x.next
          x = x.next
          -> b1
        """,
    ),
    "constant tests are folded": (
        """
        def f():
            if TYPE_CHECKING:
                no()
            if __debug__ and not 0:
                yes()
            while 1:
                pass
            never()
        """,
        """
        b0
          %1 = call yes()  [discarded]
          -> b1
        b1
          -> b1
        """,
    ),
    "what follows a return leaves no trace": (
        """
        def f():
            work()
            return 1
            never()
        """,
        """
        b0
          %1 = call work()  [discarded]
          return 1
        """,
    ),
    "assert": (
        """
        def f(x):
            assert x.ready(), message()
        """,
        """
        b0
          %1 = call x.ready()  [tested]
          if %1 -> b1 else b2
        b1
          return None  [implicit]
        b2
          %2 = call message()
          raise AssertionError
        """,
    ),
    "elif and else": (
        """
        def f(x):
            if x == 1:
                one()
            elif x != 2:
                two()
            else:
                three()
        """,
        """
        b0
          if x == 1 -> b1 else b2
        b1
          %1 = call one()  [discarded]
          -> b5
        b2
          if x == 2 -> b3 else b4
        b3
          %3 = call three()  [discarded]
          -> b5
        b4
          %2 = call two()  [discarded]
          -> b5
        b5
          return None  [implicit]
        """,
    ),
    "match": (
        """
        def f(x):
            match x.kind:
                case "a" | "b":
                    one()
                case None:
                    two()
                case [first, *rest] if first:
                    three(first)
                case Point(x=0) as p:
                    four(p)
                case _:
                    five()
        """,
        """
        b0
          read x.kind
          if x.kind == 'a' -> b2 else b1
        b1
          if x.kind == 'b' -> b2 else b3
        b2
          %1 = call one()  [discarded]
          -> b11
        b3
          if x.kind is None -> b4 else b5
        b4
          %2 = call two()  [discarded]
          -> b11
        b5
          operate match
          if <?> -> b6 else b8
        b6
          first = ?(x.kind)
          rest = ?(x.kind)
          if first -> b7 else b8
        b7
          %3 = call three(first)  [discarded]
          -> b11
        b8
          operate match
          if <?> -> b9 else b10
        b9
          p = x.kind
          %4 = call four(p)  [discarded]
          -> b11
        b10
          %5 = call five()  [discarded]
          -> b11
        b11
          return None  [implicit]
        """,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graph(name: str) -> None:
    text, blocks = GRAPHS[name]
    assert graph(text) == expected(blocks)


STATEMENTS = {
    "a, b = b, a": ["%1 = b", "%2 = a", "a = %1", "b = %2"],
    "x = y = a.b": ["read a.b", "x = a.b", "y = a.b"],
    "self.x, (self.y, *z) = a, b": [
        "self.x = a",
        "operate unpack",
        "self.y = b[0]",
        "z = ?(b)",
    ],
    "first, second = a": ["operate unpack", "first = a[0]", "second = a[1]"],
    "x: int = 3": ["x = 3"],
    "x: int": [],
    "a.b.c += d[a]": [
        "read a.b",
        "read a.b.c",
        "read d[a]",
        "operate +=",
        "a.b.c = ?(a.b.c, d[a])",
    ],
    "a += 1": ["operate +=", "a = number(a)"],
    "del a, self.x, z[0]": [
        "a = ?",
        "operate del self.x",
        "self.x = ?",
        "operate del z[0]",
    ],
    "import os.path, sys as s": [
        "operate import os.path",
        "os = ?",
        "operate import sys",
        "s = ?",
    ],
    "from .a import b as c, d": ["operate import .a", "c = ?", "d = ?"],
    "lock": ["read lock  [discarded]"],
    "lock.acquire": ["read lock.acquire  [discarded]"],
    "locks[0].acquire": ["read locks[0]", "read locks[0].acquire  [discarded]"],
    "'only a string'": [],
    "global g; g = 1": ["g = 1"],
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_simple_statement(statement: str) -> None:
    found = statements(f"def f(self, a, b):\n    {statement}\n")
    assert found == [*STATEMENTS[statement], "return None  [implicit]"]


@pytest.mark.parametrize(
    ("body", "empty", "commented"),
    [
        ("pass", True, False),
        ("...", True, False),
        ("'a reason'", True, False),
        ("pass  # a barrier", True, True),
        ("\n        # a barrier\n        pass", True, True),
        ("\n        pass\n        # a barrier", True, True),
        ("  # a barrier\n        pass", True, True),
        ("work()  # a comment", False, False),
        ("pass; work()", False, False),
    ],
)
def test_empty_body(body: str, empty: bool, commented: bool) -> None:
    function = functions(f"def f():\n    with lock: {body}\n")["f"]
    enters = [
        instruction
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Enter)
    ]
    assert [(enter.empty_body, enter.commented) for enter in enters] == [(empty, commented)]


def test_the_way_of_an_exception_from_an_empty_body_does_not_exist() -> None:
    assert statements("def f():\n    with lock:\n        pass\n") == [
        "enter lock  [empty body]",
        "exit lock",
        "return None  [implicit]",
    ]


def test_places() -> None:
    function = functions(
        """
        def f(x):
            é = 'é'; x.acquire()
            if (x and
                    x.y == 1):
                return é
            for a in x: work()
        """
    )["f"]
    places = [str(each.span) for block in function.blocks.values() for each in block.instructions]
    assert places == ["2:5", "2:14", "4:13", "6:14", "6:9", "6:17"]
    ends = [
        str(block.terminator.span)
        for block in function.blocks.values()
        if hasattr(block.terminator, "span")
    ]
    assert ends == ["3:9", "4:13", "5:9", "6:14", "6:5"]
