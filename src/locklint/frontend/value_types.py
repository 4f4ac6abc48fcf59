"""The abstract values of the static resolver's inference.

An inferred value is a tuple of alternatives (`Types`), without repetition and bounded, in the order
in which the code gives them. The empty tuple means that nothing is known to flow there (a cycle),
`UNKNOWN` that something unknown does.

They are made and compared more often than anything else: hence structs that keep their hash, and
that the garbage collector need not visit, for what is made of finished parts has no cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.index.declarations import (
    CallValue,
    ClassDecl,
    FunctionDecl,
    LambdaValue,
    ModuleIndex,
    Ref,
    Value,
)
from locklint.ir.lock import Exactness, LockKind, Mode, of_element

MAX_ALTERNATIVES = 8
"""The largest number of alternatives of one value that are kept."""


class ClassRef(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A class of the project; equal by file and qualified name."""

    path: str
    qualname: str
    index: ModuleIndex

    @property
    def decl(self) -> ClassDecl:
        """The declaration."""
        return self.index.classes[self.qualname]

    @property
    def dotted(self) -> str:
        """The absolute dotted name, as other files import it."""
        return f"{self.index.module}.{self.qualname}"

    @property
    def identity(self) -> str:
        """The dotted name that no other class of the run has."""
        return f"{self.index.key}.{self.qualname}"

    @property
    def key(self) -> str:
        """``module:qualname``."""
        return f"{self.index.key}:{self.qualname}"


