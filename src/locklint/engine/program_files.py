"""From paths to declarations and graphs: everything of a run that looks at one file at a time."""

from __future__ import annotations

import ast
import os
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from locklint.core.config import Config
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.core.source import Cell, SourceFile, Span
from locklint.engine import notebook
from locklint.engine.module_names import ModuleNames
from locklint.engine.read import ReadProblem, decode, read_bytes
from locklint.engine.report import InternalError
from locklint.engine.stdin import StdinText
from locklint.index.declarations import FunctionDecl, ModuleIndex
from locklint.index.screen import configured_words, mentions_lock
from locklint.ir.cfg import Function
from locklint.models.spawns import DRIVERS

_SEPARATORS = ",(\n;=.["
_MOST_SEPARATORS = 500_000
"""What bounds the size of a syntax tree, at 1 KB for each of these characters.

The largest files that people publish have half as many.
"""

_MAKERS = frozenset({"Lock", "RLock", "allocate_lock", "Process"})
"""Names of what makes locks, or processes that share none. They only decide where to look."""

_SPAWNERS = frozenset(
    {"Thread", "Timer", "start_new_thread", "submit", "apply_async", "run_in_executor", "to_thread"}
)
"""Names of what makes threads."""


@dataclass
class AnalysedFile:
    """A file: its text, its declarations, and what of it was lowered.

    One that mentions no lock is there only because a name has led to it.
    """

    source: SourceFile
    index: ModuleIndex
    lowered: set[str] = field(default_factory=set)
    mentions_locks: bool = True


