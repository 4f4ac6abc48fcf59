"""Results of constructors: instances of classes of the project, and locks of libraries."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.frontend.attributes import Attributes
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.value_types import (
    ClassRef,
    ContainerType,
    ExternalInstance,
    InstanceType,
    LockValue,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    scope_of,
    union,
)
from locklint.index.declarations import CallValue, Literal, ModuleIndex, Value
from locklint.ir.lock import Argument, Exactness, LockKind, Setting

_CONTAINERS = {
    "builtins.dict": "dict",
    "builtins.list": "list",
    "collections.OrderedDict": "dict",
    "collections.deque": "deque",
}

NOWHERE = scope_of(ModuleIndex(module="", path="", is_package=False))
"""The scope of calls that no code writes."""


class Construction:
    """Makes instances of classes, and locks of kinds."""

    def __init__(self, evaluator: Evaluator, attributes: Attributes) -> None:
        self.evaluator = evaluator
        self.attributes = attributes
        self._kinds: dict[ClassRef, LockKind | None] = {}

    def construct(
        self, cls: ClassRef, call: CallValue | None = None, scope: Scope | None = None
    ) -> Types:
        """An instance of a project class: a lock, if its class is one."""
        kind = self.lock_kind_of_class(cls)
        if kind is None:
            container = self._container_of_class(cls)
            return (
                (InstanceType(cls),) if container is None else (ContainerType(container, cls=cls),)
            )
        if self.attributes.method(cls, "__init__") is not None:
            call = None  # Its own constructor decides what becomes of the arguments.
        made = self.make(kind, call, scope or NOWHERE)
        return tuple(
            replace(item, cls=cls) if isinstance(item, LockValue) else item for item in made
        )

    def _container_of_class(self, cls: ClassRef) -> str | None:
        """Return the container that a class is which only gives it another name, or None."""
        decl = cls.decl
        if decl.methods or decl.attributes or not decl.bases or decl.decorators:
            return None
        for ancestor in self.evaluator.project.mro(cls)[1:]:
            if isinstance(ancestor, str):
                return _CONTAINERS.get(ancestor)
            if ancestor.decl.methods or ancestor.decl.attributes:
                return None
        return None

    def lock_kind_of_class(self, cls: ClassRef) -> LockKind | None:
        """The kind of lock that a project class's instances are, if they are locks.

        A subclass that has methods of its own to acquire or release is not a plain lock: calls of
        those are followed instead.
        """
        if cls not in self._kinds or self.evaluator.project.trace.is_on:
            self._kinds[cls] = self._find_kind(cls)
        return self._kinds[cls]

    def _find_kind(self, cls: ClassRef) -> LockKind | None:
        table = self.evaluator.table
        own = table.kind_for_constructor(cls.dotted)
        if own is not None:
            return own
        methods: set[str] = set()
        for ancestor in self.evaluator.project.mro(cls):
            dotted = ancestor if isinstance(ancestor, str) else ancestor.dotted
            kind = table.kind_for_constructor(dotted)
            if kind is not None:
                return None if kind.is_replaced_by(methods) else kind
            if not isinstance(ancestor, str):
                methods.update(ancestor.decl.methods)
        return None

    def make(self, kind: LockKind, call: CallValue | None, scope: Scope) -> Types:
        """Return what calling the constructor of a kind of lock gives."""
        plain = LockValue(kind.name, kind)
        if kind.slots is not None:
            return (replace(plain, has_one_slot=_is_one(kind.slots, call)),)
        if kind.size is not None:
            return (replace(plain, is_bounded=call is not None and _is_limit(kind.size, call)),)
        if call is not None and any(_is_set(each, call) for each in kind.gives_up_if):
            plain = replace(plain, gives_up=True)
        if kind.cross_process and call is not None and (call.arguments or call.keywords):
            # A lock with the name of a file or key is shared by all code that makes it by that
            # name.
            plain = replace(plain, exactness=Exactness.UNKNOWN)
        if kind.underlying is None or call is None:
            return (plain,)
        argument = argument_of(call, kind.underlying.name, kind.underlying.position)
        if argument is None:
            return (plain,)
        return over(kind, self.evaluator.value(argument, scope))

    def factory(self, type_name: str, method: str) -> Types:
        """Return what a method of a library's type gives, such as ``manager.Lock()``."""
        factory = self.evaluator.table.factory_method(type_name, method)
        dotted = f"{type_name}.{method}"
        if factory is None:
            known = self.evaluator.table.result_type(dotted)
            return (ExternalInstance(known),) if known else (ExternalInstance(f"{dotted}()"),)
        kind = self.evaluator.table.kinds[factory.kind_name]
        if factory.fresh:
            return (LockValue(kind.name, kind),)
        return (LockValue(kind.name, kind, f"{dotted}()", Exactness.PER_INSTANCE),)


def argument_of(call: CallValue, name: str, position: int | None) -> Value | None:
    """Return what a call passes by name or at a position, or None if it passes nothing there."""
    for keyword, value in call.keywords:
        if keyword == name:
            return value
    if position is not None and position < len(call.arguments):
        return call.arguments[position]
    return None


def _is_set(setting: Setting, call: CallValue) -> bool:
    """Return whether a call passes a certain value for an argument."""
    argument = setting.argument
    return argument_of(call, argument.name, argument.position) == Literal(setting.value)


def _is_one(slots: Argument, call: CallValue | None) -> bool:
    """Return whether a call is known to make a semaphore of one slot."""
    if call is None:
        return False
    given = argument_of(call, slots.name, slots.position)
    if given is None:
        return slots.default == 1 and not call.arguments and not call.keywords
    return given == Literal("1")


def _is_limit(size: Argument, call: CallValue) -> bool:
    """Return whether a call is known to make a queue with a largest number of items."""
    given = argument_of(call, size.name, size.position)
    return isinstance(given, Literal) and given.text.isdigit() and int(given.text) > 0


def over(kind: LockKind, given: Types) -> Types:
    """Return a condition that is made over what it was given."""
    plain = LockValue(kind.name, kind)
    found: list[Type] = []
    for item in given:
        if isinstance(item, LockValue):
            found.append(replace(item, view_kind=kind, view_home=""))
        elif isinstance(item, NoneType):
            found.append(plain)
    if not found or any(isinstance(item, UnknownType) for item in given):
        found.append(replace(plain, confidence=Confidence.MEDIUM))
    return union(found)
