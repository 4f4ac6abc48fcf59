"""Results of calls outside the project: constructors of locks, containers, helpers."""

from __future__ import annotations

from collections.abc import Callable

from locklint.core.diagnostic import Confidence
from locklint.frontend.annotations import Annotations
from locklint.frontend.construction import Construction, argument_of
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.receivers import super_type
from locklint.frontend.value_types import (
    NONE,
    UNKNOWN,
    CallableType,
    ClassType,
    ContainerType,
    ExternalInstance,
    InstanceType,
    LockValue,
    NameType,
    Scope,
    Type,
    Types,
    union,
    without_none,
)
from locklint.index.declarations import CallValue, Literal, Opaque, Ref, Value
from locklint.models.graded_names import REFERENT
from locklint.models.plain_values import RESULTS
from locklint.models.spawns import RUNS_COROUTINE, spawner

_CONTAINERS = {
    "builtins.list": "list",
    "builtins.tuple": "tuple",
    "builtins.set": "set",
    "builtins.frozenset": "frozenset",
    "builtins.dict": "dict",
    "builtins.sorted": "list",
    "builtins.reversed": "list",
    "builtins.iter": "list",
    "builtins.filter": "list",
    "collections.deque": "deque",
    "collections.OrderedDict": "dict",
    "weakref.WeakValueDictionary": "dict",
    "weakref.WeakKeyDictionary": "dict",
    "weakref.WeakSet": "set",
    "types.MappingProxyType": "dict",
    "itertools.chain": "list",
    "itertools.cycle": "list",
}
_SAME = frozenset(
    (
        "copy.copy",
        "weakref.proxy",
        "contextlib.closing",
        "asyncio.shield",
        "asyncio.ensure_future",
        "asyncio.create_task",
        "asyncio.wait_for",
        "functools.wraps",
        "sys.intern",
        "contextlib.aclosing",
        "builtins.abs",
        "builtins.round",
    )
)
_FIELDS = frozenset(("field", "ib", "attrib", "Field", "PrivateAttr", "Factory"))
_NO_ARGUMENTS = CallValue(Opaque())