class ProgramFiles:
    """The files of a run, read and lowered as they are asked for.

    Whatever is wrong with a file becomes a finding in ``problems``, or, where it is a defect of
    locklint, an entry of ``errors``; the rest goes on. ``stdin`` takes the place of a file.
    ``unparsed`` are notebooks that could not be parsed; ``consulted`` are files and folders of
    installed packages that were looked at on the way.
    """

    def __init__(self, config: Config, stdin: StdinText | None = None) -> None:
        self.problems: list[Diagnostic] = []
        self.errors: list[InternalError] = []
        self.files: dict[str, AnalysedFile] = {}
        self.unparsed: dict[str, SourceFile] = {}
        self.consulted: set[str] = set()
        self._overlay = {os.path.realpath(stdin.path): stdin.data} if stdin else {}
        self._words = configured_words(config)
        self._methods = frozenset(
            name for kind in config.lock_types.values() for name in (*kind.acquire, *kind.release)
        )
        self._names = ModuleNames(config.source_roots)
        self._trees: dict[str, ast.Module] = {}
        # The trees of files in a newer syntax are not those of their text: see `newer_syntax`.
        self._newer: set[str] = set()
        self._modules: dict[str, str] = {}
        self._unread: dict[str, list[tuple[str, str]]] = {}

    def leave_unread(self, found: Iterable[tuple[str, str]]) -> None:
        """Note files that mention no lock, by their modules, so that `load` can fetch them."""
        for path, shown in found:
            if shown not in self.files:
                self._unread.setdefault(self._names.name(path)[0], []).append((path, shown))

    def load(self, module: str) -> ModuleIndex | None:
        """Index the file of a module that mentions no lock; None where there is not just one."""
        found = self._unread.pop(module, [])
        if len(found) != 1:
            return None
        path, shown = found[0]
        try:
            file = self.add_text(path, shown, decode(self._bytes(path)))
        except ReadProblem:
            return None
        self.forget_trees()
        if file is None:
            return None
        file.mentions_locks = False
        return file.index

    def has_module(self, dotted: str) -> bool:
        """Whether a dotted name may lead into a file that was not read yet."""
        parts = dotted.split(".")
        return any(".".join(parts[:length]) in self._unread for length in range(len(parts), 0, -1))

    def read(self, path: str, shown: str) -> AnalysedFile | None:
        """Read, screen and index one file; None where it says nothing about locks, or cannot."""
        try:
            data = self._bytes(path)
            if not mentions_lock(data, self._words):
                return None
            if path.endswith(notebook.SUFFIX):
                code = notebook.notebook_code(data)
                return self.add_text(path, shown, code.text, code.cells) if code.cells else None
            return self.add_text(path, shown, decode(data))
        except ReadProblem as problem:
            self._problem(shown, problem.message, problem.line or 1)
        except Exception as error:
            self._internal(shown, error)
        return None

    def _bytes(self, path: str) -> bytes:
        if self._overlay:
            data = self._overlay.get(os.path.realpath(path))
            if data is not None:
                return data
        return read_bytes(path)

    def add_text(
        self, path: str, shown: str, text: str, cells: tuple[Cell, ...] = ()
    ) -> AnalysedFile | None:
        """Index one decoded file, or the code of a notebook with its cells."""
        module, is_package = self._names.name(path)
        # Two scripts of one name are different files all the same.
        taken = self._modules.setdefault(module, shown) != shown
        unique = f"{module}@{shown}" if taken else ""
        source = SourceFile(shown, module, text, is_package, unique, cells)
        tree = self._parse(source)
        if tree is None:
            if cells:
                # The place of the problem is one in a cell.
                self.unparsed[shown] = source
            return None
        from locklint.index.build import build_index

        file = AnalysedFile(source, build_index(tree, source))
        self.files[shown] = file
        self._trees[shown] = tree
        return file

    def _parse(self, source: SourceFile) -> ast.Module | None:
        if sum(map(source.text.count, _SEPARATORS)) > _MOST_SEPARATORS:
            self._problem(source.path, "the file is too large to be analysed", 1)
            return None
        try:
            return ast.parse(source.text)
        except (SyntaxError, ValueError) as error:
            from locklint.frontend.newer_syntax import parse_newer

            found = parse_newer(source)
            if found is not None:
                self._newer.add(source.path)
            else:
                line = getattr(error, "lineno", None) or 1
                column = getattr(error, "offset", None) or 1
                message = getattr(error, "msg", None) or str(error)
                self._problem(source.path, f"the file does not parse: {message}", line, column)
            return found
        except (RecursionError, MemoryError):
            self._problem(source.path, "the code is nested too deeply to be analysed", 1)
            return None

    # -- lowering ---------------------------------------------------------------------------

    def lower_relevant(self, file: AnalysedFile) -> list[Function]:
        """The graphs of everything in a file that may touch a lock."""
        index = file.index
        wanted = {
            outermost(index, declaration).qualname
            for declaration in index.functions.values()
            if declaration.mentions_lock
            or not self._methods.isdisjoint(declaration.called)
            or (declaration.name != "__init__" and not _MAKERS.isdisjoint(declaration.called))
            or not _SPAWNERS.isdisjoint(declaration.called)
        }
        names = {index.functions[qualname].name for qualname in wanted}
        # What a program does in its one thread shows only in the function that it starts with.
        wanted |= {
            qualname
            for qualname in DRIVERS & index.functions.keys()
            if not names.isdisjoint(index.functions[qualname].called)
        }
        functions = self.lower(file, wanted)
        if index.module_statements:
            functions += self._lower_module_code(file)
        return functions

    def lower(self, file: AnalysedFile, qualnames: Iterable[str]) -> list[Function]:
        """The graphs of those functions that were not lowered yet, nested ones included."""
        functions: list[Function] = []
        wanted = sorted(set(qualnames) - file.lowered)
        if not wanted:
            return functions
        from locklint.frontend.lower_module import FunctionSource, lower_function
        from locklint.frontend.parse import LoweringProblem

        nodes = self._nodes(file, wanted)
        names = _definition_names(file.index)
        for qualname in wanted:
            file.lowered.add(qualname)
            declaration = file.index.functions[qualname]
            try:
                lowered = lower_function(
                    FunctionSource(
                        file.source,
                        qualname,
                        declaration.span,
                        declaration.name_span,
                        nodes.get((declaration.name_span.line, declaration.name)),
                        declaration.class_name,
                        declaration.parent,
                        names,
                    )
                )
            except Exception as error:
                self._internal(file.source.path, error)
                continue
            if isinstance(lowered, LoweringProblem):
                self._problem(file.source.path, lowered.message, lowered.span.line)
            else:
                functions.extend(lowered)
        return functions

    def _lower_module_code(self, file: AnalysedFile) -> list[Function]:
        from locklint.frontend.lower_module import lower_module_code
        from locklint.frontend.parse import LoweringProblem

        tree = self._tree(file)
        by_line = {statement.lineno: statement for statement in tree.body} if tree else {}
        spans = file.index.module_statements
        nodes = [by_line[span.line] for span in spans if span.line in by_line]
        try:
            lowered = lower_module_code(
                file.source,
                spans,
                nodes if len(nodes) == len(spans) else None,
                _definition_names(file.index),
            )
        except Exception as error:
            self._internal(file.source.path, error)
            return []
        if isinstance(lowered, LoweringProblem):
            self._problem(file.source.path, lowered.message, lowered.span.line)
            return []
        return list(lowered)

    def forget_trees(self) -> None:
        """Give back the memory of the syntax trees; they are parsed again where still needed."""
        self._trees.clear()

    def _tree(self, file: AnalysedFile) -> ast.Module | None:
        """The syntax tree of a file; None where it cannot tell the places of the text."""
        path = file.source.path
        if path in self._newer:
            return None
        if path not in self._trees:
            tree = self._parse(file.source)
            if tree is None:
                return None
            self._trees[path] = tree
        return self._trees[path]

    def _nodes(
        self, file: AnalysedFile, wanted: Iterable[str]
    ) -> dict[tuple[int, str], ast.FunctionDef | ast.AsyncFunctionDef]:
        """The `ast` nodes of the wanted functions, at least, by the line of the name and the name.

        A file whose tree was given back is not parsed again for the sake of a small part of it.
        """
        declarations = [file.index.functions[qualname] for qualname in wanted]
        path = file.source.path
        lines = sum(each.span.end_line - each.span.line + 1 for each in declarations)
        if (
            path not in self._trees
            and path not in self._newer
            and 2 * lines < len(file.source.lines)
        ):
            found = self._nodes_alone(file.source, declarations)
            if found is not None:
                return found
        tree = self._tree(file)
        return {} if tree is None else {(n.lineno, n.name): n for n in _definitions(tree)}

    def _nodes_alone(
        self, source: SourceFile, declarations: Iterable[FunctionDecl]
    ) -> dict[tuple[int, str], ast.FunctionDef | ast.AsyncFunctionDef] | None:
        from locklint.frontend.parse import parse_node

        found: dict[tuple[int, str], ast.FunctionDef | ast.AsyncFunctionDef] = {}
        for declaration in declarations:
            node = parse_node(source, declaration.span)
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return None
            found[node.lineno, node.name] = node
        return found

    # -- problems ---------------------------------------------------------------------------

    def problem(self, shown: str, message: str) -> None:
        """Note that a whole file cannot be analysed."""
        self._problem(shown, message, 1)

    def _problem(self, shown: str, message: str, line: int, column: int = 1) -> None:
        self.problems.append(
            Diagnostic(
                code="LCK901",
                name="syntax-error",
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                path=shown,
                span=Span(line, column, line, column + 1),
                message=message,
            )
        )

    def _internal(self, shown: str, error: Exception) -> None:
        self.errors.append(
            InternalError(shown, f"{type(error).__name__}: {error}", traceback.format_exc())
        )


def outermost(index: ModuleIndex, declaration: FunctionDecl) -> FunctionDecl:
    """The function that is not nested in another one and holds the given one, or is it."""
    for _ in range(200):
        parent = declaration.parent
        if parent is None or parent not in index.functions:
            return declaration
        declaration = index.functions[parent]
    return declaration


def _definition_names(index: ModuleIndex) -> dict[tuple[int, str], str]:
    names = {(d.name_span.line, d.name): d.qualname for d in index.functions.values()}
    names.update({(c.span.line, c.name): c.qualname for c in index.classes.values()})
    return names


def _definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All function definitions of a file; expressions hold none and are skipped."""
    work: list[ast.AST] = [tree]
    while work:
        node = work.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, name, None)
            if isinstance(children, list):
                work.extend(children)
