"""Changes of a program that must not change its findings.

Each transformation takes the files of a program and returns the changed files with the place from
which each line came. Lines that it adds come from nowhere: a finding there is one too many.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Files = Mapping[str, str]
Place = tuple[str, int]  # file name, 1-based line


@dataclass(frozen=True)
class Changed:
    """A changed program, and for each of its lines the line of the original that it was."""

    files: dict[str, str]
    origin: dict[Place, Place]


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _same_places(files: Files) -> dict[Place, Place]:
    return {
        (name, number): (name, number)
        for name, text in files.items()
        for number in range(1, len(_lines(text)) + 1)
    }


def _rebuilt(files: Files, lines: Mapping[str, list[tuple[str, int | None]]]) -> Changed:
    """Join lines that carry their old number; a file without an entry stays as it is."""
    texts = dict(files)
    origin = _same_places({name: text for name, text in files.items() if name not in lines})
    for name, rows in lines.items():
        texts[name] = "\n".join(text for text, _ in rows)
        for number, (_, old) in enumerate(rows, 1):
            if old is not None:
                origin[name, number] = (name, old)
    return Changed(texts, origin)


def _first_free_line(text: str) -> int:
    """Return how many lines must stay on top: comments, a docstring, imports from the future."""
    last = len(text[: len(text) - len(re.sub(r"\A(?:#.*\n)+", "", text))].split("\n")) - 1
    for node in ast.parse(text).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not docstring and not future:
            break
        last = node.end_lineno or last
    return last


def _with_head(files: Files, head: str) -> Changed:
    lines: dict[str, list[tuple[str, int | None]]] = {}
    for name, text in files.items():
        rows: list[tuple[str, int | None]] = [
            (line, number) for number, line in enumerate(_lines(text), 1)
        ]
        rows.insert(_first_free_line(text), (head, None))
        lines[name] = rows
    return _rebuilt(files, lines)


def add_comment(files: Files) -> Changed:
    """Add a comment without a word of locks to each file."""
    return _with_head(files, "# This file was looked at in the spring.")


def add_comment_with_lock_words(files: Files) -> Changed:
    """Add a comment to each file that makes it look as if it dealt with locks."""
    return _with_head(files, "# lock, acquire, release, semaphore, mutex, condition, threading")


def remove_comments(files: Files) -> Changed:
    """Blank all comments but those that are addressed to a tool."""
    texts = {}
    for name, text in files.items():
        lines = _lines(text)
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and not _DIRECTIVE.search(token.string):
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column].rstrip()
        texts[name] = "\n".join(lines)
    return Changed(texts, _same_places(files))


_DIRECTIVE = re.compile(r"locklint|noqa|lock-order|type:|coding")


def spread(files: Files) -> Changed:
    """Put a blank line before each statement."""
    lines: dict[str, list[tuple[str, int | None]]] = {}
    for name, text in files.items():
        tree = ast.parse(text)
        starts = {
            min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            for node in ast.walk(tree)
            if isinstance(node, ast.stmt)
        }
        rows: list[tuple[str, int | None]] = []
        for number, line in enumerate(_lines(text), 1):
            if number in starts and re.match(r"\s*(?!elif\b|else\b|except\b|finally\b)\S", line):
                rows.append(("", None))
            rows.append((line, number))
        lines[name] = rows
    return _rebuilt(files, lines)


def reverse_methods(files: Files) -> Changed:
    """Reverse the methods that stand beside each other in a class."""
    lines: dict[str, list[tuple[str, int | None]]] = {}
    for name, text in files.items():
        rows: list[tuple[str, int | None]] = [
            (line, number) for number, line in enumerate(_lines(text), 1)
        ]
        # Inner classes come later in the walk and are left alone where the outer one was changed.
        done: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.lineno not in done:
                done.update(n.lineno for n in ast.walk(node) if isinstance(n, ast.ClassDef))
                rows = _with_reversed(rows, node)
        lines[name] = rows
    return _rebuilt(files, lines)


def _with_reversed(
    rows: list[tuple[str, int | None]], owner: ast.ClassDef
) -> list[tuple[str, int | None]]:
    methods = [n for n in owner.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    names = [n.name for n in methods]
    tail = owner.body[-len(methods) :] if methods else []
    used_in_body = {
        n.id
        for statement in owner.body
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and n.id in names and not _inside(n, methods)
    }
    decorated = any(
        isinstance(d, ast.Attribute | ast.Name) and _root(d) in names
        for m in methods
        for d in m.decorator_list
    )
    if len(methods) < 2 or tail != methods or len({*names}) < len(names):
        return rows
    if used_in_body or decorated:
        return rows
    starts = [min([m.lineno, *(d.lineno for d in m.decorator_list)]) - 1 for m in methods]
    ends = [*starts[1:], methods[-1].end_lineno or starts[-1]]
    if any(m.lineno == m.end_lineno == owner.lineno for m in methods):
        return rows
    blocks = [rows[a:b] for a, b in zip(starts, ends, strict=True)]
    turned = [row for block in reversed(blocks) for row in block]
    return [*rows[: starts[0]], *turned, *rows[ends[-1] :]]


def _inside(node: ast.AST, methods: Iterable[ast.AST]) -> bool:
    line = getattr(node, "lineno", 0)
    return any(
        m.lineno <= line <= m.end_lineno  # type: ignore[attr-defined]
        for m in methods
    )


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _replaced(text: str, edits: Iterable[tuple[int, int, str, str]]) -> str:
    """Replace (1-based line, byte column, old, new), all within single lines."""
    lines = [line.encode() for line in _lines(text)]
    for row, column, old, new in sorted(edits, reverse=True):
        line = lines[row - 1]
        found = line[column : column + len(old.encode())].decode()
        assert found == old, f"{found!r} stands where {old!r} was expected"
        lines[row - 1] = line[:column] + new.encode() + line[column + len(old.encode()) :]
    return b"\n".join(lines).decode()


def rename_locals(files: Files) -> Changed:
    """Rename the variables of functions that no nested function sees."""
    texts = {}
    for name, text in files.items():
        edits: list[tuple[int, int, str, str]] = []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                edits += _local_renames(node)
        texts[name] = _replaced(text, set(edits))
    return Changed(texts, _same_places(files))


_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def _local_renames(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> list[tuple[int, int, str, str]]:
    names: list[ast.Name] = []
    kept = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}

    def collect(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Global | ast.Nonlocal):
                kept.update(child.names)
            elif isinstance(child, ast.Import | ast.ImportFrom):
                kept.update((a.asname or a.name).split(".")[0] for a in child.names)
            elif isinstance(child, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
                kept.add(child.name or "")
            elif isinstance(child, ast.MatchMapping):
                kept.add(child.rest or "")
            if isinstance(child, _SCOPES):
                kept.update(n.id for n in ast.walk(child) if isinstance(n, ast.Name))
                kept.add(getattr(child, "name", ""))
                continue
            if isinstance(child, ast.JoinedStr) or type(child).__name__ == "TemplateStr":
                # Columns inside of these are wrong before Python 3.12.
                kept.update(n.id for n in ast.walk(child) if isinstance(n, ast.Name))
                continue
            if isinstance(child, ast.Name):
                names.append(child)
            collect(child)

    for statement in function.body:
        collect(ast.Module([statement], []))
    bound = {n.id for n in names if isinstance(n.ctx, ast.Store)} - kept
    return [(n.lineno, n.col_offset, n.id, f"{n.id}_renamed") for n in names if n.id in bound]


def rename_attributes(files: Files) -> Changed:
    """Rename the attributes that methods assign to ``self`` and that have no other meaning."""
    trees = {name: ast.parse(text) for name, text in files.items()}
    assigned: set[str] = set()
    kept = {word for text in files.values() for word in _words_of_directives(text)}
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=attribute, ctx=ast.Store()):
                    assigned.add(attribute)
                case ast.Name(id=word) | ast.arg(arg=word) | ast.keyword(arg=str(word)):
                    kept.add(word)
                case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word):
                    kept.add(word)
                case ast.ClassDef(name=word, bases=bases):
                    kept.add(word)
                    if any(_root(base) not in _classes(trees.values()) for base in bases):
                        # A base from elsewhere may give the attribute its meaning.
                        kept.update(_self_attributes(node))
                case ast.Constant(value=str(words)):
                    kept.update(re.findall(r"\w+", words))
                case ast.alias(name=word, asname=other):
                    kept.update((*word.split("."), other or ""))
                case ast.MatchClass(kwd_attrs=words):
                    kept.update(words)
                case ast.JoinedStr():
                    kept.update(n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute))
    wanted = {name for name in assigned - kept if not name.startswith("__")}
    texts = {}
    for name, text in files.items():
        edits = [
            (
                n.end_lineno or 0,
                (n.end_col_offset or 0) - len(n.attr.encode()),
                n.attr,
                f"{n.attr}x",
            )
            for n in ast.walk(trees[name])
            if isinstance(n, ast.Attribute) and n.attr in wanted
        ]
        texts[name] = _replaced(text, set(edits))
    return Changed(texts, _same_places(files))


def _words_of_directives(text: str) -> Iterable[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and _DIRECTIVE.search(token.string):
            yield from re.findall(r"\w+", token.string)


def _classes(trees: Iterable[ast.AST]) -> set[str]:
    return {n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}


def _self_attributes(owner: ast.ClassDef) -> set[str]:
    return {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute)}


def move(files: Files) -> Changed:
    """Move the whole program into another folder."""
    moved = {f"elsewhere/{name}": text for name, text in files.items()}
    origin = {
        (f"elsewhere/{name}", line): place for (name, line), place in _same_places(files).items()
    }
    return Changed(moved, origin)


def add_namesakes(files: Files) -> Changed:
    """Add a file whose classes, functions and attributes have the names of the program's."""
    rows = ["import threading", ""]
    seen: set[str] = set()
    for text in files.values():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and node.name not in seen:
                seen.add(node.name)
                rows += _namesake(node)
            elif isinstance(node, ast.FunctionDef) and node.name not in seen:
                seen.add(node.name)
                rows += ["", f"def {node.name}(*values, **named):", "    return None", ""]
    changed = {**files, "zz_namesakes.py": "\n".join(rows) + "\n"}
    return Changed(changed, _same_places(files))


