"""Classes that have locks and functions that take them, and the files that use these.

A file that mentions no lock may still make an object that has one, or pass one on: ``use(Box())``.
The names that it imports are found in its bytes, for most files are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import msgspec

from locklint.index.declarations import CallValue, ClassDecl, FunctionDecl, ModuleIndex, Ref, Value

_WORD = re.compile(rb"\w+")
_DOTTED = re.compile(rb"[\w.]+")
_BASES = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*\(([^)]+)\)", re.MULTILINE)
_IMPORT = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+(?P<dots>\.*)(?P<base>[\w.]*)"
    rb"(?:[ \t]+import[ \t]+(?P<names>\([^)]*|[^\n]*))?",
    re.MULTILINE,
)
_HANDED_ON = re.compile(
    rb"(?:\breturn[ \t]|[=:])[ \t]*(_*[A-Z]\w*[a-z]\w*)[ \t]*,?[ \t]*$", re.MULTILINE
)
_NOTHING: frozenset[bytes] = frozenset()
_MOST_MAKERS = 2
"""The largest number of functions that return one another's lock."""


def imported_names(data: bytes) -> frozenset[bytes]:
    """Return the words after ``import`` in a file's bytes; texts may add more."""
    found: set[bytes] = set()
    start = data.find(b"import ")
    while start >= 0:
        start += 7
        end = data.find(b")" if data[start : start + 1] == b"(" else b"\n", start)
        if end < 0:
            end = len(data)
        found.update(_WORD.findall(data, start, end))
        start = data.find(b"import ", end)
    return frozenset(found)


def imports_one_of(data: bytes, package: str, modules: Collection[str]) -> bool:
    """Return whether a file of a package imports one of these modules, or something from it."""
    for found in _IMPORT.finditer(data):
        level = len(found["dots"] or b"")
        parts = package.split(".") if level and package else []
        base = parts[: len(parts) - level + 1]
        base += [part for part in found["base"].decode(errors="replace").split(".") if part]
        if ".".join(base) in modules:
            return True
        names = found["names"] or b""
        if any(
            ".".join((*base, name.decode(errors="replace"))) in modules
            for name in _WORD.findall(names)
        ):
            return True
    return False


def hands_on_class(data: bytes) -> bool:
    """Return whether a file returns or binds what it imports: a class gets another name by that."""
    return not imported_names(data).isdisjoint(_HANDED_ON.findall(data))


class LockHolders(msgspec.Struct, frozen=True, dict=True):
    """The names of classes that have locks and of functions that take them.

    Each has the last names of the modules that define it.
    """

    modules: Mapping[bytes, frozenset[bytes]]

    @classmethod
    def of(cls, indexes: Iterable[ModuleIndex], makers: frozenset[str]) -> LockHolders:
        """Return those of some files; ``makers`` are the names of all that makes a lock."""
        indexes = list(indexes)
        for _ in range(_MOST_MAKERS):
            makers |= _functions_that_make(indexes, makers)
        found: dict[bytes, frozenset[bytes]] = {}
        for index in indexes:
            module = index.module.rpartition(".")[2].encode()
            for name in _names(index, makers):
                key = name.encode()
                found[key] = found.get(key, _NOTHING) | {module}
        return cls(found)

    def may_be_used(self, imported: frozenset[bytes]) -> bool:
        """Return whether a file that imports these names may use one."""
        return not (
            self.modules.keys().isdisjoint(imported) and self._by_module.keys().isdisjoint(imported)
        )

    def are_used(self, data: bytes) -> bool:
        """Return whether a file of these bytes imports one, and calls it or derives from it."""
        imported = imported_names(data)
        named = [name for name in imported if name in self.modules]
        names = {each for name in named for each in (name, *_aliases(data, name))}
        in_modules = {name for each in imported for name in self._by_module.get(each, ())}
        if any(_calls(data, name) for name in names):
            return True
        if any(b"." + name + b"(" in data for name in in_modules):
            return True
        for base in _DOTTED.findall(b" ".join(_BASES.findall(data))):
            owner, _, name = base.rpartition(b".")
            if name in (in_modules if owner else names):
                return True
        return False

    @cached_property
    def _by_module(self) -> dict[bytes, list[bytes]]:
        """The names, by the last names of the modules that define them."""
        found: dict[bytes, list[bytes]] = {}
        for name, modules in self.modules.items():
            for module in modules:
                found.setdefault(module, []).append(name)
        return found


def _aliases(data: bytes, name: bytes) -> list[bytes]:
    """Return the other names that a file imports something by: ``import Core as _Core``."""
    if name + b" as " not in data:  # Making an expression for each name would take longer.
        return []
    return re.findall(rb"\b" + name + rb" as\s+(\w+)", data)


def _calls(data: bytes, name: bytes) -> bool:
    call = name + b"("
    at = data.find(call)
    while at >= 0:
        if not _WORD.match(data, max(at - 1, 0), at):
            return True
        at = data.find(call, at + 1)
    return False


def _names(index: ModuleIndex, makers: frozenset[str]) -> Iterable[str]:
    for cls in index.classes.values():
        if cls.parent is None and _has_lock(index, cls, makers):
            yield cls.name
    for function in index.functions.values():
        if function.class_name is None and function.parent is None and _takes_lock(function):
            yield function.name


def _functions_that_make(indexes: Iterable[ModuleIndex], makers: frozenset[str]) -> frozenset[str]:
    """Return the names of functions that return what one of some makers makes."""
    return frozenset(
        function.name
        for index in indexes
        for function in index.functions.values()
        if function.name not in makers
        and any(_is_made(value, makers) for value in _returned(function))
    )


def _returned(function: FunctionDecl) -> Iterable[Value]:
    """Yield what a function returns; for a variable, what it is bound to."""
    for value in function.returns:
        if isinstance(value, Ref) and len(value.names) == 1:
            yield from (each.value for each in function.locals.get(value.names[0], ()))
        else:
            yield value


def _is_made(value: Value, makers: frozenset[str]) -> bool:
    return (
        isinstance(value, CallValue)
        and isinstance(value.callee, Ref)
        and value.callee.names[-1] in makers
    )


def _has_lock(index: ModuleIndex, cls: ClassDecl, makers: frozenset[str]) -> bool:
    tables = [cls.attributes]
    tables += [index.functions[method].self_bindings for method in cls.methods.values()]
    return any(
        _is_made(binding.value, makers)
        for table in tables
        for bindings in table.values()
        for binding in bindings
    )


def _takes_lock(function: FunctionDecl) -> bool:
    """Return whether a function acquires or releases what it is given, or a part of that."""
    names = {parameter.name for parameter in function.parameters}
    return any(use.of is not None and use.of.variable in names for use in function.lock_uses)