class Scope(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The place where a value is evaluated: the body of a function, a class or a module.

    ``function`` and ``cls`` are both empty for module code; ``cls`` is the class whose own body it
    is, not that of a method. ``given`` says what some of its names are in one certain use of the
    function, such as the wrapper that a decorator makes of one method; ``use`` names that one.
    ``excluded`` are the classes of which tests say that a path is none, exactly.
    """

    path: str
    function: str
    cls: str
    index: ModuleIndex
    given: tuple[tuple[str, Types], ...] = ()
    use: str = ""
    excluded: tuple[tuple[str, frozenset[ClassRef]], ...] = ()

    def known(self, name: str) -> Types | None:
        """Return the types of a name in this use of the function, where they are given."""
        for given, types in self.given:
            if given == name:
                return types
        return None

    @property
    def decl(self) -> FunctionDecl | None:
        """The declaration of the function, if it is one's scope."""
        return self.index.functions.get(self.function) if self.function else None


def scope_of(index: ModuleIndex, function: str = "", cls: str = "") -> Scope:
    """The scope of a function, a class body, or (both empty) the module's own code."""
    return Scope(index.path, function, cls, index)


class LockValue(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A lock.

    ``identity`` names the place that holds it, empty where it was made on the spot. ``view_kind``
    is the kind of the condition through which it is seen, and ``view_home`` the place that holds
    the condition; ``cls`` is the project's subclass that it is an instance of.
    """

    name: str  # of the kind
    kind: LockKind
    identity: str = ""
    exactness: Exactness = Exactness.FRESH
    confidence: Confidence = Confidence.HIGH
    view_kind: LockKind | None = None
    view_home: str = ""
    mode: Mode | None = None
    cls: ClassRef | None = None
    has_one_slot: bool = False
    gives_up: bool = False
    is_bounded: bool = False

    @property
    def api(self) -> LockKind:
        """Return the kind whose methods it has."""
        return self.view_kind or self.kind

    @property
    def is_named(self) -> bool:
        """Return whether it lives in one certain place, so that to store it is to alias it."""
        return bool(self.identity) and self.exactness not in (Exactness.FRESH, Exactness.UNKNOWN)


class LockMethod(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A bound method of a lock."""

    lock: LockValue
    method: str


class InstanceType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """An instance of a class of the project; ``confidence`` is how sure that is."""

    cls: ClassRef
    confidence: Confidence = Confidence.HIGH


class ClassType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A class of the project itself."""

    cls: ClassRef


class SuperType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """``super()`` in a method of ``cls``; ``start`` is the class of the instance."""

    cls: ClassRef
    of_class: bool = False


class FunctionType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A function of the project, bound where it was reached through an instance or class.

    ``receiver`` is what it is bound to. ``through`` is the key of what is really called, where that
    is known: the bare function behind a decorator, or the wrapper in front of it.
    """

    path: str
    qualname: str
    index: ModuleIndex
    bound: bool = False
    receiver: InstanceType | ClassType | None = None
    through: str = ""

    @property
    def decl(self) -> FunctionDecl:
        """The declaration."""
        return self.index.functions[self.qualname]

    @property
    def key(self) -> str:
        """``module:qualname``."""
        return self.through or f"{self.index.key}:{self.qualname}"


class LambdaType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A lambda: its body and where it was written."""

    body: LambdaValue
    scope: Scope


class CallableType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A value of which only the result of calling it is known.

    ``name`` is what is called then, if that is known: a method of the library.
    """

    gives: Types
    name: str | None = None


class AliasType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A name for an annotation, ``Builder = Callable[[], Store]``, and what the annotation says."""

    said: Types


class ManagerType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The result of calling a generator under ``@contextmanager``."""

    function: FunctionType


class ModuleType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A module of the project."""

    path: str
    index: ModuleIndex


class NameType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Something outside the project, by its absolute dotted name; ``builtins.len`` too.

    ``member``: reached through an instance of the type that the name starts with.
    """

    dotted: str
    member: bool = False


class ExternalInstance(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The result of a call outside the project; named by its type if that is known.

    ``target`` is the function that a thread or task will run, as written in ``scope``.
    """

    dotted: str
    target: Value | None = None
    scope: Scope | None = None


class ContainerType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A container by its builtin's name, with the alternatives of each item it is known to hold.

    ``keys`` are the literal keys of a dict display, or the positions ``0``, ``1`` … of a tuple or
    list; what is put in later has no key, but for an ``object``: a container of which nothing is
    known but what was put in. ``cls`` is the project's subclass that it is an instance of.
    """

    name: str
    items: tuple[Types, ...] = ()
    keys: tuple[str, ...] = ()
    cls: ClassRef | None = None

    def all_items(self) -> Types:
        """Everything that it may hold."""
        return union(*self.items)


class ContainerMethod(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A bound method of a container."""

    container: ContainerType
    method: str


class NoneType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """None."""


class UnknownType(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A value of which nothing is known."""


Type: TypeAlias = (
    "LockValue | LockMethod | InstanceType | ClassType | SuperType | FunctionType | LambdaType"
    " | CallableType | AliasType | ManagerType | ModuleType | NameType | ExternalInstance"
    " | ContainerType | ContainerMethod | NoneType | UnknownType"
)
Types: TypeAlias = "tuple[Type, ...]"

NONE_TYPE = NoneType()
UNKNOWN_TYPE = UnknownType()
UNKNOWN: Types = (UNKNOWN_TYPE,)
NONE: Types = (NONE_TYPE,)


def union(*parts: Iterable[Type]) -> Types:
    """The alternatives of all parts, without repetition, in order, bounded."""
    if len(parts) == 1 and parts[0].__class__ is tuple and len(parts[0]) < 2:
        return parts[0]
    seen: dict[Type, None] = {}
    for part in parts:
        for alternative in part:
            seen[alternative] = None
    found = tuple(seen)
    if len(found) <= MAX_ALTERNATIVES:
        return found
    return (*found[: MAX_ALTERNATIVES - 1], UNKNOWN_TYPE)


def are_known(types: Types) -> bool:
    """Return whether there are alternatives, and something is known about each."""
    return bool(types) and UNKNOWN_TYPE not in types


def without_unknown(types: Types) -> Types:
    """The alternatives of which something is known."""
    return tuple([kind for kind in types if kind != UNKNOWN_TYPE])


def without_none(types: Types) -> Types:
    """The alternatives but None."""
    return tuple([kind for kind in types if not isinstance(kind, NoneType)])


def union_of_bindings(bound: Sequence[tuple[Types, bool]]) -> Types:
    """Return the types of a name from those of its bindings, each with whether it only declares.

    ``space: Condition`` says of what type the name is, so that nothing unknown is left. It does not
    say which lock the condition is over, as ``self.space = Condition(self.lock)`` does.
    """
    declares = any(is_declaration and are_known(types) for types, is_declaration in bound)
    if not declares:
        return union(*[types for types, _ in bound])
    is_made = any(has_lock(types) for types, is_declaration in bound if not is_declaration)
    return without_unknown(
        union(*[without_locks(types) if is_made and only else types for types, only in bound])
    )


def without_locks(types: Types) -> Types:
    """The alternatives but locks."""
    return tuple([kind for kind in types if not isinstance(kind, LockValue)])


def settle(types: Types, identity: str, exactness: Exactness) -> Types:
    """Name the locks that are stored in a place.

    A lock made on the spot belongs to the place. One from elsewhere keeps its identity, for the
    place is an alias of it; where several such meet, the place's own name represents them.
    """
    for kind in types:
        if kind.__class__ is LockValue or kind.__class__ is ContainerType:
            break
    else:
        return union(types)
    homes = {
        (kind.identity if kind.is_named else "") for kind in types if isinstance(kind, LockValue)
    }
    keep = len(homes) == 1 and "" not in homes
    elsewhere = homes != {""} or UNKNOWN_TYPE in types
    if exactness is Exactness.FRESH and elsewhere:
        exactness = Exactness.UNKNOWN  # Perhaps made here, perhaps made elsewhere.
    settled: list[Type] = []
    for kind in types:
        if isinstance(kind, LockValue):
            if not keep:
                # A lock that only passes through a local is not known to be made there.
                unknown = exactness is Exactness.FRESH and kind.exactness is Exactness.UNKNOWN
                how = Exactness.UNKNOWN if unknown else exactness
                kind = replace(kind, identity=identity, exactness=how)
            if kind.view_kind is not None and not kind.view_home:
                kind = replace(kind, view_home=identity)
        elif isinstance(kind, ContainerType):
            element = of_element(identity)
            kind = replace(
                kind,
                items=tuple(settle(item, element, Exactness.ELEMENT) for item in kind.items),
            )
        settled.append(kind)
    return union(settled)


def weaken(types: Types, confidence: Confidence, locks_only: bool = False) -> Types:
    """Cap the confidence of the locks and instances among the alternatives."""
    for each in types:
        if isinstance(each, (LockValue, InstanceType, ContainerType, FunctionType)):
            break
    else:
        return types
    capped = LockValue if locks_only else (LockValue, InstanceType)
    weakened: list[Type] = []
    for kind in types:
        if (
            isinstance(kind, (LockValue, InstanceType))
            and isinstance(kind, capped)
            and kind.confidence > confidence
        ):
            kind = replace(kind, confidence=confidence)
        elif isinstance(kind, ContainerType):
            kind = replace(
                kind, items=tuple(weaken(item, confidence, locks_only) for item in kind.items)
            )
        elif isinstance(kind, FunctionType) and isinstance(kind.receiver, InstanceType):
            if not locks_only and kind.receiver.confidence > confidence:
                kind = replace(kind, receiver=replace(kind.receiver, confidence=confidence))
        weakened.append(kind)
    return tuple(weakened)


_CONTAINER_NAMES = {"deque": "collections.deque", "defaultdict": "collections.defaultdict"}


def type_names(types: Types) -> frozenset[str]:
    """The dotted names of the types of all alternatives; empty where one is not known.

    Instances of the project's own classes go by the class's key, which has a colon.
    """
    names: set[str] = set()
    for kind in types:
        match kind:
            case ExternalInstance(dotted=dotted):
                names.add(dotted)
            case ContainerType(name=name) if name not in ("generator", "object"):
                names.add(_CONTAINER_NAMES.get(name, f"builtins.{name}"))
            case NoneType():
                names.add("builtins.NoneType")
            case LockValue():
                names.add(kind.api.name)
            case InstanceType(cls=cls):
                names.add(cls.key)
            case FunctionType() | LambdaType():
                names.add("builtins.function")
            case ClassType():
                names.add("builtins.type")
            case _:
                return frozenset()
    return frozenset(names)


def has_lock(types: Types) -> bool:
    """Return whether a lock is among the alternatives, or in a container among them."""
    return any(
        isinstance(kind, LockValue)
        or (isinstance(kind, ContainerType) and any(has_lock(item) for item in kind.items))
        for kind in types
    )


def alias_target(value: Value, types: Types) -> Ref | CallValue | None:
    """Return the path that a binding makes an alias of: a reference, or a condition's lock."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, CallValue):
        views = [kind for kind in types if isinstance(kind, LockValue) and kind.view_kind]
        if views:
            underlying = views[0].view_kind.underlying if views[0].view_kind else None
            if underlying is not None and len(views) == len(types):
                for name, argument in value.keywords:
                    if name == underlying.name and isinstance(argument, Ref):
                        return argument
                position = underlying.position
                if position is not None and position < len(value.arguments):
                    argument = value.arguments[position]
                    if isinstance(argument, Ref):
                        return argument
        elif not value.arguments and not value.keywords and isinstance(value.callee, Ref):
            return value
    return None
