"""The protocol through which the parts of inference use each other.

The types of values, of their attributes and of the results of their calls depend on each other.
Each part computes one of these and uses the others through this protocol alone; `Inference` puts
the parts together and is the protocol's one implementation. So the modules import each other only
downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from locklint.frontend.project import Found, Project
from locklint.frontend.value_types import Scope, Type, Types
from locklint.index.declarations import Binding, CallValue, FunctionDecl, ModuleIndex, Value
from locklint.ir.lock import LockKind
from locklint.models.table import LockTable

Key = tuple[str, ...]
"""The name of a cached query."""


class Evaluator(Protocol):
    """Types that values of the code may have, within the budget of the current query."""

    project: Project
    table: LockTable
    learnt: dict[str, LockKind]
    """Locks outside the project, by the dotted names of what makes or holds them."""

    @property
    def exhausted(self) -> bool:
        """Return whether the query has used up its steps, so that each value is unknown."""

    def memoised(self, key: Key, compute: Callable[[], Types]) -> Types:
        """Return the result for a key, computed once; return nothing within its own computation."""

    def settled(self, subject: object, compute: Callable[[], Types]) -> Types:
        """Return the result for an object, kept if it rests on nothing else; it takes no step."""

    def value(self, value: Value, scope: Scope) -> Types:
        """Return what an expression, as written in a scope, may be."""

    def bindings(
        self, bindings: Iterable[Binding], index: ModuleIndex, known: list[Types], cls: str = ""
    ) -> Types:
        """Return what a name or attribute may hold after any of its bindings."""

    def binding(self, binding: Binding, index: ModuleIndex, cls: str = "") -> Types:
        """Return what one binding gives."""

    def global_name(self, name: str, index: ModuleIndex) -> Types:
        """Return what a name of a file's module scope, or a builtin, may be."""

    def absolute(self, dotted: str, near: ModuleIndex) -> Types:
        """Return what an absolute dotted name means, as seen from a file."""

    def passed_locks(
        self, decl: FunctionDecl, position: int, index: ModuleIndex, optional: bool
    ) -> Types:
        """Return the lock that all calls of a function pass, with the name of its place."""

    def knows(self, dotted: str) -> bool:
        """Return whether the tables know a lock by that name."""

    def found(self, found: Found) -> Types:
        """Return what a place in the project holds."""

    def attribute_of_all(self, types: Types, name: str) -> Types:
        """Return an attribute of any of the alternatives."""

    def iterated(self, types: Types) -> Types:
        """Return what iterating over any of the alternatives gives."""

    def call(self, callee: Type, call: CallValue | None, scope: Scope) -> Types:
        """Return what calling one alternative gives; ``call`` None: the arguments are not known."""

    def results(self, callees: Types) -> Types:
        """Return the results of calling any of the alternatives, with any arguments."""
