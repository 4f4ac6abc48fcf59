"""The declarations of a file, through their printed form."""

from __future__ import annotations

import ast
import textwrap

import msgspec
import pytest

from locklint.core.source import SourceFile
from locklint.index.build import build_index
from locklint.index.build_lock_use import LOCK_WORDS
from locklint.index.declarations import ModuleIndex
from locklint.models.table import default_table
from tests.index.printed import print_index


def index(text: str, module: str = "pkg.mod", is_package: bool = False) -> ModuleIndex:
    text = textwrap.dedent(text)
    return build_index(ast.parse(text), SourceFile("pkg/mod.py", module, text, is_package))


def check(text: str, expected: str, module: str = "pkg.mod", is_package: bool = False) -> None:
    printed = print_index(index(text, module, is_package)).splitlines()
    assert printed[1:] == textwrap.dedent(expected).strip("\n").splitlines()


def test_imports() -> None:
    check(
        """
        import threading, os.path, os.path as p
        from threading import Lock as L
        from . import sibling
        from .near import thing
        from ..above import other
        from queue import *
        try:
            import fast as json
        except ImportError:
            json = None
        else:
            import json
        if TYPE_CHECKING:
            from threading import RLock
        def f():
            import late
            from asyncio import Lock as L
        """,
        """
        import threading = threading
        import os = os
        import p = os.path
        import L = threading.Lock
        import sibling = pkg.sub.sibling
        import thing = pkg.sub.near.thing
        import other = pkg.above.other
        import json = fast | json
        import RLock = threading.RLock
        import late = late
        import * = queue
        json = None @11
        def f() @16:5
          import late = late
          import L = asyncio.Lock
        """,
        module="pkg.sub.mod",
    )


def test_relative_imports_of_a_package_and_beyond_the_top() -> None:
    check(
        """
        from . import a
        from .b import c
        from .. import d
        from ... import e
        """,
        """
        import a = pkg.sub.a
        import c = pkg.sub.b.c
        import d = pkg.d
        import e = e
        """,
        module="pkg.sub",
        is_package=True,
    )
    check("from .sibling import a\nfrom .. import b", "import a = sibling.a", module="script")


def test_assignments() -> None:
    check(
        """
        a, b = Lock(), Lock()
        (c, *d), e = f()
        g = h = Lock()
        i: "Optional[threading.Lock]" = None
        j: Lock | None
        k += 1
        l[0] = Lock()
        m.n = Lock()
        __all__ = ["a", "b"]
        """,
        """
        exports a, b
        a = Lock() @2
        b = Lock() @2
        c = f()[0][*] @3
        d = [f()[0][*]] @3
        e = f()[1] @3
        g = Lock() @4
        h = g @4
        i: Optional[threading.Lock] = None @5
        j: <Lock | None> = ? @6
        l[0] <- Lock() @8
        __all__ = ['a', 'b'] @10
        store m.n = Lock() @9
        called Lock f
        """,
    )


def test_values() -> None:
    check(
        """
        a = x.y.z
        b = make(1, "t", key=x).lock
        c = x or Lock()
        d = Lock() if x else None
        e = x and Lock()
        f = [Lock() for _ in x]
        g = {"k": Lock(), n: x, **more}
        h = {k: Lock() for k in x}
        i = x[0], x["k"], x[n], x[1:]
        j = lambda: Lock()
        k = [None] * 5
        l = x + y
        m = -1
        n = f(*x, y)
        o = [*x, y]
        p = f"{x}"
        """,
        """
        a = x.y.z @2
        b = make(1, 't', key=x).lock @3
        c = <x | Lock()> @4
        d = <Lock() | None> @5
        e = <Lock() | None> @6
        f = [Lock()] @7
        g = {'k': Lock(), ?: x, **: more[*]} @8
        h = {?: Lock()} @9
        i = [x[0], x['k'], x[*], [x[*]]] @10
        j = lambda: Lock() @11
        k = [None] @12
        l = (x, y) @13
        m = -1 @14
        n = f() @15
        o = [x[*], y] @16
        p = '' @17
        call make: make(1, 't', key=x) @3 in <module>
        called Lock f make
        """,
    )


def test_values_are_kept_to_a_depth() -> None:
    printed = print_index(index("a = " + "f(" * 8 + ")" * 8))
    assert "a = f(f(f(f(f(?)))))" in printed


