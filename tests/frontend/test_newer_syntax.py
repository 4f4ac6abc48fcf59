"""Files in a newer syntax than the running Python's: analysed all the same, each line in place."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.core.source import SourceFile
from locklint.engine.pipeline import check
from locklint.frontend.newer_syntax import parse_newer

LEAK = """
    lock.acquire()  # here
    work()
    lock.release()
"""

CONSTRUCTS = {
    "type alias": """
        type Pair[T] = tuple[T, T]

        def leak():
        {leak}
        """,
    "type alias over several lines": """
        type Pair[
            T,  # any
        ] = (
            tuple[T, T]
        )

        def leak():
        {leak}
        """,
    "type alias before the lock": """
        class Box:
            if True: type Inner = int; type Other = str

            def leak(self):
        {inner_leak}
        """,
    "generic function": """
        def leak[T: int = bool, *Ts, **P](work: T = f(1)) -> T:
        {leak}
        """,
    "generic function over several lines": """
        @decorator
        def leak[
            T: (int, str),  # any
        ](
            given: T,
        ) -> T:
        {leak}
        """,
    "generic class": """
        class Box[T](Base[T]):
            type Inner = T

            def leak[U](self, given: U):
        {inner_leak}
        """,
    "nested generic function": """
        def outer():
            def leak[T](given: T):
        {inner_leak}
            return leak
        """,
    "f-string with its own quotes": """
        def leak():
            print(f"{names["first"]!r:>{widths["first"]}}", f'{x}')
        {leak}
        """,
    "f-string over several lines": """
        def leak():
            text = f"{
                names["first"]  # "
            } and {
                names["second"]
            }" "plain"
        {leak}
        """,
    "f-string with a backslash": r"""
        def leak():
            print(f"{'\n'.join(names)} and {f"{f"{1}"}"}")
        {leak}
        """,
    "t-string": """
        greeting = t"Hello {name!r:>{width}}"

        def leak():
            print(t'''{
                names["first"]
            }
            ''')
        {leak}
        """,
    "adjacent t-strings": """
        greeting = t"Hello " t"{name}"

        def leak():
            print(t"{names["first"]}" t"{first}" t" and {second}", t"a" t"b")
        {leak}
        """,
    "exceptions without parentheses": """
        def leak():
            try:
                work()
            except ValueError, KeyError:
                pass
        {leak}
        """,
    "exception groups without parentheses": """
        def leak():
            try:
                work()
            except* ValueError, KeyError:
                pass
        {leak}
        """,
    "unpacking in comprehensions": """
        def leak():
            flat = [*row for row in rows], {*row for row in rows}, {**row for row in rows}
        {leak}
        """,
    "lazy imports": """
        lazy import json
        lazy from json import loads, dumps

        def leak():
        {leak}
        """,
}


def _program(construct: str) -> str:
    body = textwrap.dedent(construct).strip("\n")
    inner = textwrap.indent(LEAK.strip("\n"), "    ")
    body = body.replace("{leak}", LEAK.strip("\n")).replace("{inner_leak}", inner)
    return f"import threading\n\nlock = threading.Lock()\n\n{body}\n"


def _findings(path: Path) -> list[tuple[str, int, int]]:
    report = check([str(path)], Config())
    assert report.errors == ()
    return [(each.code, each.span.line, each.span.column) for each in report.diagnostics]


@pytest.mark.parametrize("construct", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_a_fault_is_found_in_its_place(construct: str, tmp_path: Path) -> None:
    text = _program(construct)
    # Where the running Python knows the syntax, the file takes the usual way; the answer is the
    # same.
    (tmp_path / "newer.py").write_text(text)
    lines = text.split("\n")
    line = next(number for number, each in enumerate(lines, 1) if each.endswith("# here"))
    column = len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
    assert _findings(tmp_path / "newer.py") == [("LCK102", line, column)]


@pytest.mark.parametrize("construct", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_each_definition_keeps_its_line(construct: str) -> None:
    text = _program(construct)
    tree = parse_newer(SourceFile("newer.py", "newer", text))
    assert tree is not None
    lines = text.split("\n")
    definitions = [
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    assert definitions
    for node in definitions:
        assert f"{node.name}" in lines[node.lineno - 1]
        last = lines[(node.end_lineno or 0) - 1]
        assert last.strip() in ("lock.release()", "return leak")
    releases = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node) == "lock.release()"
    ]
    assert [lines[number - 1].strip() for number in releases] == ["lock.release()"]


def test_what_strings_embed_is_kept() -> None:
    text = 't"{first()} {second():>{width()}}" f"{t"{third()}"}"\n'
    tree = parse_newer(SourceFile("newer.py", "newer", text))
    assert tree is not None
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node.id for node in calls if isinstance(node, ast.Name)}
    assert names == {"first", "second", "width", "third"}


NEWER = """\
import threading

