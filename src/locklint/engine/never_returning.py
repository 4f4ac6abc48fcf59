"""Functions that never return, by their texts and those of their callees.

Their callers need their graphs: the path behind a call of one does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from locklint.frontend.value_types import scope_of
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import split_key
from locklint.models.endings import ending_of

if TYPE_CHECKING:
    from locklint.frontend.project import Project
    from locklint.frontend.static_resolver import StaticResolver
    from locklint.index.declarations import FunctionDecl, ModuleIndex

_MAX_DEPTH = 4
"""Through how many calls it is looked for what does not return."""


class NeverReturning:
    """Finds functions that never return; `resolver` gives the resolver for the names of a file."""

    def __init__(self, project: Project, resolver: Callable[[ModuleIndex], StaticResolver]) -> None:
        self._project = project
        self._resolver = resolver
        self._known: dict[str, bool] = {}

    def __contains__(self, key: str) -> bool:
        """Return whether the function of a key never returns."""
        return self._never_returns(key, 0)

    def _never_returns(self, key: str, depth: int) -> bool:
        known = self._known.get(key)
        if known is None:
            module, qualname = split_key(key)
            index = self._project.by_key(module)
            decl = index.functions.get(qualname) if index is not None else None
            if index is None or decl is None or decl.ends is None or depth > _MAX_DEPTH:
                known = False
            else:
                self._known[key] = False  # One that only calls itself is not looked at again.
                known = all(self._call_ends(index, decl, name, depth) for name in decl.ends)
            self._known[key] = known
        return known

    def _call_ends(self, index: ModuleIndex, decl: FunctionDecl, name: str, depth: int) -> bool:
        first, *fields = name.split(".")
        resolver = self._resolver(index)
        root = resolver.walker.root_of(first, scope_of(index, decl.qualname))
        path = AccessPath(first, tuple(fields), root)
        found = resolver.callee(f"{index.key}:{decl.qualname}", path)
        if found.targets:
            return all(self._never_returns(target, depth + 1) for target in found.targets)
        return found.external is not None and ending_of(found.external) is not None