def _namesake(owner: ast.ClassDef) -> list[str]:
    attributes = sorted(
        {
            n.attr
            for n in ast.walk(owner)
            if isinstance(n, ast.Attribute)
            and isinstance(n.ctx, ast.Store)
            and not n.attr.startswith("__")
        }
    )
    methods = {n.name for n in owner.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    rows = [
        "",
        f"class {owner.name}:",
        "    def __init__(self):",
        "        self._own = threading.RLock()",
    ]
    rows += [f"        self.{a} = threading.RLock()" for a in attributes if a not in methods]
    for method in sorted(methods - {"__init__", "__new__"}):
        rows += ["", f"    def {method}(self, *values, **named):", "        with self._own:"]
        rows += ["            return None"]
    return [*rows, ""]


def add_unrelated(files: Files) -> Changed:
    """Add a class to the end of each file that uses a lock of its own, rightly."""
    lines: dict[str, list[tuple[str, int | None]]] = {}
    for name, text in files.items():
        rows: list[tuple[str, int | None]] = [
            (line, number) for number, line in enumerate(_lines(text), 1)
        ]
        lines[name] = [*rows, *((line, None) for line in _lines(_UNRELATED))]
    return _rebuilt(files, lines)


_UNRELATED = """

class UnrelatedCounterOfTides:
    import threading as _threads_of_tides

    def __init__(self):
        self.tide_lock_of_its_own = self._threads_of_tides.Lock()
        self.tides = 0

    def count_a_tide(self):
        with self.tide_lock_of_its_own:
            self.tides += 1
"""


def together(files: Files) -> Changed:
    """Scan the program beside a copy of itself, in a folder of its own each."""
    both = {f"{side}/{name}": text for side in ("one", "two") for name, text in files.items()}
    origin = {
        (f"{side}/{name}", line): (name, line)
        for side in ("one", "two")
        for name, line in _same_places(files)
    }
    return Changed(both, origin)


TRANSFORMATIONS: dict[str, Callable[[Files], Changed]] = {
    "comment": add_comment,
    "lock-words": add_comment_with_lock_words,
    "no-comments": remove_comments,
    "spread": spread,
    "methods": reverse_methods,
    "locals": rename_locals,
    "attributes": rename_attributes,
    "moved": move,
    "namesakes": add_namesakes,
    "unrelated": add_unrelated,
    "together": together,
}
