"""Facts of a single file: declarations, and the graphs of functions that may touch a lock.

Everything here is a function of a file's bytes, its names and a few settings, and can be stored and
sent: so the same facts come from this process, from others, from other machines, from the cache and
from index files.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from locklint.core.config import Config
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import Cell, SourceFile, Span
from locklint.engine import notebook
from locklint.engine.broken_file import compile_error
from locklint.engine.read import ReadProblem, decode
from locklint.engine.report import InternalError
from locklint.index.build_lock_use import names_of_made_locks
from locklint.index.build_scopes import span_of
from locklint.index.declarations import FunctionDecl, ModuleIndex
from locklint.index.type_comments import has_type_comments, parse_with_comments
from locklint.ir.cfg import Function
from locklint.models.spawns import DRIVERS, PROCESS_MAKERS, THREAD_MAKERS
from locklint.models.words import WORDS

if TYPE_CHECKING:
    from locklint.frontend.parse import LoweringProblem

_SEPARATORS = ",(\n;=.["
_MOST_SEPARATORS = 500_000
"""Characters that bound the size of a syntax tree: at most 1 KB for each of them.

The largest published files have half as many.
"""

_MAKERS = WORDS.thread_locks | PROCESS_MAKERS
"""Names of what makes locks of threads, or processes that share none."""

MODULE_CODE = ""
"""The name of a module's own statements, in place of a function's qualified name."""


class FileInput(msgspec.Struct, frozen=True, array_like=True):
    """A file as it is analysed: what it is called, and its bytes.

    ``shown`` is its path as users see it, ``module`` the dotted name by which others import it.
    ``unique`` is set where another file of the run has the same module name. ``oldest`` is the
    minor version of the oldest Python 3 that the code runs on.
    """

    shown: str
    module: str
    is_package: bool
    unique: str
    data: bytes
    oldest: int = 0

    @property
    def is_notebook(self) -> bool:
        """Return whether the bytes are those of a notebook."""
        return self.shown.endswith(notebook.SUFFIX)


class FactSettings(msgspec.Struct, frozen=True, array_like=True):
    """The settings that decide what is found in a file by itself.

    ``methods`` are those of the user's own locks; functions that call them are lowered.
    ``compiles`` says whether to look for errors that Python finds only when it compiles a file.
    """

    methods: frozenset[str] = frozenset()
    compiles: bool = False

    @classmethod
    def of(cls, config: Config, *, compiles: bool = False) -> FactSettings:
        """Return the relevant settings of a project's root."""
        kinds = config.lock_types.values()
        methods = frozenset(name for kind in kinds for name in (*kind.acquire, *kind.release))
        return cls(methods, compiles)


class Lowered(msgspec.Struct, frozen=True, array_like=True):
    """The graphs of some functions, by the qualified name of the outermost one; what went wrong."""

    graphs: dict[str, tuple[Function, ...]] = {}
    not_analysed: tuple[NotAnalysed, ...] = ()
    errors: tuple[InternalError, ...] = ()


class FileFacts(msgspec.Struct, frozen=True, array_like=True):
    """The facts of a single file.

    ``index`` is None for a file that cannot be read or parsed, or holds no code; ``lowered``
    says why. ``is_newer``: its syntax is newer than the running Python's.
    """

    index: ModuleIndex | None
    lowered: Lowered = Lowered()
    cells: tuple[Cell, ...] = ()
    is_newer: bool = False


