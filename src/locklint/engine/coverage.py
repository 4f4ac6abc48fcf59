"""Coverage: places that look like an acquire, and whether the analysis knows what they acquire.

A place is a call of a method named `acquire`, or the item of a `with` whose last name is one of a
lock. It tells what a scan without findings is worth, and where an annotation would help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from locklint.core.config import Config
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import SourceFile
from locklint.engine.pipeline import Solved, solve
from locklint.engine.solved_functions import SolvedFunctions
from locklint.frontend.value_types import scope_of
from locklint.index.build_lock_use import written
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Acquire, TryAcquire

if TYPE_CHECKING:
    from locklint.analysis.program import Program
    from locklint.frontend.static_resolver import StaticResolver
    from locklint.index.declarations import FunctionDecl, ModuleIndex

_LOCK_NAME = re.compile(
    r"(?:^|[_.])r?w?(?:lock|lck|mutex|mtx|sem|semaphore|cond|condition|cv)s?\d*$"
)
_LONGEST = 60
"""The largest number of characters of code that are shown."""

_LOCK_CLASS = re.compile(r"(?:Lock|Mutex|Semaphore|Condition)$")


class Form(IdentityEnum):
    """Forms of a place that looks like an acquire."""

    ACQUIRE = "acquire"
    WITH = "with"


class Known(IdentityEnum):
    """Kinds of knowledge about such a place, and reasons for having none."""

    LOCK = "lock"
    FUNCTION = "function"  # a function of the program is called or entered
    OTHER = "no lock"  # an object of a known class that is none
    NOT_ANALYSED = "not analysed"
    PARAMETER = "untyped parameter"
    LIBRARY = "unknown library"
    OBJECT = "unknown object"

    @property
    def is_known(self) -> bool:
        """Return whether the analysis knows what the code does there."""
        return self in _KNOWN


_KNOWN = frozenset({Known.LOCK, Known.FUNCTION, Known.OTHER})


class Site(msgspec.Struct, frozen=True):
    """A place that looks like an acquire. ``detail`` names the lock, the parameter or the type."""

    path: str
    line: int
    column: int
    form: Form
    text: str
    function: str
    known: Known
    detail: str

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.path}:{self.line}:{self.column}: `{self.text}`: {self.known.value}{detail}"


def coverage(paths: Sequence[str], config: Config, folder: str | None = None) -> list[Site]:
    """Return all such places in the files under some paths, by file and line.

    Raise `locklint.engine.pipeline.UsageError` for a path that does not exist or holds no Python
    file.
    """
    solved = solve(paths, config, folder=folder)
    # The results about names were dropped when the analysis had ended.
    again = SolvedFunctions(solved.files, config)
    found = _Found(solved)
    sites: list[Site] = []
    for _, file in sorted(solved.files.files.items()):
        try:
            tree = ast.parse(file.source.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        resolver = again.resolver_of(file.index)
        sites += _FileSites(file.source, file.index, resolver, found).all(tree)
    return sites


def as_text(sites: Sequence[Site]) -> str:
    """Return each place in a line, and the totals after them."""
    lines = [str(site) for site in sites]
    for name, some in (
        ("places", sites),
        ("calls of acquire()", [site for site in sites if site.form is Form.ACQUIRE]),
    ):
        known = sum(site.known.is_known for site in some)
        share = f" ({100 * known / len(some):.1f} %)" if some else ""
        lines.append(f"{known} of {len(some)} {name} are known{share}.")
    return "\n".join(lines) + "\n"


def as_data(sites: Sequence[Site]) -> dict[str, Any]:
    """Return the places and the totals as plain data."""
    return {
        "sites": [
            {
                "filename": site.path,
                "location": {"row": site.line, "column": site.column},
                "form": site.form.value,
                "text": site.text,
                "function": site.function or None,
                "known": site.known.is_known,
                "reason": site.known.value,
                "detail": site.detail or None,
            }
            for site in sites
        ],
        "total": len(sites),
        "known": sum(site.known.is_known for site in sites),
    }


_Place = tuple[str, int, int]
"""The path, line and column at which code begins."""


class _Found:
    """The facts that the analysis found, by place."""

    def __init__(self, solved: Solved) -> None:
        self.locks: dict[_Place, str] = dict(_acquired(solved.program))
        self.calls = {
            (states.function.path, called.span.line, called.span.column): called.target
            for states in solved.program.states.values()
            for called in states.calls
        }
        self.given_up = {
            (each.path, each.function): each.reason.value
            for each in solved.program.not_analysed
            if not each.reason.is_partial
        }


def _acquired(program: Program) -> Iterator[tuple[_Place, str]]:
    for function in program.functions.values():
        for block in function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Acquire | TryAcquire):
                    yield (function.path, each.span.line, each.span.column), each.lock.identity


class _FileSites:
    """The places of one file."""

    def __init__(
        self, source: SourceFile, index: ModuleIndex, resolver: StaticResolver, found: _Found
    ) -> None:
        self._source = source
        self._index = index
        self._resolver = resolver
        self._found = found

    def all(self, tree: ast.Module) -> list[Site]:
        """Return the places in the order of the text."""
        sites: list[Site] = []
        work: list[ast.AST] = [tree]
        while work:
            node = work.pop()
            work += ast.iter_child_nodes(node)
            match node:
                case ast.Call(func=ast.Attribute(attr="acquire", value=owner)):
                    sites.append(self._site(node, owner, Form.ACQUIRE))
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    sites += [
                        self._site(item.context_expr, item.context_expr, Form.WITH)
                        for item in items
                        if self._is_lock_like(item.context_expr)
                    ]
                case _:
                    pass
        return sorted(sites, key=lambda site: (site.line, site.column))

    def _is_lock_like(self, item: ast.expr) -> bool:
        if self._place(item) in self._found.locks:
            return True
        while isinstance(item, ast.Subscript | ast.Await | ast.Call):
            item = item.func if isinstance(item, ast.Call) else item.value
        name = item.attr if isinstance(item, ast.Attribute) else getattr(item, "id", "")
        return bool(_LOCK_NAME.search(name.lower()) or _LOCK_CLASS.search(name))

    def _place(self, node: ast.expr) -> _Place:
        """Return the place of a node; `ast` counts bytes."""
        before = self._source.line(node.lineno).encode()[: node.col_offset]
        return self._source.path, node.lineno, len(before.decode(errors="replace")) + 1

    def _site(self, node: ast.expr, owner: ast.expr, form: Form) -> Site:
        decl = self._function_at(node.lineno)
        known, detail = self._known(node, owner, form, decl)
        text = ast.unparse(node)
        return Site(
            *self._place(node),
            form,
            text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...",
            decl.qualname if decl is not None else "",
            known,
            detail,
        )

    def _known(
        self, node: ast.expr, owner: ast.expr, form: Form, decl: FunctionDecl | None
    ) -> tuple[Known, str]:
        place = self._place(node)
        lock = self._found.locks.get(place)
        if lock is not None:
            return Known.LOCK, lock
        reason = self._found.given_up.get(
            (self._source.path, decl.qualname if decl is not None else "")
        )
        if reason is not None:
            return Known.NOT_ANALYSED, reason
        if place in self._found.calls:
            return Known.FUNCTION, self._found.calls[place]
        found = written(owner)
        if found is None:
            return Known.OBJECT, ""
        qualname = decl.qualname if decl is not None else ""
        key = f"{self._index.key}:{qualname}"
        root = self._resolver.walker.root_of(found.variable, scope_of(self._index, qualname))
        path = AccessPath(found.variable, found.fields, root)
        asked = path.field("acquire") if form is Form.ACQUIRE else path
        callee = self._resolver.callee(key, asked)
        if callee.targets:
            return Known.FUNCTION, callee.targets[0]
        return self._by_type(key, path)

    def _by_type(self, key: str, path: AccessPath) -> tuple[Known, str]:
        lock = self._resolver.lock(key, path)
        if lock is not None:
            return Known.LOCK, lock.identity
        types = self._resolver.type_names(key, path)
        if types and all(":" in name or name.startswith("builtins.") for name in types):
            return Known.OTHER, ", ".join(sorted(types))
        if types:
            return Known.LIBRARY, ", ".join(sorted(types))
        if path.root is Root.PARAMETER:
            return Known.PARAMETER, path.root_name
        return Known.OBJECT, ""

    def _function_at(self, line: int) -> FunctionDecl | None:
        """Return the innermost function around a line."""
        around = [
            each
            for each in self._index.functions.values()
            if each.span.line <= line <= each.span.end_line
        ]
        return max(around, key=lambda each: each.span.line, default=None)
