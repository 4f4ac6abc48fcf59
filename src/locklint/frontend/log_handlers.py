"""The functions of a project that `logging` calls while a record is handled."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.slots import Place
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    FunctionType,
    InstanceType,
    ModuleType,
    NameType,
    Scope,
    scope_of,
)
from locklint.index.declarations import (
    AttributeValue,
    CallValue,
    Element,
    Literal,
    ModuleIndex,
    Ref,
    Value,
)
from locklint.ir.access_path import AccessPath
from locklint.ir.hierarchy import LogHandlers
from locklint.models.calls import ATTACHING, LISTENER
from locklint.models.spawns import is_of_tests

_EMITTING = ("emit", "format")
_FORMATTING = ("format", "formatException", "formatMessage", "formatStack", "formatTime")
_CHOOSING = ("handle", "filter")
_QUEUES = "logging.handlers.QueueHandler"

_ATTACHED = ("attached to loggers",)
_ROOT = ""
"""The name of the root logger."""
_OF_LISTENERS = ":listeners:"
"""A name that no logger has, for handlers that run in the thread of a listener."""

_ROOTS = ((NameType("logging"),), (NameType("logging.root"),))
_ANY: frozenset[str | None] = frozenset([None])
_MOST_VALUES = 20
"""The largest number of values that are looked at to find where a logger is made."""


def log_handlers(inference: Inference, attached: Attached) -> LogHandlers:
    """Return them: methods of handlers and of formatters.

    A handler that overrides the handling or filtering of records, or only queues them, is left out.
    """
    found: set[str] = set()
    own_lock: set[str] = set()
    for index in inference.project.searched:
        for qualname, decl in index.classes.items():
            if not decl.bases:
                continue
            cls = ClassRef(index.path, qualname, index)
            bases = {one for one in inference.project.mro(cls) if isinstance(one, str)}
            names: tuple[str, ...] = ()
            if any(one.startswith("logging.") and one.endswith("Handler") for one in bases):
                if _QUEUES in bases or _chooses(inference, cls):
                    continue
                names = _EMITTING
            elif "logging.Formatter" in bases:
                names = _FORMATTING
            for name in names:
                method = inference.attributes.method(cls, name)
                if method is not None:
                    found.add(method.key)
                    places = inference.attributes.slot(cls, "lock").places
                    if name == "emit" and places and all(map(_replaces_lock, places)):
                        own_lock.add(method.key)
    return LogHandlers(frozenset(found), frozenset(own_lock), attached.known())


def _chooses(inference: Inference, cls: ClassRef) -> bool:
    """Return whether a handler has a say in what it handles, by a method or a filter of its own."""
    if any(inference.attributes.method(cls, name) is not None for name in _CHOOSING):
        return True
    return any(
        site.name == "addFilter"
        and site.call.callee == Ref(("self", "addFilter"))
        and site.function in cls.decl.methods.values()
        for site in cls.index.call_sites
    )


def _replaces_lock(place: Place) -> bool:
    """Return whether a binding of a handler's lock takes the place of the one of `logging`.

    It does after the constructor of the base class, and in the method that makes the lock.
    """
    index, binding = place.owner.index, place.binding
    decl = index.functions.get(binding.function)
    return decl is not None and (
        decl.name == "createLock"
        or any(
            site.function == binding.function
            and site.name == "__init__"
            and site.call.line < binding.line
            for site in index.call_sites
        )
    )


class Attached:
    """Finds the methods of handlers and filters that a logger runs.

    Those that tests attach are left out. Loggers are distinguished by the names that they are made
    with; a logger of an unknown name runs the handlers of the root logger. Each package has a root
    logger of its own: those that are scanned together need not run in one process.
    """

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._handlers: dict[str, dict[str, None]] | None = None
        self._filters: dict[str, dict[str, None]] = {}
        self._closed: set[str] = set()

    def forget(self) -> None:
        """Drop what was found."""
        self._handlers = None

    def methods(self, scope: Scope, path: AccessPath) -> tuple[str, ...]:
        """Return the keys of what ``path``, a method of a logger or of `logging`, runs."""
        handlers = self._found()
        if not handlers and not self._filters:
            return ()
        self._inference.begin()
        found: dict[str, None] = {}
        for name in self._names_of_path(scope, path):
            if name is not None:
                found |= self._filters.get(name or _root(scope.index), {})
            for each in self._parents(name, scope.index):
                found |= handlers.get(each, {})
        return tuple(found)

    def known(self) -> frozenset[str]:
        """Return the keys of the handlers' methods of which it is known what loggers run them."""
        return frozenset().union(*self._found().values())

    def _found(self) -> dict[str, dict[str, None]]:
        trace = self._inference.project.trace
        if self._handlers is None:
            self._handlers, self._filters, self._closed = {}, {}, set()
            begun = trace.begin()
            self._find(self._handlers)
            trace.end(begun, _ATTACHED)
        else:
            trace.use(_ATTACHED)
        return self._handlers

    def _find(self, handlers: dict[str, dict[str, None]]) -> None:
        self._find_closed()
        sites = self._inference.project.call_sites
        for attaching, method in ATTACHING.items():
            by_logger = handlers if method == "emit" else self._filters
            for index, site in sites.named(attaching):
                callee = site.call.callee
                if is_of_tests(index.module):
                    continue
                # Each is a question of its own: together they would take too many steps for one.
                self._inference.begin()
                scope = scope_of(index, site.function)
                for value in _attached(site.call):
                    runs = self._runs(value, scope, method)
                    for name in self._names(_receiver(callee), scope) if runs else ():
                        if name is not None:
                            by_logger.setdefault(name or _root(index), {}).update(runs)
        for index, site in sites.named(LISTENER):
            self._inference.begin()
            scope = scope_of(index, site.function)
            for value in site.call.arguments[1:] if not is_of_tests(index.module) else ():
                handlers.setdefault(_OF_LISTENERS, {}).update(self._runs(value, scope, "emit"))

    def _find_closed(self) -> None:
        """Find the loggers whose records do not go to other loggers (`propagate = False`)."""
        for index, binding in self._inference.project.attribute_stores("propagate"):
            if binding.value == Literal("False") and not is_of_tests(index.module):
                self._inference.begin()
                names = self._names(binding.receiver, scope_of(index, binding.function))
                self._closed.update(name for name in names if name)

    def _parents(self, name: str | None, index: ModuleIndex) -> Iterator[str]:
        """Yield the names of the loggers whose handlers handle a record that a file logs."""
        while name:
            yield name
            if name in self._closed:
                return
            name = name.rpartition(".")[0]
        yield _root(index)

    def _runs(self, value: Value, scope: Scope, method: str) -> dict[str, None]:
        """Return the functions of the project that handle or filter a record, by their keys."""
        found: dict[str, None] = {}
        for kind in self._inference.value(value, scope):
            match kind:
                case InstanceType(cls=cls):
                    names = ("handle", method) if method == "emit" else (method,)
                    methods = [self._inference.attributes.method(cls, name) for name in names]
                    runs = next((each for each in methods if each is not None), None)
                case FunctionType() if method == "filter":
                    runs = kind
                case _:
                    runs = None
            if runs is not None:
                found[runs.key] = None
        return found

    def _names_of_path(self, scope: Scope, path: AccessPath) -> frozenset[str | None]:
        """Return the names of the loggers whose method a path is; None: not known."""
        fields = [field for field in path.fields if isinstance(field, str)]
        if len(fields) != len(path.fields):
            return _ANY
        return self._names(_receiver(Ref((path.root_name, *fields))), scope)

    def _names(self, value: Value | None, scope: Scope) -> frozenset[str | None]:
        """Return the names of the loggers that a value may be; None: not known."""
        found: set[str | None] = set()
        seen: set[tuple[Value | None, Scope]] = set()
        work = [(value, scope)]
        while work:
            here = work.pop()
            if here in seen:
                continue
            seen.add(here)
            if len(seen) > _MOST_VALUES:
                return _ANY
            match here:
                case (CallValue(callee=callee, arguments=arguments), where):
                    kinds = self._inference.value(callee, where)
                    is_made = NameType("logging.getLogger") in kinds
                    found.add(_name(arguments, where) if is_made else None)
                case (Ref(names=names), where):
                    types = self._inference.names(names, where)
                    if types in _ROOTS:
                        found.add(_ROOT)
                        continue
                    bound = self._bound(names, where)
                    work += bound
                    if not bound:
                        found.add(None)
                case _:
                    found.add(None)
        return frozenset(found)

    def _bound(self, names: tuple[str, ...], scope: Scope) -> list[tuple[Value, Scope]]:
        """Return what a dotted name is bound to, each with the scope that it is written in."""
        *holder, name = names
        if holder:
            found: list[tuple[Value, Scope]] = []
            for kind in self._inference.names(tuple(holder), scope):
                match kind:
                    case InstanceType(cls=cls) | ClassType(cls=cls):
                        for place in self._inference.attributes.slot(cls, name).places:
                            index, binding = place.owner.index, place.binding
                            cls_name = "" if binding.function else place.owner.qualname
                            where = scope_of(index, binding.function, cls_name)
                            found.append((binding.value, where))
                    case ModuleType(index=index):
                        found += _of_module(name, index)
                    case _:
                        pass
            return found
        decl = scope.decl
        while decl is not None:
            if name in decl.locals:
                where = scope_of(scope.index, decl.qualname)
                return [(binding.value, where) for binding in decl.locals[name]]
            decl = scope.index.functions.get(decl.parent) if decl.parent else None
        if name in scope.index.bindings:
            return _of_module(name, scope.index)
        target = scope.index.imports.get(name)
        origin = self._inference.project.resolve(target, scope.index) if target else None
        if origin is None or not origin.name:
            return []
        return [(Ref((origin.name, *origin.rest)), scope_of(origin.index))]


def _attached(call: CallValue) -> list[Value]:
    """Return what a call attaches: its first argument, or the elements of ``handlers``."""
    lists = [value for keyword, value in call.keywords if keyword == "handlers"]
    return [*call.arguments[:1], *map(Element, lists)]


def _receiver(callee: Value) -> Value | None:
    match callee:
        case Ref(names=(*holder, _)) if holder:
            return Ref(tuple(holder))
        case AttributeValue(of=of):
            return of
        case _:
            return None


def _of_module(name: str, index: ModuleIndex) -> list[tuple[Value, Scope]]:
    return [
        (binding.value, scope_of(index, binding.function))
        for binding in index.bindings.get(name, ())
    ]


def _name(arguments: tuple[Value, ...], scope: Scope) -> str | None:
    """Return the name that is passed to `getLogger`; None: not known."""
    match arguments:
        case ():
            return _ROOT
        case (Literal(text=text), *_):
            return _ROOT if text == "None" else text[1:-1]
        case (Ref(names=("__name__",)), *_):
            return scope.index.module
        case _:
            return None


def _root(index: ModuleIndex) -> str:
    """Return a name for the root logger of the program that a file belongs to."""
    return f":{index.module.partition('.')[0]}"