def test_functions_and_their_locals() -> None:
    check(
        """
        @other.deco(1)
        async def f(a, /, b: Lock = None, *args, c: "Lock", **kw) -> Lock:
            global g
            g = Lock()
            x: Lock = a
            for y in b: pass
            with a as z, open() as w: pass
            if (n := Lock()): pass
            match b:
                case [p, q]: pass
                case {"k": r, **s}: pass
                case Cls(t) as u: pass
            try: pass
            except E as err: pass
            def inner():
                nonlocal x
                x = Lock()
                free.append(Lock())
            class C: pass
            [i.acquire() for i in b]
            yield x
            return await x
        """,
        """
        g = Lock() @5 in f
        free <- Lock() @19 in f.inner
        class f.C() in f @20:5
        @other.deco(1) def f(a, b: Lock = None, *args, c (keyword): Lock, **kw) -> Lock @3:11 \
[async, generator, may lock]
          global g
          inner inner = f.inner
          inner C = f.C
          x: Lock = a @6 in f
          x = Lock() @18 in f.inner
          y = b[*] @7 in f
          z = enter a @8 in f
          w = enter open() @8 in f
          n = Lock() @9 in f
          u: Cls = b @13 in f
          t = ? @13 in f
          s = ? @12 in f
          r = b[*] @12 in f
          q = b[*] @11 in f
          p = b[*] @11 in f
          err = ? @15 in f
          for i = b[*] @21 in f
          return await x
          yield x
          called Lock acquire open
        def f.inner() in f @16:9
          nonlocal x
          called Lock append
        called deco
        """,
    )


def test_what_is_put_into_a_parameter_is_put_into_the_attribute_that_keeps_it() -> None:
    check(
        """
        class A:
            def keep(self, state, rest, gone):
                state["a"] = Lock()
                self.state = state
                rest.append(Lock())
                self.rest, self.gone = rest, gone
                gone = {}
                gone["b"] = Lock()
        """,
        """
        class A() @2:1
          method keep = A.keep
        def A.keep(self, state, rest, gone) in A @3:9
          gone = {} @8 in A.keep
          gone['b'] <- Lock() @9 in A.keep
          self.state = state @5 in A.keep
          self.state['a'] <- Lock() @4 in A.keep
          self.rest = rest @7 in A.keep
          self.rest <- Lock() @6 in A.keep
          self.gone = gone @7 in A.keep
          called Lock append
        """,
    )


def test_attributes_of_self() -> None:
    check(
        """
        class A:
            def __init__(self, lock):
                self.a = self.b = Lock()
                self.c, self.d = lock, None
                self.e["k"] = Lock()
                self.f.append(Lock())
                self.g.setdefault(1, Lock())
                self.h += [Lock()]
                self.i.update({1: Lock()})
                setattr(self, "j", Lock())
                object.__setattr__(self, "k", Lock())
                self.l.m = Lock()
                def late():
                    self.n = Lock()
                def other(self):
                    self.o = Lock()
            @staticmethod
            def s(self):
                self.p = Lock()
        """,
        """
        class A() @2:1
          method __init__ = A.__init__
          method s = A.s
        def A.__init__(self, lock) in A @3:9
          inner late = A.__init__.late
          inner other = A.__init__.other
          self.a = Lock() @4 in A.__init__
          self.b = self.a @4 in A.__init__
          self.c = lock @5 in A.__init__
          self.d = None @5 in A.__init__
          self.e['k'] <- Lock() @6 in A.__init__
          self.f <- Lock() @7 in A.__init__
          self.g <- Lock() @8 in A.__init__
          self.h <- Lock() @9 in A.__init__
          self.i[1] <- Lock() @10 in A.__init__
          self.j = Lock() @11 in A.__init__
          self.k = Lock() @12 in A.__init__
          self.n = Lock() @15 in A.__init__.late
          called Lock __setattr__ append setattr setdefault update
        def A.__init__.late() in A.__init__ @14:13
          called Lock
        def A.__init__.other(self) in A.__init__ @16:13
          self.o = Lock() @17 in A.__init__.other
          called Lock
        @staticmethod def A.s(self) in A @19:9
          called Lock
        store self.l.m = Lock() @13 in A.__init__
        store self.p = Lock() @20 in A.s
        """,
    )


