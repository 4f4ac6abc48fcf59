"""Nested functions, lambdas, classes; which scope a name belongs to; names of definitions."""

from __future__ import annotations

from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.instruction import Assign, FunctionRef
from locklint.ir.operands import operand_paths, terminator_paths, used_paths
from tests.frontend.lowered import blocks, expected, functions, module_functions


def roots(function: Function) -> dict[str, str]:
    """The kind of root of each variable that a function uses or binds."""
    found: dict[str, str] = {}
    for block in function.blocks.values():
        paths = list(terminator_paths(block.terminator))
        for instruction in block.instructions:
            paths += used_paths(instruction)
            if isinstance(instruction, Assign):
                paths.append(instruction.target)
        found.update({path.root_name: path.root.value for path in paths})
    return {name: root for name, root in sorted(found.items()) if not name.startswith("%")}


def references(function: Function) -> dict[str, list[str]]:
    """The captured paths of each nested function that is bound to a name."""
    return {
        instruction.value.qualname: [f"{p} ({p.root.value})" for p in instruction.value.captures]
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Assign) and isinstance(instruction.value, FunctionRef)
    }


NESTED = """
    class Account:
        @wraps(other.f)
        def pay(self, amount, *args, key=None, **rest):
            total = amount + limit

            @decorate(total)
            def undo(why=self.reason):
                nonlocal total
                global last
                total = last = why
                self.lock.release()
                return lambda: (total, self.lock.acquire, why)

            class Note:
                kind = 1

                def text(self):
                    return kind, total, self
            return undo, Note
    """


def test_nested_functions() -> None:
    found = functions(NESTED)
    assert {name: function.kind for name, function in found.items()} == {
        "Account.pay": FunctionKind.METHOD,
        "Account.pay.undo": FunctionKind.FUNCTION,
        "Account.pay.undo.<lambda@12:20>": FunctionKind.LAMBDA,
        "Account.pay.Note.text": FunctionKind.METHOD,
    }
    pay, undo = found["Account.pay"], found["Account.pay.undo"]
    assert pay.key == "case:Account.pay"
    assert [*map(str, pay.parameters)] == ["self", "amount", "*args", "key", "**rest"]
    assert [(str(d.path), d.called, d.text) for d in pay.decorators] == [
        ("wraps", True, "wraps(other.f)")
    ]
    assert (str(pay.span), str(pay.name_span)) == ("2:5", "3:9")
    assert (undo.parent, undo.class_name) == ("Account.pay", None)
    assert (undo.globals, undo.nonlocals) == (("last",), ("total",))
    text = found["Account.pay.Note.text"]
    assert (text.parent, text.class_name) == ("Account.pay", "Account.pay.Note")


def test_definitions_are_bound_after_decorators_and_defaults() -> None:
    assert blocks(functions(NESTED)["Account.pay"]) == expected(
        """
        b0
          operate +
          total = ?(amount, limit)
          %1 = call decorate(total)
          read self.reason
          undo = function Account.pay.undo
          kind%2 = 1
          text%2 = function Account.pay.Note.text
          Note = ?
          return tuple(undo, Note)
        """
    )


def test_captures() -> None:
    assert references(functions(NESTED)["Account.pay"]) == {
        "Account.pay.undo": [
            "self.lock (self)",
            "self.lock.acquire (self)",
            "self.lock.release (self)",
            "total (local)",
            "self.reason (self)",  # a default
        ],
        "Account.pay.Note.text": ["total (local)"],
    }


def test_roots() -> None:
    found = functions(NESTED)
    assert roots(found["Account.pay"]) == {
        "Note": "local",
        "amount": "parameter",
        "decorate": "global",
        "kind%2": "local",
        "limit": "global",
        "self": "self",
        "text%2": "local",
        "total": "local",
        "undo": "local",
    }
    assert roots(found["Account.pay.undo"]) == {
        "last": "global",
        "self": "closure",
        "total": "closure",
        "why": "parameter",
    }
    # A method does not see the names of its class.
    assert roots(found["Account.pay.Note.text"]) == {
        "kind": "global",
        "self": "self",
        "total": "closure",
    }