class Cache[K, V](Base[K, V]):
    def __init__(self, names: dict[K, V]) -> None:
        self._lock = threading.Lock()
        self._names = f"{", ".join(names)}"

    def get[D](self, key: K, default: D) -> V | D:
        with self._lock:
            return self._get(key, default)

    def _get[D](self, key: K, default: D) -> V | D:
        self._lock.acquire()
        if key in self._names:
            return self._names[key]
        try:
            self._lock.release()
        except ValueError, KeyError:
            raise
        return default

lock = threading.Lock()
with lock.acquire():
    names = f"{lock.release()}{"never released"}"
"""
OLDER = (
    NEWER.replace("[K, V](", "(")
    .replace("[D](", "(")
    .replace('", "', "', '")
    .replace('{"never released"}', "")
    .replace("ValueError, KeyError", "(ValueError, KeyError)")
)


def test_the_older_spelling_has_the_same_findings(tmp_path: Path) -> None:
    (tmp_path / "newer").mkdir()
    (tmp_path / "older").mkdir()
    (tmp_path / "newer" / "cache.py").write_text(NEWER)
    (tmp_path / "older" / "cache.py").write_text(OLDER)
    ast.parse(OLDER)
    newer = [(code, line) for code, line, _ in _findings(tmp_path / "newer" / "cache.py")]
    older = [(code, line) for code, line, _ in _findings(tmp_path / "older" / "cache.py")]
    assert newer == older
    assert {line for _, line in newer} == {10, 23, 24}


@pytest.mark.parametrize(
    "text",
    [
        "print 'held', lock\n",
        "try:\n    pass\nexcept ValueError, e:\n    print 'x'\n",
        "exec 'x' in {}\n",
        "x = 0777\nraise E, 'text'\n",
        "t'a' t'b'\nx = (\n",
        "def f(\n",
        "type X = print 'x'\n",
        "f'{' + lock\n",
        "class A[: pass\n",
        "\x00\n",
        # What would take the parser minutes, or all memory.
        f"type X = {'not ' * 20_000}x\n",
        f"type X = {'lambda: ' * 20_000}x\n",
        f"type X = {'1 if x else ' * 20_000}x\n",
        f"type X = {'-' * 20_000}x\n",
        f"type X = {'x ** ' * 20_000}x\n",
        f"type X = {'x + ' * 20_000}x\n",
        f"type X = x{'[0]' * 20_000}\n",
        f"type X = {'(' * 20_000}x{')' * 20_000}\n",
        "type X = int\n" + "x, y = z\n" * 100_000,
    ],
)
def test_what_is_refused(text: str) -> None:
    assert parse_newer(SourceFile("older.py", "older", text)) is None


def test_many_operators_are_not_deep() -> None:
    text = "type X = int\n" + "x = [\n" + "    a.b + -c ** d[0],\n" * 2000 + "]\n"
    text += "x = '((((((((((' + y.z()\n" * 2000
    assert parse_newer(SourceFile("newer.py", "newer", text)) is not None


def test_python_2_is_one_clear_finding(tmp_path: Path) -> None:
    text = """\
        import threading
        lock = threading.Lock()

        def work():
            lock.acquire()
            try:
                print "working"
            except ValueError, e:
                raise RuntimeError, e
            lock.release()
    """
    path = tmp_path / "old.py"
    path.write_text(textwrap.dedent(text))
    report = check([str(path)], Config())
    assert report.errors == ()
    (found,) = report.diagnostics
    assert (found.code, found.span.line, found.span.column) == ("LCK901", 7, 9)
    assert found.message.startswith("the file does not parse: Missing parentheses in call to")