def test_classes() -> None:
    check(
        """
        @dataclass
        class A(Base[T], mod.Other, metaclass=Meta):
            __slots__ = ("x",)
            lock: Lock = field(default_factory=Lock)
            cond = Condition(lock)
            class Inner:
                def m(self): ...
            @property
            def p(self): return self.x
            @p.setter
            def p(self, v): self.x = v
            @abstractmethod
            def q(self): ...
            def r(self):
                '''Later.'''
                raise NotImplementedError("r")
        class A(A):
            pass
        """,
        """
        @dataclass class A(Base[T], mod.Other, metaclass=Meta) @2:1
          __slots__ = ['x'] @4
          lock: Lock = field(default_factory=Lock) @5
          cond = Condition(lock) @6
          method p = A.p
          method q = A.q
          method r = A.r
        class A.Inner() in A @7:5
          method m = A.Inner.m
        class A@18(A) @18:1
        def A.Inner.m(self) in A.Inner @8:13
        @property def A.p(self) in A @10:9
          return self.x
        @p.setter def A.p@12(self, v) in A @12:9
          self.x = v @12 in A.p@12
        @abstractmethod def A.q(self) in A @14:9 [abstract]
        def A.r(self) in A @15:9 [abstract]
          called NotImplementedError
        call field: field(default_factory=Lock) @5 in <module>
        call Condition: Condition(lock) @6 in <module>
        called Condition field
        """,
    )


def test_call_sites() -> None:
    check(
        """
        class A:
            def __init__(self, lock): pass
            @classmethod
            def make(cls): return cls(1)
        def f(lock, n): pass
        def g():
            A(Lock())
            f(Lock(), n=1)
            unknown(1)
            Thread(target=f, args=(x, 2), kwargs={"k": y})
            pool.submit(f, x)
            loop.run_in_executor(None, f, x)
        """,
        """
        class A() @2:1
          method __init__ = A.__init__
          method make = A.make
        def A.__init__(self, lock) in A @3:9
        @classmethod def A.make(cls) in A @5:9
          return cls(1)
          called cls
        def f(lock, n) @6:5
        def g() @7:5
          called A Lock Thread f run_in_executor submit unknown
        call cls: cls(1) @5 in A.make
        call A: A(Lock()) @8 in g
        call f: f(Lock(), n=1) @9 in g
        call Thread: Thread(target=f, args=[x, 2], kwargs={'k': y}) @11 in g
        call f: f(x, 2, k=y) @11 in g
        call submit: pool.submit(f, x) @12 in g
        call f: f(x) @12 in g
        call run_in_executor: loop.run_in_executor(None, f, x) @13 in g
        call f: f(x) @13 in g
        """,
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self._lock.acquire()", True),
        ("got = f(lock.acquire_read_lock)", True),
        ("x = [l.release for l in locks]", True),
        ("callback(lambda: lock.release())", True),
        ("return lock.locked()", True),
        ("stack.enter_context(lock)", True),
        ("with self._lock: pass", True),
        ("with x: pass", True),
        ("with x.y(): pass", True),
        ("with a[0]: pass", True),
        ("with make()(): pass", True),
        ("async with x: pass", True),
        ("self._cond.notify_all()", True),
        ("self._cond.wait(1)", True),
        ("lock.__enter__()", True),
        ("with open('x') as f: pass", False),
        ("with suppress(OSError): pass", False),
        ("with contextlib.suppress(OSError): pass", False),
        ("with tempfile.TemporaryDirectory() as d: pass", False),
        ("with self.assertRaises(E): pass", False),
        ("with open('x') as f, lock: pass", True),
        ("y = self.released\n    z = released_at()", False),
        ("def inner():\n        lock.acquire()", False),
        ("return self.block.unblocked()", False),
    ],
)
def test_which_functions_may_touch_a_lock(body: str, expected: bool) -> None:
    imports = "import contextlib, tempfile\nfrom contextlib import suppress\n"
    assert index(f"{imports}def f(self):\n    {body}\n").functions["f"].mentions_lock is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self._lock.acquire()", "self._lock acquire"),
        ("lock.acquire(); lock.release(); lock.acquire()", "lock acquire, lock release"),
        (
            "with self.locks[0], a['k'], b[i], c[i + 1]: pass",
            "self locks [0] with, a ['k'] with, b [i] with, c [*] with",
        ),
        ("async with make(1).lock: pass", "make () lock with"),
        ("with await self._lock: pass", "self _lock with"),
        ("(await make()).acquire()", "? acquire"),
        ("with (a if b else c): pass", "? with"),
        ("if not self._lock: pass", "self _lock if"),
        ("release()", " release"),
        ("stack.enter_context(lock)", "? enter_context"),
        ("x = [each.release for each in locks]", "each release"),
        ("a" + ".b" * 20 + ".acquire()", "? acquire"),
    ],
)
def test_what_may_be_a_lock_is_written_down(body: str, expected: str) -> None:
    uses = index(f"async def f(self):\n    {body}\n").functions["f"].lock_uses
    shown = []
    for use in uses:
        names = ("?",) if use.of is None else (use.of.variable, *use.of.fields)
        shown.append(" ".join(map(str, (*names, use.word))))
    assert shown == expected.replace("self._", "self _").split(", ")