@dataclass
class OpenFile:
    """A file with its text, and with its syntax tree for as long as that is needed."""

    source: SourceFile
    index: ModuleIndex
    is_newer: bool = False
    tree: ast.Module | None = None

    # -- lowering ---------------------------------------------------------------------------

    def relevant(self, touching: Collection[str]) -> list[str]:
        """Return the functions that seem to touch a lock, or that affect those that do.

        These are ``touching``, those of `touching`, other outermost functions by their qualified
        names, and `MODULE_CODE`. Whether others touch one is known only from the whole program.
        """
        index = self.index
        wanted = {*touching} | {
            outermost(index, declaration).qualname
            for declaration in index.functions.values()
            if (declaration.name != "__init__" and not _MAKERS.isdisjoint(declaration.called))
            or not THREAD_MAKERS.isdisjoint(declaration.called)
        }
        names = {index.functions[qualname].name for qualname in wanted}
        # Events of a program in its one thread show only in the function that it starts with.
        wanted |= {
            qualname
            for qualname in DRIVERS & index.functions.keys()
            if not names.isdisjoint(index.functions[qualname].called)
        }
        return [*sorted(wanted), *([MODULE_CODE] if index.module_statements else [])]

    def touching(self, settings: FactSettings) -> set[str]:
        """Return the outermost functions that hold what may be an operation of a lock."""
        index = self.index
        made = names_of_made_locks(index)
        return {
            outermost(index, declaration).qualname
            for declaration in index.functions.values()
            if any(use.of is None or use.of.last in made for use in declaration.lock_uses)
            or not settings.methods.isdisjoint(declaration.called)
        }

    def lower(self, wanted: Iterable[str]) -> Lowered:
        """The graphs of functions, nested ones included, or of `MODULE_CODE`; in that order."""
        from locklint.frontend.parse import LoweringProblem

        lowering = _Lowering(self, [*wanted])
        graphs: dict[str, tuple[Function, ...]] = {}
        problems: list[NotAnalysed] = []
        errors: list[InternalError] = []
        for qualname in lowering.wanted:
            graphs[qualname] = ()
            try:
                lowered = lowering.of(qualname)
            except Exception as error:
                errors.append(InternalError.of(self.source.path, error))
                continue
            if isinstance(lowered, LoweringProblem):
                problems.append(
                    problem_at(
                        self.source.path,
                        lowered.reason,
                        lowered.message,
                        lowered.span.line,
                        function=qualname,
                    )
                )
            else:
                graphs[qualname] = lowered
        return Lowered(graphs, tuple(problems), tuple(errors))

    def module_code_calling(self, names: Collection[str]) -> tuple[Function, ...]:
        """Return the graph of those statements of the module that call something of these names.

        Those that bind an attribute of such a name are included.
        """
        from locklint.frontend.parse import LoweringProblem

        tree = self.parsed()
        statements = [
            each
            for each in (tree.body if tree is not None else ())
            if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and any(
                _called_name(node) in names or _bound_attribute(node) in names
                for node in ast.walk(each)
            )
        ]
        found = _Lowering(self, []).module_code([span_of(s, self.source) for s in statements])
        return () if isinstance(found, LoweringProblem) else found

    def parsed(self) -> ast.Module | None:
        """Return the syntax tree of the file. Return None if it lacks the places of the text."""
        if self.is_newer:
            return None
        if self.tree is None:
            tree = parse(self.source)
            self.tree = tree.tree
        return self.tree


_Nodes: TypeAlias = dict[tuple[int, str], tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]
"""Definitions by the line of the name and the name, each with the offset of its own lines."""


class _Lowering:
    """The lowering of some functions of one file."""

    def __init__(self, file: OpenFile, wanted: list[str]) -> None:
        self.wanted = wanted
        self._file = file
        functions = [name for name in wanted if name != MODULE_CODE]
        self._nodes = self._find_nodes([file.index.functions[name] for name in functions])
        self._names = _definition_names(file.index)

    def of(self, qualname: str) -> tuple[Function, ...] | LoweringProblem:
        from locklint.frontend.lower_module import FunctionSource, lower_function

        if qualname == MODULE_CODE:
            return self.module_code(self._file.index.module_statements)
        declaration = self._file.index.functions[qualname]
        found = self._nodes.get((declaration.name_span.line, declaration.name))
        return lower_function(
            FunctionSource(
                self._file.source,
                qualname,
                declaration.span,
                declaration.name_span,
                None if found is None else found[0],
                declaration.class_name,
                declaration.parent,
                0 if found is None else found[1],
                self._names,
            )
        )

    def module_code(self, spans: Sequence[Span]) -> tuple[Function, ...] | LoweringProblem:
        """Return the graph of some statements of the module, and those of nested functions."""
        from locklint.frontend.lower_module import lower_module_code

        tree = self._file.parsed()
        by_line = {statement.lineno: statement for statement in tree.body} if tree else {}
        nodes = [by_line[span.line] for span in spans if span.line in by_line]
        return lower_module_code(
            self._file.source, spans, nodes if len(nodes) == len(spans) else None, self._names
        )

    def _find_nodes(self, declarations: Collection[FunctionDecl]) -> _Nodes:
        """The `ast` nodes of the wanted functions, at least.

        A file without its tree is not parsed again for the sake of a small part of it.
        """
        if not declarations:
            return {}
        file = self._file
        lines = sum(each.span.end_line - each.span.line + 1 for each in declarations)
        if file.tree is None and not file.is_newer and 2 * lines < len(file.source.lines):
            found = self._nodes_alone(declarations)
            if found is not None:
                return found
        tree = file.parsed()
        return {} if tree is None else {(n.lineno, n.name): (n, 0) for n in _definitions(tree)}

    def _nodes_alone(self, declarations: Iterable[FunctionDecl]) -> _Nodes | None:
        from locklint.frontend.parse import parse_node

        found: _Nodes = {}
        for declaration in declarations:
            parsed = parse_node(self._file.source, declaration.span)
            if parsed is None:
                return None
            node, offset = parsed
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return None
            found[node.lineno + offset, node.name] = node, offset
        return found


# -- from bytes to facts --------------------------------------------------------------------


@dataclass
class Opened:
    """An opened file, or why there is none; ``cells`` are those of a notebook in both cases."""

    file: OpenFile | None = None
    cells: tuple[Cell, ...] = ()
    not_analysed: list[NotAnalysed] = field(default_factory=list)
    errors: list[InternalError] = field(default_factory=list)


