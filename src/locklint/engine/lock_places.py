"""Places where locks are made, as far as declarations show: a finding is about them as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Anchor
from locklint.core.source import Span

if TYPE_CHECKING:
    from locklint.index.declarations import Binding, ModuleIndex

_LOCALS = ".<locals>"


class LockPlaces:
    """The lines on which the names and attributes that hold locks are bound."""

    def __init__(self, indexes: Iterable[ModuleIndex]) -> None:
        self._indexes = {index.key: index for index in indexes}

    @property
    def modules(self) -> frozenset[str]:
        """The names of the modules, as canonical lock names begin with them."""
        return frozenset(self._indexes)

    def of(self, identity: str) -> tuple[Anchor, ...]:
        """The places where the lock of a canonical name is bound, in the order of their lines."""
        end = len(identity)
        while (end := identity.rfind(".", 0, end)) > 0:
            index = self._indexes.get(identity[:end])
            if index is not None:
                lines = sorted({b.line for b in _bindings(index, identity[end + 1 :])})
                return tuple(Anchor(index.path, Span(line, 1, line, 1)) for line in lines)
        return ()

    def binds(self, name: str, module: str = "") -> bool:
        """Return whether something is bound to a name, or to its end, in a module or in any."""
        parts = name.split(".")
        for index in self._indexes.values():
            if module and index.module != module:
                continue
            if any(_bindings(index, name)):
                return True
            if not module and any(
                f".{index.module}".endswith("." + ".".join(parts[:count]))
                and any(_bindings(index, ".".join(parts[count:])))
                for count in range(1, len(parts))
            ):
                return True
        return False


def _bindings(index: ModuleIndex, name: str) -> Iterator[Binding]:
    owner, _, last = name.rpartition(".")
    if not owner:
        yield from index.bindings.get(last, ())
    elif owner in index.classes:
        declared = index.classes[owner]
        yield from declared.attributes.get(last, ())
        for qualname in declared.methods.values():
            method = index.functions.get(qualname)
            if method is not None:
                yield from method.self_bindings.get(last, ())
    elif owner.removesuffix(_LOCALS) in index.functions:
        yield from index.functions[owner.removesuffix(_LOCALS)].locals.get(last, ())
