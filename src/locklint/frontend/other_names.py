"""Names by which functions and classes are called besides their own.

``self.klass = Connection`` makes ``klass`` another name of the class, ``make(Connection)`` the
parameter of `make`, and ``return Connection`` the name ``choose()`` for the results of `choose`.
An import may give another name, too.
They only say where to look: what a call really calls is inferred in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from sys import intern

from locklint.frontend.name_table import NameTable
from locklint.frontend.receivers import is_method
from locklint.index.declarations import (
    Binding,
    CallValue,
    Choice,
    Element,
    FunctionDecl,
    Items,
    ModuleIndex,
    Parameter,
    Ref,
    Value,
    called_element,
    called_result,
    is_of_call_or_element,
)

MAX_NAMES = 12
"""The largest number of other names of one function or class."""

_MOST_HOLDERS = 2 * MAX_NAMES + 2
"""The largest number of holders of one name that are kept.

A search stops at one name more than `MAX_NAMES`, and as many may be found before it looks here.
"""

_ROUNDS = 3
_MOST_FUNCTIONS = 4
"""The largest number of functions of one name whose parameters are looked at."""

_Place = int | str


class OtherNames:
    """The names that hold functions and classes of the project."""

    def __init__(self, modules: Sequence[ModuleIndex]) -> None:
        self._modules = modules
        self._passed = NameTable(_passed, modules)
        self._functions = NameTable(_functions, modules)
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, name: str) -> tuple[str, ...]:
        """Return the other names of what has a bare name, as call sites are named; bounded."""
        if name not in self._known:
            found: dict[str, None] = {name: None}
            first = 0
            for _ in range(_ROUNDS):
                work = list(found)[first:]
                first = len(found)
                for other in chain.from_iterable(map(self._next, work)):
                    if len(found) > MAX_NAMES:
                        break
                    found[other] = None
            self._known[name] = tuple(found)[1:]
        return self._known[name]

    @cached_property
    def _held(self) -> dict[str, tuple[str, ...]]:
        """The names that hold what has a name, each once, in the order of the files.

        Results of calls and elements, which are most of what is held, are looked up only where
        they hold something themselves.
        """
        held: dict[str, tuple[str, ...]] = {}
        for index in self._modules:
            for name, holder in dict.fromkeys(_held(index)):
                known = held.get(name, ())
                if holder not in known and len(known) < _MOST_HOLDERS:
                    held[name] = (*known, intern(holder))
        holders = {holder for found in held.values() for holder in found}
        return {
            name: found
            for name, found in held.items()
            if name in holders or not is_of_call_or_element(name)
        }

    def _next(self, name: str) -> Iterator[str]:
        yield from self._held.get(name, ())
        for callee, place in self._passed.named(name):
            for decl in self._functions.named(callee)[:_MOST_FUNCTIONS]:
                parameter = _parameter(decl, place)
                if parameter is not None:
                    yield parameter.name


def _parameter(decl: FunctionDecl, place: _Place) -> Parameter | None:
    if isinstance(place, int):
        place += is_method(decl)
        return decl.parameters[place] if place < len(decl.parameters) else None
    return next((each for each in decl.parameters if each.name == place), None)


def _functions(index: ModuleIndex) -> Iterator[tuple[str, FunctionDecl]]:
    for decl in index.functions.values():
        yield decl.name, decl
    for cls in index.classes.values():
        initialiser = cls.methods.get("__init__")
        if initialiser is not None:
            yield cls.name, index.functions[initialiser]


def _passed(index: ModuleIndex) -> Iterable[tuple[str, tuple[str, _Place]]]:
    """The names that calls pass, with the callees and places, each once for a file."""
    found: dict[tuple[str, tuple[str, _Place]], None] = {}
    for site in index.call_sites:
        places: Iterable[tuple[_Place, Value]] = chain(
            enumerate(site.call.arguments), site.call.keywords
        )
        for place, value in places:
            if isinstance(value, Ref):
                found[value.names[-1], (site.name, place)] = None
    return found


def _held(index: ModuleIndex) -> Iterator[tuple[str, str]]:
    for name, imported in index.imports.items():
        own = imported.rpartition(".")[2]
        if own != name:
            yield own, name
    yield from _bound(index.bindings)
    yield from _bound(index.attribute_stores)
    for cls in index.classes.values():
        yield from _bound(cls.attributes)
    for decl in index.functions.values():
        yield from _bound(decl.locals)
        yield from _bound(decl.self_bindings)
        for value in decl.returns:
            for name in _names(value):
                yield name, called_result(decl.name)
        for parameter in decl.parameters:
            if isinstance(parameter.default, Ref):
                yield parameter.default.names[-1], parameter.name


def _bound(table: Mapping[str, tuple[Binding, ...]]) -> Iterator[tuple[str, str]]:
    for name, bindings in table.items():
        for binding in bindings:
            value = binding.value
            holder = called_element(name) if binding.element or isinstance(value, Items) else name
            for each in value.elements if isinstance(value, Items) else (value,):
                for held in _names(each):
                    if held != holder:
                        yield held, holder


def _names(value: Value) -> Iterator[str]:
    """The bare names of what a value may be, as call sites are named."""
    match value:
        case Ref(names=names):
            yield names[-1]
        case Element(of=Ref(names=names)):
            yield called_element(names[-1])
        case CallValue(callee=Ref(names=names), arguments=(Ref() as first, *_)) if (
            names[-1] == "partial"
        ):
            yield first.names[-1]
        case CallValue(callee=Ref(names=names)):
            yield called_result(names[-1])
        case Choice(options=options):
            for option in options:
                if isinstance(option, Ref):
                    yield option.names[-1]
        case _:
            pass
