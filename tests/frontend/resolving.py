"""Small projects with questions in comments, for tests of the resolver.

A source holds files under ``## path`` lines (one file ``m.py`` where there are none), and questions
as comments in the function, or module code, where they are asked::

    #? self._cond -> self._lock m.A._lock threading.Lock as threading.Condition, instance, high
    #? call self.close() -> m:A.close bound
    #? with self.locked() -> generator m:A.locked
    #? class Lock -> threading.Lock

``-`` is the answer "nothing". A long answer stands on a line of its own, after ``#>``.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from typing import NamedTuple

from locklint.core.source import SourceFile
from locklint.frontend.project import Project
from locklint.frontend.resolver import Callee, ContextManager
from locklint.frontend.static_resolver import ExternalResolver, StaticResolver
from locklint.frontend.value_types import scope_of
from locklint.index.build import build_index
from locklint.index.declarations import ModuleIndex
from locklint.ir.access_path import AccessPath, ElementField, Field, ResultField
from locklint.ir.lock import Exactness, LockRef
from locklint.models.table import default_table

_EXACTNESS = {
    Exactness.ONE: "one",
    Exactness.PER_INSTANCE: "instance",
    Exactness.ELEMENT: "element",
    Exactness.FRESH: "fresh",
    Exactness.UNKNOWN: "unknown",
}


class Question(NamedTuple):
    """A question, as written, with the function it is asked in and the expected answer."""

    path: str
    function: str
    what: str
    expression: str
    expected: str


def index_files(files: Mapping[str, str], loose: bool = False) -> dict[str, ModuleIndex]:
    """The declarations of files by their paths; a module's name is its path with dots.

    ``loose``: the files are scripts, and their folders no packages.
    """
    found: dict[str, ModuleIndex] = {}
    for path, text in files.items():
        module = path.removesuffix(".py").replace("/", ".")
        is_package = module.endswith("__init__")
        module = module.removesuffix(".__init__")
        if loose:
            module = module.rpartition(".")[2]
        taken = any(index.module == module for index in found.values())
        unique = f"{module}@{path}" if taken else ""
        source = SourceFile(path, module, text, is_package, unique)
        found[path] = build_index(ast.parse(text), source)
    return found


def split_files(source: str) -> dict[str, str]:
    """The files of a source by their paths."""
    files: dict[str, str] = {}
    path = "m.py"
    for line in textwrap.dedent(source).splitlines(keepends=True):
        if line.startswith("## "):
            path = line[3:].strip()
        else:
            files[path] = files.get(path, "") + line
    return {path: text for path, text in files.items() if text.strip()}


def answers(source: str, external: ExternalResolver | None = None) -> tuple[list[str], list[str]]:
    """The answers that a source gets, and those that it expects, each as one line of text."""
    files = split_files(source)
    indexes = index_files(files)
    resolver = StaticResolver(Project(indexes.values()), default_table(), external)
    given: list[str] = []
    expected: list[str] = []
    for path, text in files.items():
        index = indexes[path]
        for question in _questions(path, text, index):
            own = resolver.for_file(index)
            head = f"{question.function}: {question.what} {question.expression} -> "
            given.append(head + _answer(own, index, question))
            expected.append(head + question.expected)
    return given, expected


def check(source: str, external: ExternalResolver | None = None) -> None:
    """Assert that each question of a source gets the answer that it expects."""
    given, expected = answers(source, external)
    assert expected, "the source asks nothing"
    wrong = [
        f"\n  given    {one}\n  expected {other}"
        for one, other in zip(given, expected, strict=True)
        if one != other
    ]
    assert not wrong, "".join(wrong)


def _questions(path: str, text: str, index: ModuleIndex) -> list[Question]:
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        _, mark, rest = line.partition("#? ")
        if not mark:
            continue
        question, arrow, expected = rest.partition(" -> ")
        if not arrow:
            expected = lines[number].partition("#> ")[2]
        what, _, expression = question.partition(" ")
        if what not in ("call", "with", "class"):
            what, expression = "lock", question
        function = _function_at(index, number, line.index("#? ") + 1)
        found.append(Question(path, function, what, expression, expected.strip()))
    return found


def _function_at(index: ModuleIndex, line: int, column: int) -> str:
    """The function whose body holds a comment: the last one before it that is indented less."""
    holders = [
        function
        for function in index.functions.values()
        if function.span.line <= line and function.span.column < column
    ]
    if not holders:
        return ""
    return max(holders, key=lambda function: function.span.line).qualname


def _answer(resolver: StaticResolver, index: ModuleIndex, question: Question) -> str:
    node = ast.parse(question.expression, mode="eval").body
    if question.what == "call":
        assert isinstance(node, ast.Call)
        node = node.func
    path = access_path(resolver, index, question.function, node)
    key = f"{index.module}:{question.function or '<module>'}"
    match question.what:
        case "call":
            return show_callee(resolver.callee(key, path))
        case "with":
            return show_context_manager(resolver.context_manager(key, path))
        case "class":
            kind = resolver.lock_class(key, path)
            return kind.name if kind is not None else "-"
        case _:
            return show_lock(resolver.lock(key, path))


def access_path(
    resolver: StaticResolver, index: ModuleIndex, function: str, node: ast.expr
) -> AccessPath:
    """The access path of an expression in a function."""
    fields: list[Field] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            fields.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript):
            fields.append(ElementField(ast.unparse(node.slice)))
            node = node.value
        elif isinstance(node, ast.Call):
            parts = [ast.unparse(argument) for argument in node.args]
            parts += [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in node.keywords]
            fields.append(ResultField(", ".join(parts)))
            node = node.func
        else:
            raise ValueError(f"{ast.unparse(node)} has no path")
    root = resolver.walker.root_of(node.id, scope_of(index, function))
    return AccessPath(node.id, tuple(reversed(fields)), root)


def show_lock(ref: LockRef | None) -> str:
    """A lock as one line."""
    if ref is None:
        return "-"
    text = f"{ref.path} {ref.identity} {ref.kind.name}"
    if ref.view_kind is not None:
        text += f" as {ref.view_kind.name}"
    text += f", {_EXACTNESS[ref.exactness]}, {ref.confidence.label}"
    if ref.mode is not None:
        text += f", {ref.mode.value}"
    if ref.may_be_none:
        text += ", or None"
    return text


def show_callee(callee: Callee) -> str:
    """A callee as one line."""
    parts = list(callee.targets)
    if callee.constructs:
        parts.append(f"makes {callee.constructs}")
    if callee.external:
        parts.append(f"external {callee.external}")
    if callee.bound:
        parts.append("bound")
    return " ".join(parts) or "-"


def show_context_manager(manager: ContextManager) -> str:
    """A context manager as one line."""
    parts = []
    if manager.generator:
        parts.append(f"generator {manager.generator}")
    if manager.enter or manager.exit:
        parts.append(f"{manager.enter} {manager.exit}")
    if manager.async_enter:
        parts.append(f"async {manager.async_enter} {manager.async_exit}")
    if manager.external:
        parts.append(f"external {manager.external}")
    return " ".join(parts) or "-"