def test_which_module_statements_may_touch_a_lock() -> None:
    found = index(
        """
        import threading
        lock = threading.Lock()
        with lock:
            x = 1
        if x:
            for y in z:
                y.release()
        def f():
            with lock: pass
        class A:
            lock = threading.Lock()
        with open("f") as g:
            pass
        lock.acquire()
        """
    )
    assert [str(span) for span in found.module_statements] == ["4:1", "6:1", "15:1"]


def test_every_method_of_every_kind_counts_as_lock_use() -> None:
    for kind in default_table().kinds.values():
        acquire_methods = [form.name for form in kind.acquire_forms]
        release_methods = [form.name for form in kind.release_forms]
        for method in (*acquire_methods, *release_methods):
            assert LOCK_WORDS[method], f"{kind.name}.{method}"


def test_spans_count_characters() -> None:
    text = "class Ä:\n    @deco\n    def größe(self, ü='äöü'): pass; x = 1\n"
    function = index(text).functions["Ä.größe"]
    assert (function.span.line, function.span.column, function.span.end_line) == (2, 5, 3)
    assert function.span.end_column == len("    def größe(self, ü='äöü'): pass; x = 1") + 1
    assert (function.name_span.column, function.name_span.end_column) == (9, 14)


def test_an_index_survives_storing() -> None:
    found = index(
        """
        import threading
        class A:
            lock: threading.Lock | None = None
            def f(self, *a: dict[str, int]) -> None:
                self.x = {"k": (await_ := g(1)(2).h[0], lambda: 1)} if self else None
                with self.x as y: yield y
        """
    )
    stored = msgspec.msgpack.encode(found)
    assert msgspec.msgpack.decode(stored, type=ModuleIndex) == found


@pytest.mark.parametrize(
    "text",
    [
        "x = " + " + ".join(["f(a)"] * 900),
        "x = a" + ".b()" * 900,
        "x = " + "f(" * 80 + ")" * 80,
        "x = f" + "()" * 900,
        "x = " + "[" * 90 + "]" * 90,
        "x = " + " or ".join(["a"] * 5000),
        "if a:\n    pass\n" + "elif b:\n    lock.acquire()\n" * 900,
        "".join("    " * depth + "for x in y:\n" for depth in range(95)) + "    " * 95 + "pass",
        "x = [" + ", ".join(["Lock()"] * 20_000) + "]",
        "\n".join(f"x = Lock({number})" for number in range(5_000)),
        "\n".join(f"def f(a): return g(a, {number})" for number in range(2_000)),
        "lambda: " * 90 + "1",
        "x: '" + "a" * 5000 + "' = 1\ny: 'not a type!' = 2\nz: '(' = 3\nw: '\\x00' = 4",
        "x = 1" + "0" * 3000,
    ],
)
def test_odd_input_is_taken(text: str) -> None:
    found = index(text)
    assert msgspec.msgpack.encode(found)
    assert print_index(found)


def test_many_blocks_in_each_other() -> None:
    inner: ast.stmt = ast.parse("with lock: pass").body[0]
    for _ in range(3_000):
        inner = ast.If(test=ast.Name("a"), body=[inner], orelse=[], lineno=1, col_offset=0)
    term: ast.expr = ast.parse("f(a)").body[0].value  # type: ignore[attr-defined]
    for _ in range(5_000):
        term = ast.BinOp(term, ast.Add(), ast.Name("b"), lineno=1, col_offset=0)
    inner.end_lineno, inner.end_col_offset = 1, 1
    tree = ast.Module([inner, ast.Expr(term)], [])
    found = build_index(tree, SourceFile("m.py", "m", "with lock: pass\n"))
    assert len(found.module_statements) == 1
    assert found.called == {"f"}


def test_functions_that_ask_whether_a_lock_is_true() -> None:
    found = index(
        """
        class A:
            def f(self):
                if not self._lock: pass
            def g(self):
                if self.other: pass
        def h():
            while lock: pass
        """
    )
    marked = {name for name, function in found.functions.items() if function.mentions_lock}
    assert marked == {"A.f", "h"}


def test_callees_as_they_are_written() -> None:
    found = index(
        """
        def f(a, b):
            a.get(b.c.close())
            get(*a)
            a[0].put()
            b().x.put()
            "".join(a)
            (a or b).wait()
            sorted(a, key=b.rank)
            functools.reduce(a.add, b)
            run(a.start)

            def inner():
                a.late()
        """
    )
    assert found.functions["f"].callees.split("\n") == [
        "a.get",
        "b.c.close",
        "get",
        ".put",
        "b",
        "sorted",
        "b.rank",
        "functools.reduce",
        "a.add",
        "run",
        "a.start",
    ]
    assert found.functions["f.inner"].callees == "a.late"
