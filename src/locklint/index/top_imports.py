"""Modules that a module imports when it is imported itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from locklint.index.build_values import dotted_names


def top_imports(tree: ast.Module) -> tuple[str, ...]:
    """Return the modules that the code of a module imports, as imports write them.

    ``from a import b`` may import ``a.b``. What is imported for type checkers alone is left out.
    """
    return tuple(sorted(set(_imported(tree.body))))  # Stored, so in a fixed order.


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    work = list(body)
    while work:
        match work.pop():
            case ast.Import(names=names):
                for alias in names:
                    parts = alias.name.split(".")
                    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
            case ast.ImportFrom(module=module, names=names, level=level):
                base = f"{'.' * level}{module or ''}"
                yield base
                yield from (
                    f"{base}.{alias.name}" if module else base + alias.name for alias in names
                )
            case ast.If(test=test, body=then, orelse=otherwise):
                work += otherwise if _is_for_checkers(test) else [*then, *otherwise]
            case ast.Try(body=tried, handlers=handlers, orelse=otherwise, finalbody=final):
                work += [*tried, *otherwise, *final]
                work += [each for handler in handlers for each in handler.body]
            case ast.With(body=inner):
                work += inner
            case _:
                pass


def _is_for_checkers(test: ast.expr) -> bool:
    names = dotted_names(test)
    return names is not None and names[-1] == "TYPE_CHECKING"
