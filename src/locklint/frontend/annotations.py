"""Types of values from annotations."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.frontend.construction import Construction
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.value_types import (
    NONE,
    UNKNOWN,
    AliasType,
    CallableType,
    ClassType,
    ContainerType,
    ExternalInstance,
    InstanceType,
    LockValue,
    NameType,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    union,
    weaken,
)
from locklint.index.declarations import Choice, Element, Generic, Literal, Opaque, Ref, Value
from locklint.ir.lock import Exactness
from locklint.models.graded_names import REFERENT

_TRANSPARENT = frozenset(
    ("Annotated", "ClassVar", "Final", "InitVar", "NotRequired", "Optional", "ReadOnly", "Required")
)
_SEQUENCES = frozenset(
    "list List set Set frozenset FrozenSet deque Deque Sequence MutableSequence Iterable Iterator"
    " Collection AbstractSet MutableSet Generator AsyncIterator AsyncGenerator AsyncIterable"
    " WeakSet".split()
)
_MAPPINGS = frozenset(
    "dict Dict Mapping MutableMapping defaultdict DefaultDict OrderedDict WeakValueDictionary"
    " WeakKeyDictionary ChainMap".split()
)
_AWAITABLES = frozenset(("Awaitable", "Future", "Task"))


class Annotations:
    """Turns annotations into alternatives; bounded by the depth to which they are kept."""

    def __init__(self, evaluator: Evaluator, construction: Construction) -> None:
        self.evaluator = evaluator
        self.construction = construction

    def refine(self, types: Types, annotation: Value, scope: Scope) -> Types:
        """Return the types of a value, from those of its expression and its annotation.

        The annotation is used only where the expression leaves something open.
        """
        if types and not any(isinstance(kind, (UnknownType, NoneType)) for kind in types):
            if not any(isinstance(kind, ContainerType) and not kind.items for kind in types):
                return types
        said = weaken(self.types(annotation, scope), Confidence.MEDIUM, locks_only=True)
        if all(isinstance(kind, UnknownType) for kind in said):
            return types
        if any(isinstance(kind, LockValue) for kind in types):
            return tuple(kind for kind in types if not isinstance(kind, UnknownType))
        kept = [
            kind
            for kind in types
            if not isinstance(kind, (UnknownType, ExternalInstance))
            and not (isinstance(kind, ContainerType) and not kind.items)
        ]
        return union(kept, said)

    def types(self, annotation: Value, scope: Scope) -> Types:
        """The alternatives of an annotation as written in a scope."""
        match annotation:
            case Literal(text="None"):
                return NONE
            case Ref():
                return self.instances(self.evaluator.value(annotation, scope), scope)
            case Choice(options=options):
                return union(*[self.types(option, scope) for option in options])
            case Generic(of=Ref(names=names), arguments=arguments):
                return self._generic(annotation.of, names[-1], arguments, scope)
            case Element(of=of):
                return self.types(of, scope)
            case _:
                return UNKNOWN

    def _generic(self, of: Value, name: str, arguments: tuple[Value, ...], scope: Scope) -> Types:
        if not arguments:
            return UNKNOWN
        if name in _TRANSPARENT:
            inner = self.types(arguments[0], scope)
            return union(inner, NONE) if name == "Optional" else inner
        if name == "Union":
            return union(*[self.types(argument, scope) for argument in arguments])
        if name in _SEQUENCES:
            return (ContainerType("list", (self.types(arguments[0], scope),)),)
        if name in ("tuple", "Tuple"):
            items = tuple(self.types(argument, scope) for argument in arguments)
            # `tuple[X, ...]` has any number of them.
            is_open = any(isinstance(argument, Opaque) for argument in arguments)
            keys = () if is_open else tuple(str(place) for place in range(len(items)))
            return (ContainerType("tuple", items, keys),)
        if name in _MAPPINGS:
            return (ContainerType("dict", (self.types(arguments[-1], scope),)),)
        if name in ("type", "Type"):
            return self.evaluator.value(arguments[0], scope)
        if name == "Callable":
            return (CallableType(self.types(arguments[-1], scope)),)
        if name in ("ReferenceType", "ref", "WeakMethod"):
            # The referent may no longer exist.
            return (CallableType(union(self.types(arguments[-1], scope), NONE), REFERENT),)
        if name in _AWAITABLES:
            return self.types(arguments[0], scope)
        if name == "Coroutine":
            return self.types(arguments[-1], scope)
        return self.instances(self.evaluator.value(of, scope), scope)

    def instances(self, types: Types, scope: Scope) -> Types:
        """Return instances of classes, as an annotation or a test names them."""
        found = union(*[self._instance(kind, scope) for kind in types])
        # The place where it was made is not known.
        return (
            tuple(
                replace(kind, exactness=Exactness.UNKNOWN) if isinstance(kind, LockValue) else kind
                for kind in found
            )
            or UNKNOWN
        )

    def _instance(self, kind: Type, scope: Scope) -> Types:
        match kind:
            case ClassType():
                return self.construction.construct(kind.cls)
            case NameType(dotted=dotted):
                if dotted in _BUILTIN_CONTAINERS:
                    return (ContainerType(dotted.rpartition(".")[2]),)
                lock = self.evaluator.table.kind_for_constructor(dotted)
                if lock is not None:
                    return (LockValue(lock.name, lock),)
                if dotted in _CALLABLES:
                    return (CallableType(UNKNOWN),)  # An alias: its arguments are not kept.
                if dotted.startswith("typing.") or dotted == "builtins.object":
                    return UNKNOWN
                return (ExternalInstance(self.evaluator.table.result_type(dotted) or dotted),)
            case AliasType(said=said):
                return said
            case LockValue() | InstanceType() | ExternalInstance():
                return UNKNOWN  # Not a class: the annotation cannot be made out.
            case _:
                return UNKNOWN


_CALLABLES = frozenset(("typing.Callable", "collections.abc.Callable"))
_BUILTIN_CONTAINERS = frozenset(
    ("builtins.list", "builtins.dict", "builtins.set", "builtins.tuple", "builtins.frozenset")
)
