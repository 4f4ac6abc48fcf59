"""The methods of a project that need no lock for the attributes of their object.

A library calls them with a lock of the object held, or each thread has its own attributes.
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef
from locklint.index.declarations import FunctionDecl
from locklint.models.events import THREAD_LOCALS
from locklint.models.locked_methods import locked_methods


def called_with_lock(inference: Inference) -> frozenset[str]:
    """Return the keys of these methods, and of those that they call on the same object."""
    found: set[str] = set()
    for index in inference.project.searched:
        for qualname, decl in index.classes.items():
            if not decl.bases or not decl.methods:
                continue
            cls = ClassRef(index.path, qualname, index)
            bases = [one for one in inference.project.mro(cls) if isinstance(one, str)]
            names = set().union(*map(locked_methods, bases)) & decl.methods.keys()
            if not THREAD_LOCALS.isdisjoint(bases):
                names |= decl.methods.keys()
            if names:
                found.update(_with_callees(inference, cls, sorted(names)))
    return frozenset(found)


def _with_callees(inference: Inference, cls: ClassRef, names: list[str]) -> Iterator[str]:
    seen = set(names)
    while names:
        method = inference.attributes.method(cls, names.pop())
        if method is not None:
            yield method.key
            others = set(_called_on_self(method.decl)) - seen
            seen |= others
            names += sorted(others)


def _called_on_self(decl: FunctionDecl) -> Iterator[str]:
    """Yield the names of the methods that a method calls on its own object."""
    own = decl.parameters[0].name if decl.parameters else ""
    for callee in decl.callees.split("\n"):
        match callee.split("."):
            case [first, name] if first == own:
                yield name
            case _:
                pass