class LibraryCalls:
    """Finds what calls of names outside the project give."""

    def __init__(
        self, evaluator: Evaluator, construction: Construction, annotations: Annotations
    ) -> None:
        self.evaluator = evaluator
        self.construction = construction
        self.annotations = annotations

    def result(self, dotted: str, member: bool, call: CallValue | None, scope: Scope) -> Types:
        """Return the result of calling ``dotted``; ``member``: a method of a library's type.

        ``call`` None: the arguments are not known.
        """
        table = self.evaluator.table
        kind = table.kind_for_constructor(dotted)
        if kind is not None:
            type_name, _, method = dotted.rpartition(".")
            if table.factory_method(type_name, method) is not None:
                return self.construction.factory(type_name, method)
            return self.construction.make(kind, call, scope)
        learnt = self.evaluator.learnt.get(dotted)
        if learnt is not None:
            return (LockValue(learnt.name, learnt, confidence=Confidence.MEDIUM),)
        known = table.result_type(dotted)
        if known is not None:
            return (ExternalInstance(known, *_runs(dotted, call, scope)),)
        if call is not None and not member:
            special = self._special(dotted, call, scope)
            if special is not None:
                return special
        elif dotted in _CONTAINERS:
            return (ContainerType(_CONTAINERS[dotted]),)
        name = RESULTS.get(dotted) or (f"{dotted}()" if member else dotted)
        return (ExternalInstance(name, *_runs(dotted, call, scope)),)

    def _special(self, dotted: str, call: CallValue, scope: Scope) -> Types | None:
        """Return the result of a standard function that returns its argument, or part of it."""
        if dotted in _CONTAINERS:
            return self._container(_CONTAINERS[dotted], call, scope)
        if dotted.rpartition(".")[2] in _FIELDS:
            return self._field(call, scope)
        if not call.arguments:
            return None
        if dotted in _SAME:
            return self.evaluator.value(call.arguments[0], scope)
        helper = _HELPERS.get(dotted)
        return helper(self, call, scope) if helper is not None else None

    def _first(self, call: CallValue, scope: Scope) -> Types:
        return self.evaluator.value(call.arguments[0], scope)

    def _container(self, name: str, call: CallValue, scope: Scope) -> Types:
        given = self._first(call, scope) if call.arguments else ()
        items = union(*[_contents(kind) for kind in given])
        if name == "dict":
            keyed = tuple(self.evaluator.value(value, scope) for _, value in call.keywords)
            return (ContainerType(name, (items, *keyed) if items else keyed),)
        return (ContainerType(name, (items,) if items else ()),)

    def _default_dict(self, call: CallValue, scope: Scope) -> Types:
        made = [
            self.evaluator.call(kind, _NO_ARGUMENTS, scope) for kind in self._first(call, scope)
        ]
        items = without_none(union(*made))
        return (ContainerType("defaultdict", (items,) if items else ()),)

    def _cast(self, call: CallValue, scope: Scope) -> Types:
        return self.annotations.types(call.arguments[0], scope)

    def _reference(self, call: CallValue, scope: Scope) -> Types:
        # The referent may no longer exist.
        return (CallableType(union(self._first(call, scope), NONE), REFERENT),)

    def _partial(self, call: CallValue, scope: Scope) -> Types:
        return tuple(
            CallableType(self.evaluator.results((kind,)))
            if isinstance(kind, (ClassType, NameType))
            else kind
            for kind in self._first(call, scope)
        )

    def _next(self, call: CallValue, scope: Scope) -> Types:
        return self.evaluator.iterated(self._first(call, scope))

    def _extreme(self, call: CallValue, scope: Scope) -> Types:
        """Return the results of ``max(items)`` and ``max(one, other)``."""
        if len(call.arguments) == 1:
            return self._next(call, scope)
        return union(*[self.evaluator.value(argument, scope) for argument in call.arguments])

    def _enumerate(self, call: CallValue, scope: Scope) -> Types:
        items = self._next(call, scope)
        pair = ContainerType("tuple", ((ExternalInstance("builtins.int"),), items), ("0", "1"))
        return (ContainerType("list", ((pair,),)),)

    def _zip(self, call: CallValue, scope: Scope) -> Types:
        parts = tuple(
            self.evaluator.iterated(self.evaluator.value(value, scope)) for value in call.arguments
        )
        keys = tuple(str(place) for place in range(len(parts)))
        return (ContainerType("list", ((ContainerType("tuple", parts, keys),),)),)

    def _map(self, call: CallValue, scope: Scope) -> Types:
        return (ContainerType("list", (self.evaluator.results(self._first(call, scope)),)),)

    def _values(self, call: CallValue, scope: Scope) -> Types:
        return (ContainerType("list", (self._next(call, scope),)),)

    def _items(self, call: CallValue, scope: Scope) -> Types:
        pair = ContainerType("tuple", (UNKNOWN, self._next(call, scope)), ("0", "1"))
        return (ContainerType("list", ((pair,),)),)

    def _type(self, call: CallValue, scope: Scope) -> Types | None:
        if len(call.arguments) != 1:
            return None
        classes = [
            ClassType(kind.cls)
            for kind in self._first(call, scope)
            if isinstance(kind, InstanceType)
        ]
        return tuple(classes) or UNKNOWN

    def _super(self, call: CallValue, scope: Scope) -> Types:
        found = super_type(scope)
        return (found,) if found is not None else UNKNOWN

    def _new(self, call: CallValue, scope: Scope) -> Types:
        return self.evaluator.results(self._first(call, scope))

    def _getattr(self, call: CallValue, scope: Scope) -> Types:
        if len(call.arguments) < 2:
            return UNKNOWN
        name = call.arguments[1]
        if not isinstance(name, Literal) or name.text[:1] not in "'\"":
            return UNKNOWN
        found = self.evaluator.attribute_of_all(self._first(call, scope), name.text[1:-1])
        if len(call.arguments) > 2:
            return union(found, self.evaluator.value(call.arguments[2], scope))
        return found

    def _field(self, call: CallValue, scope: Scope) -> Types | None:
        """A field of a dataclass, of attrs or of pydantic, by its default or its default's maker.

        ``attr.Factory(make)`` takes the maker as its argument.
        """
        evaluator = self.evaluator
        callee = call.callee.names[-1] if isinstance(call.callee, Ref) else ""
        makers = [value for name, value in call.keywords if name in ("default_factory", "factory")]
        if callee == "Factory" and call.arguments:
            makers.append(call.arguments[0])
        found: list[Types] = []
        for maker in makers:
            for kind in evaluator.value(maker, scope):
                found.append(evaluator.call(kind, _NO_ARGUMENTS, scope))
        for name, value in call.keywords:
            if name == "default":
                found.append(evaluator.value(value, scope))
        return union(*found) or None


_HELPERS: dict[str, Callable[[LibraryCalls, CallValue, Scope], Types | None]] = {
    "collections.defaultdict": LibraryCalls._default_dict,
    "typing.cast": LibraryCalls._cast,
    "typing_extensions.cast": LibraryCalls._cast,
    "weakref.ref": LibraryCalls._reference,
    "weakref.WeakMethod": LibraryCalls._reference,
    "functools.partial": LibraryCalls._partial,
    "functools.partialmethod": LibraryCalls._partial,
    "builtins.next": LibraryCalls._next,
    "builtins.anext": LibraryCalls._next,
    "builtins.min": LibraryCalls._extreme,
    "builtins.max": LibraryCalls._extreme,
    "builtins.enumerate": LibraryCalls._enumerate,
    "builtins.zip": LibraryCalls._zip,
    "builtins.map": LibraryCalls._map,
    "six.iteritems": LibraryCalls._items,
    "six.itervalues": LibraryCalls._values,
    "builtins.type": LibraryCalls._type,
    "builtins.super": LibraryCalls._super,
    "builtins.object.__new__": LibraryCalls._new,
    "builtins.getattr": LibraryCalls._getattr,
}


def _runs(dotted: str, call: CallValue | None, scope: Scope) -> tuple[Value, Scope] | tuple[()]:
    """Return the function that a thread or future made by a call will run, and its scope."""
    if call is None:
        return ()
    if dotted == RUNS_COROUTINE and call.arguments and isinstance(call.arguments[0], CallValue):
        return call.arguments[0].callee, scope
    known = spawner(dotted)
    if known is None:
        return ()
    target = argument_of(call, known.name or "", known.position)
    return () if target is None else (target, scope)


def _contents(kind: Type) -> Types:
    return kind.all_items() if isinstance(kind, ContainerType) else ()