def open_file(file: FileInput, *, compiles: bool = False) -> Opened:
    """Decode, parse and index a file; ``compiles``: only if Python compiles it, too."""
    opened = Opened()
    try:
        source = source_of(file)
        if source is None:
            return opened
        opened.cells = source.cells
        parsed = parse(source, compiles=compiles and not file.is_notebook)
        opened.not_analysed += parsed.not_analysed
        if parsed.tree is not None:
            from locklint.index.build import build_index

            index = build_index(parsed.tree, source)
            opened.file = OpenFile(source, index, parsed.is_newer, parsed.tree)
    except ReadProblem as problem:
        opened.not_analysed.append(
            problem_at(file.shown, Reason.UNDECODABLE, problem.message, problem.line or 1)
        )
    except Exception as error:
        opened.errors.append(InternalError.of(file.shown, error))
    return opened


def facts_of(file: FileInput, settings: FactSettings) -> FileFacts:
    """Everything that one file says by itself."""
    opened = open_file(file, compiles=settings.compiles)
    if opened.file is None:
        lowered = Lowered({}, tuple(opened.not_analysed), tuple(opened.errors))
        return FileFacts(None, lowered, opened.cells)
    found = opened.file
    lowered = found.lower(found.relevant(found.touching(settings)))
    return FileFacts(found.index, lowered, opened.cells, opened.file.is_newer)


def source_of(file: FileInput) -> SourceFile | None:
    """Return the text of a file, or None for a notebook without code, or raise `ReadProblem`."""
    if file.is_notebook:
        code = notebook.notebook_code(file.data)
        if not code.cells:
            return None
        text, cells = code.text, code.cells
    else:
        text, cells = decode(file.data), ()
    return SourceFile(
        file.shown, file.module, text, file.is_package, file.unique, cells, file.oldest
    )


@dataclass
class Parsed:
    """A syntax tree, or why there is none.

    The tree of a file in a newer syntax is not that of its text: see `newer_syntax`.
    """

    tree: ast.Module | None = None
    is_newer: bool = False
    not_analysed: list[NotAnalysed] = field(default_factory=list)


def parse(source: SourceFile, *, compiles: bool = False) -> Parsed:
    """Parse a file with the standard `ast`, and compile it if that is wanted."""
    text = source.text
    if len(text) > _MOST_SEPARATORS and sum(map(text.count, _SEPARATORS)) > _MOST_SEPARATORS:
        message = "the file is too large to be analysed"
        return Parsed(not_analysed=[problem_at(source.path, Reason.TOO_LARGE, message, 1)])
    try:
        tree = parse_with_comments(text) if has_type_comments(text) else ast.parse(text)
        error = compile_error(text) if compiles else None
        if error is None:
            return Parsed(tree)
        return Parsed(not_analysed=[_syntax(source, "compile", error)])
    except (SyntaxError, ValueError) as error:
        from locklint.frontend.newer_syntax import parse_newer

        found = parse_newer(source)
        if found is not None:
            return Parsed(found, is_newer=True)
        return Parsed(not_analysed=[_syntax(source, "parse", error)])
    except (RecursionError, MemoryError):
        message = "the code is nested too deeply to be analysed"
        return Parsed(not_analysed=[problem_at(source.path, Reason.TOO_DEEP, message, 1)])


def _syntax(source: SourceFile, verb: str, error: SyntaxError | ValueError) -> NotAnalysed:
    line = getattr(error, "lineno", None) or 1
    column = getattr(error, "offset", None) or 1
    message = f"the file does not {verb}: {getattr(error, 'msg', None) or error}"
    return problem_at(source.path, Reason.SYNTAX, message, line, column)


# -- problems -------------------------------------------------------------------------------


def problem_at(
    shown: str, reason: Reason, message: str, line: int, column: int = 1, *, function: str = ""
) -> NotAnalysed:
    """A file, or a function of it, that cannot be analysed."""
    span = Span(line, column, line, column + 1)
    return NotAnalysed(shown, span, reason, function, message)


# -- declarations ---------------------------------------------------------------------------


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


_STATEMENTS: tuple[type[ast.AST], ...] = (
    *(ast.Module, ast.ExceptHandler, ast.match_case),
    *ast.stmt.__subclasses__(),
)
_BLOCK_FIELDS = ("body", "orelse", "finalbody", "handlers", "cases")
_BLOCKS: dict[type[ast.AST], list[str]] = {
    kind: fields
    for kind in _STATEMENTS
    if (fields := [each for each in kind._fields if each in _BLOCK_FIELDS])
}
"""The fields that hold statements, by the kind of node."""


def _bound_attribute(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case _:
            return None


def _called_name(node: ast.AST) -> str:
    """Return the last name of what a node calls, or an empty string."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def _definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All function definitions of a file; expressions hold none and are skipped."""
    work: list[ast.AST] = [tree]
    while work:
        node = work.pop()
        kind = type(node)
        if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
            yield node  # type: ignore[misc]
        for name in _BLOCKS[kind]:
            for child in getattr(node, name):
                if type(child) in _BLOCKS:
                    work.append(child)
