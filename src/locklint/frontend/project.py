"""All declarations of a run: modules by name, what names mean across files, classes' ancestors."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

import msgspec

from locklint.frontend.call_sites import CallSites
from locklint.frontend.name_table import NameTable
from locklint.frontend.names_in_file import lock_attributes, named_bases, stores
from locklint.frontend.nearest_module import Unread, nearest
from locklint.frontend.other_names import OtherNames
from locklint.frontend.trace import InterfaceKind, Trace
from locklint.frontend.value_types import ClassRef
from locklint.index.declarations import (
    Binding,
    CallValue,
    Element,
    FunctionDecl,
    Generic,
    ModuleIndex,
    Ref,
    Value,
)

MAX_HOPS = 25
"""The largest number of imports, re-exports and aliases that are followed for one name."""

MAX_QUESTIONS = 400
"""The largest number of modules that are searched for the meaning of one name."""

MAX_ANCESTORS = 60
"""The largest number of ancestors of a class that are kept."""

MAX_SUBCLASSES = 60
"""The largest number of descendants of a class that are kept."""

MAX_STORES = 60
"""The largest number of bindings of one attribute, not through `self`, that are looked at."""

Ancestor: TypeAlias = ClassRef | str
Member: TypeAlias = tuple[str, tuple[str, ...]]


class Found(msgspec.Struct, frozen=True, gc=False):
    """The target of a dotted name in the project.

    ``name`` is a class's or function's qualname, or a module's variable; empty: the module itself.
    ``rest`` are the names that follow and were not resolved.
    """

    index: ModuleIndex
    name: str
    rest: tuple[str, ...] = ()

    @property
    def cls(self) -> ClassRef | None:
        """The class, if it is one."""
        if self.name in self.index.classes:
            return ClassRef(self.index.path, self.name, self.index)
        return None

    @property
    def function(self) -> FunctionDecl | None:
        """The function, if it is one."""
        return self.index.functions.get(self.name)


class Shelf(Protocol):
    """The files of a run that were not read yet."""

    def unread(self, module: str) -> Sequence[Unread]:
        """Return the files of that module name."""

    def load(self, module: str, shown: str) -> ModuleIndex | None:
        """Read the one of them that is shown under that path. Return None if it cannot be read."""

    def may_tell(self, module: str, shown: str) -> bool:
        """Return whether it may tell a search something."""


class Project:
    """The modules of a run by dotted name.

    Two files may have one module name (scripts in different folders). A file then sees itself, then
    files under its own root folder, and of files elsewhere only those with an unambiguous name.
    Files of ``shelf`` are treated like those that were read, and are read once they are chosen.
    They are looked up, not searched: subclasses, calls and bindings are those of ``searched``, so
    that no result depends on what was looked up before.
    """

    def __init__(self, modules: Iterable[ModuleIndex] = (), shelf: Shelf | None = None) -> None:
        self.searched: Sequence[ModuleIndex] = sorted(modules, key=_place)
        """The files that searches go through, by module and path."""

        self.trace = Trace()

        self._modules: dict[str, list[ModuleIndex]] = {}
        self._by_key: dict[str, ModuleIndex] = {}
        self._shelf = shelf
        self._packages: set[str] = set()
        self._mro: dict[ClassRef, tuple[Ancestor, ...]] = {}
        self._in_progress: set[ClassRef] = set()
        # Valid for as long as something is in progress: a cycle may have cut them short.
        self._partial: dict[ClassRef, tuple[Ancestor, ...]] = {}
        self._subclasses: dict[ClassRef, tuple[ClassRef, ...]] = {}
        self.heirs = NameTable(named_bases, self.searched)
        self.call_sites = CallSites(self.searched, self.trace)
        self.stores = NameTable(stores, self.searched)
        self.holders = NameTable(lock_attributes, self.searched)
        self._others = OtherNames(self.searched)
        self._members: dict[tuple[str, tuple[str, ...]], Found | None] = {}
        for index in self.searched:
            self._put(index)

    def _put(self, index: ModuleIndex) -> None:
        known = self._modules.setdefault(index.module, [])
        known.append(index)
        known.sort(key=lambda other: other.path)
        self._by_key[index.key] = index
        parts = index.module.split(".")
        for length in range(1, len(parts)):
            self._packages.add(".".join(parts[:length]))

    def modules(self) -> Iterator[ModuleIndex]:
        """All files that were read until now, by module and path."""
        for name in sorted(self._modules):
            yield from self._modules[name]

    def by_key(self, key: str) -> ModuleIndex | None:
        """Return the file whose functions have that key before the colon."""
        found = self._by_key.get(key)
        if found is None:
            return self.module(key)
        self.trace.note(InterfaceKind.FILE, found.path)
        return found

    def module(self, dotted: str, near: ModuleIndex | None = None) -> ModuleIndex | None:
        """The module of that name, as the file ``near`` sees it."""
        if near is not None and near.module == dotted:
            return near
        found = self._module(dotted, near)
        if self.trace.is_on:
            self.trace.note(InterfaceKind.MODULE, dotted)
            if found is not None:
                self.trace.note(InterfaceKind.FILE, found.path)
        return found

    def _module(self, dotted: str, near: ModuleIndex | None) -> ModuleIndex | None:
        chosen = self._chosen(dotted, near)
        if chosen is None or isinstance(chosen, ModuleIndex):
            return chosen
        return self._read(chosen)

    def read(self, module: str, path: str) -> None:
        """Read the file of a module that is shown under a path, as if a name had led to it."""
        for each in self._shelf.unread(module) if self._shelf is not None else ():
            if each.shown == path:
                self._read(each)
                return

    def _read(self, file: Unread) -> ModuleIndex | None:
        assert self._shelf is not None
        loaded = self._shelf.load(file.module, file.shown)
        if loaded is not None:
            self._put(loaded)
        return loaded

    def _chosen(self, dotted: str, near: ModuleIndex | None) -> ModuleIndex | Unread | None:
        known = self._modules.get(dotted, ())
        unread = self._shelf.unread(dotted) if self._shelf is not None else ()
        if not unread:
            return nearest(known, dotted, near) if known else None
        return nearest([*known, *unread], dotted, near)

    def with_imports(self) -> Project:
        """Return the same project with what its files import searched as well.

        That is, those of these files that may tell a search something. The others stay unread.
        """
        absent: set[str] = set()  # Most imports are of other packages.
        quiet: dict[str, bool] = {}
        for index in self.searched:
            targets = {*index.imports.values(), *index.star_imports}
            for function in index.functions.values():
                targets.update(function.imports.values())
            for target in sorted(targets):
                parts = target.split(".")
                for length in range(len(parts), 0, -1):
                    name = ".".join(parts[:length])
                    if name in absent:
                        continue
                    chosen = self._chosen(name, index)
                    if chosen is None:
                        if not self.files_of(name):
                            absent.add(name)
                        continue
                    if isinstance(chosen, ModuleIndex) or self._is_quiet(chosen, quiet):
                        break
                    if self._module(name, index) is not None:
                        break
        return Project(self.modules(), self._shelf)

    def _is_quiet(self, file: Unread, known: dict[str, bool]) -> bool:
        if file.shown not in known:
            assert self._shelf is not None
            known[file.shown] = not self._shelf.may_tell(file.module, file.shown)
        return known[file.shown]

    def resolve(self, dotted: str, near: ModuleIndex | None = None) -> Found | None:
        """Return the target of an absolute dotted name, or None if it is outside the project."""
        return self._resolve(tuple(dotted.split(".")), near, None)

    def defined_as(self, dotted: str) -> str:
        """Return the name under which the project defines a dotted name, re-exports followed.

        A name outside the project is returned unchanged.
        """
        found = self.resolve(dotted)
        if found is None or not found.name:
            return dotted
        return ".".join((found.index.module, found.name, *found.rest))

    def _resolve(
        self, parts: tuple[str, ...], near: ModuleIndex | None, seen: set[Member] | None
    ) -> Found | None:
        if self._is_outside(parts[0]):
            return None
        for length in range(len(parts), 0, -1):
            index = self.module(".".join(parts[:length]), near)
            if index is None:
                continue
            rest = parts[length:]
            if not rest:
                return self._rebound(parts, near, seen) or Found(index, "")
            found = self._member(index, rest, seen)
            if found is not None:
                return found
        return None

    def _is_outside(self, package: str) -> bool:
        if self._shelf is not None or package in self._packages or package in self._modules:
            return False
        self.trace.note(InterfaceKind.MODULE, package)
        return True

    def _rebound(
        self, parts: tuple[str, ...], near: ModuleIndex | None, seen: set[Member] | None
    ) -> Found | None:
        """Return what a package imports by the name of a submodule from that submodule, or None.

        ``from .Store import Store`` in a package makes its attribute `Store` the class. For files
        of the package itself, which may be imported before that, it is the module.
        """
        package = self.module(".".join(parts[:-1]), near) if len(parts) > 1 else None
        if package is None or not hides_submodule(package, parts[-1]):
            return None
        if near is not None and near.module.startswith(f"{package.module}."):
            return None
        return self._member(package, parts[-1:], seen)

    def _member(
        self, index: ModuleIndex, names: tuple[str, ...], seen: set[Member] | None
    ) -> Found | None:
        """Return the target of names in a module; ``seen`` are the queries that led to this one.

        Modules may import each other with a star: repeating a query within itself adds nothing.
        Only the result of the first query is cached, for the others may lack something.
        """
        key = (index.path, names)
        if key in self._members:
            if self.trace.is_on:
                self.trace.use(("member", key))
            return self._members[key]
        if seen is None:
            depth = self.trace.begin()
            self._members[key] = self._find_member(index, names, {key})
            self.trace.end(depth, ("member", key))
            return self._members[key]
        if key in seen or len(seen) > MAX_QUESTIONS:
            return None
        seen.add(key)
        return self._find_member(index, names, seen)

    def _find_member(
        self, index: ModuleIndex, names: tuple[str, ...], seen: set[Member]
    ) -> Found | None:
        name, rest = names[0], names[1:]
        if name in index.classes:
            return _nested(index, name, rest)
        if name in index.functions:
            return Found(index, name, rest)
        target = index.imports.get(name)
        if target is not None and target != f"{index.module}.{name}":
            found = self._resolve((*target.split("."), *rest), index, seen)
            if found is not None:
                return found
        if name in index.bindings:
            return Found(index, name, rest)
        for star in index.star_imports:
            module = self.module(star, index)
            found = self._member(module, (name,), seen) if module is not None else None
            if found is not None and found.name:
                return self._follow(found, rest)
        return None

    @staticmethod
    def _follow(found: Found, rest: tuple[str, ...]) -> Found:
        if found.name in found.index.classes and not found.rest:
            return _nested(found.index, found.name, rest)
        return Found(found.index, found.name, (*found.rest, *rest))

    def external_name(self, dotted: str, near: ModuleIndex | None = None) -> str:
        """Return the name outside the project that a dotted name leads to through re-exports.

        ``compat.Lock``, where the project's `compat` has ``from threading import Lock``, is
        ``threading.Lock``. A name that does not pass through the project is returned unchanged.
        """
        parts = tuple(dotted.split("."))
        for _ in range(MAX_HOPS):
            step = self._one_hop(parts, near)
            if step is None:
                return ".".join(parts)
            parts, near = step
        return ".".join(parts)

    def _one_hop(
        self, parts: tuple[str, ...], near: ModuleIndex | None
    ) -> tuple[tuple[str, ...], ModuleIndex] | None:
        if self._is_outside(parts[0]):
            return None
        for length in range(len(parts) - 1, 0, -1):
            index = self.module(".".join(parts[:length]), near)
            if index is None:
                continue
            name, rest = parts[length], parts[length + 1 :]
            target = index.imports.get(name)
            if target is not None:
                following = (*target.split("."), *rest)
                return None if following == parts else (following, index)
            if not (name in index.classes or name in index.functions or name in index.bindings):
                for star in index.star_imports:
                    module = self.module(star, index)
                    if module is None or name in module.imports:
                        return (*star.split("."), name, *rest), index
            return None
        return None

    def lookup(self, index: ModuleIndex, names: tuple[str, ...], holder: str = "") -> Found | str:
        """Return the meaning of a dotted name in a file's code, by scopes and imports alone.

        ``holder`` is the qualname of the class or function whose scope it is written in. The result
        is a place in the project, or an absolute dotted name outside it.
        """
        scope = holder
        while scope:
            if f"{scope}.{names[0]}" in index.classes:
                return _nested(index, f"{scope}.{names[0]}", names[1:])
            function = index.functions.get(scope)
            if function is not None and names[0] in function.imports:
                return self._absolute((*function.imports[names[0]].split("."), *names[1:]), index)
            scope = scope.rpartition(".")[0]
        found = self._member(index, names, None)
        if found is not None:
            return found
        target = index.imports.get(names[0])
        if target is not None:
            return self._absolute((*target.split("."), *names[1:]), index)
        for star in index.star_imports:
            if self.module(star, index) is None and names[0] not in _BUILTINS:
                return ".".join((star, *names))
        return ".".join(("builtins", *names))

    def _absolute(self, parts: tuple[str, ...], index: ModuleIndex) -> Found | str:
        found = self._resolve(parts, index, None)
        if found is not None:
            return found
        return self.external_name(".".join(parts), index)

    # Classes

    def bases(self, cls: ClassRef) -> tuple[Ancestor, ...]:
        """The direct bases: classes of the project, or absolute dotted names."""
        holder = cls.qualname.rpartition(".")[0]
        found: list[Ancestor] = []
        for value in cls.decl.bases:
            for base in self._base(cls.index, value, holder, 4):
                if base != cls and base not in found:
                    found.append(base)
        return tuple(found)

    def _base(
        self, index: ModuleIndex, value: Value, holder: str, depth: int
    ) -> tuple[Ancestor, ...]:
        if depth <= 0:
            return ()
        match value:
            case Ref(names):
                return self._base_by_name(index, names, holder, depth)
            case Generic(of=of) | Element(of=of):
                return self._base(index, of, holder, depth - 1)
            case CallValue(callee=Ref(names=names), arguments=arguments):
                if names[-1] == "with_metaclass":  # six: the bases follow the metaclass
                    return tuple(
                        base
                        for argument in arguments[1:]
                        for base in self._base(index, argument, holder, depth - 1)
                    )
                return ()
            case _:
                return ()

    def _base_by_name(
        self, index: ModuleIndex, names: tuple[str, ...], holder: str, depth: int
    ) -> tuple[Ancestor, ...]:
        found = self.lookup(index, names, holder)
        if isinstance(found, str):
            return (found,)
        if found.cls is not None and not found.rest:
            return (found.cls,)
        if found.name and not found.rest and found.function is None:
            values = [binding.value for binding in found.index.bindings.get(found.name, ())]
            for value in values:  # `Base = object` or `Base = Generic[T]`: the first that leads on
                if value != Ref(names):
                    bases = self._base(found.index, value, "", depth - 1)
                    if bases:
                        return bases
        return (".".join((found.index.module, found.name, *found.rest)).strip("."),)

    def mro(self, cls: ClassRef) -> tuple[Ancestor, ...]:
        """The class, then its ancestors in the order in which attributes are looked up.

        C3 where it works out, else depth first. Classes outside the project are dotted names.
        """
        known = self._mro.get(cls) or self._partial.get(cls)
        if known is not None:
            if self.trace.is_on:
                self.trace.use(("mro", cls))
            return known
        if cls in self._in_progress or len(self._in_progress) >= MAX_ANCESTORS:
            return (cls,)
        self._in_progress.add(cls)
        depth = self.trace.begin()
        try:
            bases = self.bases(cls)
            chains: list[list[Ancestor]] = [
                list(self.mro(base)) if isinstance(base, ClassRef) else [base] for base in bases
            ]
            order = _merge([*chains, list(bases)])
            if order is None:
                order = list(dict.fromkeys(item for chain in chains for item in chain))
            result = (cls, *[item for item in order if item != cls])[:MAX_ANCESTORS]
        finally:
            self._in_progress.discard(cls)
            self.trace.end(depth, ("mro", cls))
        if self._in_progress:
            self._partial[cls] = result
        else:
            self._mro[cls] = result
            self._partial.clear()
        return result

    def heirs_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names of all classes that descend from classes of some names, sorted.

        Two classes with one name are treated as one. Return nothing if there are too many.
        """
        found: set[str] = set()
        work = list(names)
        seen = set(work)
        while work and len(found) <= MAX_SUBCLASSES:
            name = work.pop()
            self.trace.note(InterfaceKind.DERIVED, name)
            for other in self.heirs.named(name):
                heir = other.decl.name
                found.add(heir)
                if heir not in seen:
                    seen.add(heir)
                    work.append(heir)
        return tuple(sorted(found)) if len(found) <= MAX_SUBCLASSES else ()

    def subclasses(self, cls: ClassRef) -> tuple[ClassRef, ...]:
        """The classes of the project that descend from it, by module and place; bounded."""
        known = self._subclasses.get(cls)
        if known is not None:
            self.trace.use(("subclasses", cls))
        else:
            depth = self.trace.begin()
            found: dict[ClassRef, None] = {}
            work = [cls]
            while work and len(found) < MAX_SUBCLASSES:
                name = work.pop().decl.name
                self.trace.note(InterfaceKind.DERIVED, name)
                for other in self.heirs.named(name):
                    if other not in found and other != cls and cls in self.mro(other):
                        found[other] = None
                        work.append(other)
            known = self._subclasses[cls] = tuple(found)
            self.trace.end(depth, ("subclasses", cls))
        return known

    def files_of(self, module: str) -> list[str]:
        """Return the paths of the files of a module name, read or not, sorted."""
        unread = self._shelf.unread(module) if self._shelf is not None else ()
        known = self._modules.get(module, ())
        return sorted([*(each.path for each in known), *(each.shown for each in unread)])

    def other_names(self, name: str) -> tuple[str, ...]:
        """The names, besides its own, by which what has that bare name is called; bounded."""
        self.trace.note(InterfaceKind.NAMES, name)
        return self._others.of(name)

    def lock_holders(self, name: str) -> tuple[ClassRef, ...]:
        """Return the classes that bind an attribute of that name, if it is named like a lock."""
        self.trace.note(InterfaceKind.HOLDERS, name)
        return self.holders.named(name)

    def attribute_stores(self, name: str) -> Iterator[tuple[ModuleIndex, Binding]]:
        """The bindings of an attribute through names other than `self`, by module, bounded.

        Those of the first parameter of a function that is no method have no receiver.
        """
        self.trace.note(InterfaceKind.BINDINGS, name)
        return islice(self.stores.named(name), MAX_STORES)


def hides_submodule(package: ModuleIndex, name: str) -> bool:
    """Return whether a package imports a name from its submodule of that very name."""
    return package.imports.get(name, "").startswith(f"{package.module}.{name}.")


def _nested(index: ModuleIndex, name: str, rest: tuple[str, ...]) -> Found:
    while rest:
        inner = f"{name}.{rest[0]}"
        if inner in index.classes:
            name, rest = inner, rest[1:]
        elif inner in index.functions and len(rest) == 1:
            return Found(index, inner)
        else:
            break
    return Found(index, name, rest)


def _merge(chains: list[list[Ancestor]]) -> list[Ancestor] | None:
    """Merge orders by the C3 linearisation. Return None if there is no consistent order."""
    result: list[Ancestor] = []
    chains = [list(chain) for chain in chains if chain]
    while chains:
        for chain in chains:
            head = chain[0]
            if not any(head in other[1:] for other in chains):
                break
        else:
            return None
        result.append(head)
        chains = [rest for chain in chains if (rest := chain[1:] if chain[0] == head else chain)]
    return result


def _place(file: ModuleIndex) -> tuple[str, str]:
    return file.module, file.path


_BUILTINS = frozenset(dir(builtins))