def test_what_is_self() -> None:
    found = functions(
        """
        class A:
            def method(this): return this.x
            @classmethod
            def made(cls): return cls.x
            @staticmethod
            def plain(x): return x.x
            def rebound(self):
                self = self.other
                return self.x
            def __new__(cls): return cls.x
        def function(self): return self.x
        """
    )
    assert {name: tuple(roots(function).values()) for name, function in found.items()} == {
        "A.method": ("self",),
        "A.made": ("self",),
        "A.plain": ("parameter",),
        "A.rebound": ("parameter",),
        "A.__new__": ("self",),
        "function": ("parameter",),
    }


def test_every_way_to_bind_a_name() -> None:
    function = functions(
        """
        def f(p):
            import a.b
            from c import d as e
            for g in p: pass
            with p as h: pass
            try: pass
            except E as i: pass
            (j := p)
            [(k := l) for l in p]
            match p:
                case [m, *n] | {"x": m, **n}: pass
            del o
            q += 1
            r: int = 1
            class s: pass
            def t(): pass
            print(a, e, g, h, i, j, k, m, n, o, q, r, s, t, l, c, b)
        """
    )["f"]
    found = roots(function)
    assert [name for name, root in found.items() if root == "global"] == ["b", "c", "l", "print"]


def test_generator_expression_runs_later() -> None:
    found = functions(
        """
        def f(xs, lock):
            return any(lock.owns(x) for x in xs.all() if x)
        """
    )
    assert blocks(found["f"]) == expected(
        """
        b0
          %1 = call xs.all()
          operate iterate
          %2 = call any(function f.<genexpr@2:15>)  [returned]
          return %2
        """
    )
    generator = found["f.<genexpr@2:15>"]
    assert generator.is_generator
    assert blocks(generator) == expected(
        """
        b0
          operate iterate
          if <?> -> b1 else b3
        b1
          x = .0[*]
          if x -> b2 else b0
        b2
          %1 = call lock.owns(x)
          yield %1
          -> b0
        b3
          return None  [implicit]
        """
    )


def test_a_name_that_is_defined_twice_gets_its_line() -> None:
    found = functions(
        """
        def f(x):
            if x:
                def g(): return 1
            else:
                def g(): return 2
            return g
        """
    )
    assert list(found) == ["f", "f.g", "f.g@5"]


def test_functions_in_a_finally_are_lowered_once() -> None:
    found = functions(
        """
        def f():
            try:
                work()
            finally:
                atexit.register(lambda: 1)
        """
    )
    assert list(found) == ["f", "f.<lambda@5:25>"]


def test_generators_and_coroutines() -> None:
    found = functions(
        """
        async def both():
            yield 1
        def outer():
            def inner():
                yield
        def waits():
            x = lambda: (yield)
        """
    )
    assert {name: (f.is_async, f.is_generator) for name, f in found.items()} == {
        "both": (True, True),
        "outer": (False, False),
        "outer.inner": (False, True),
        "waits": (False, False),
        "waits.<lambda@7:9>": (False, True),
    }


def test_module_code() -> None:
    found = module_functions(
        """
        lock = Lock()
        with lock:
            hooks = [lambda: lock.release()]
        if hooks:
            def f(): pass
        class C: pass
        (a): int = "\f"
        """
    )
    assert list(found) == ["<module>", "<lambda@3:14>"]
    assert found["<module>"].kind is FunctionKind.MODULE
    assert blocks(found["<module>"]) == expected(
        """
        b0
          %1 = call Lock()  [bound to lock]
          lock = %1
          enter lock
          hooks = list(function <lambda@3:14>)
          exit lock
          if hooks -> b1 else b2
        b1
          f = function f
          -> b2
        b2
          C = ?
          return None  [implicit]
        """
    )


def test_mentions_of_operands() -> None:
    function = functions("def f(a, b):\n    return [a, (b.c, {1: a})]\n")["f"]
    assert [str(path) for path in terminator_paths(function.blocks[0].terminator)] == [
        "a",
        "b.c",
        "a",
    ]
    assert list(operand_paths(FunctionRef("g"))) == []
