"""The table of all kinds of lock: what the library models say, and what the user's settings add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from locklint.core.config import LockType
from locklint.ir.lock import (
    AcquireForm,
    Argument,
    Failure,
    Gives,
    LockKind,
    ReleaseForm,
)
from locklint.models import (
    aiorwlock,
    anyio,
    concurrent_futures,
    eventlet,
    fasteners,
    filelock,
    gevent,
    kazoo,
    portalocker,
    readerwriterlock,
    redis,
    stdlib_asyncio,
    stdlib_attributes,
    stdlib_multiprocessing,
    stdlib_queue,
    stdlib_threading,
    tornado,
    trio,
    twisted,
)
from locklint.models.library import FactoryMethod, Library, TypeAttribute

LIBRARIES: tuple[Library, ...] = (
    stdlib_threading.LIBRARY,
    stdlib_multiprocessing.LIBRARY,
    stdlib_asyncio.LIBRARY,
    stdlib_queue.LIBRARY,
    stdlib_attributes.LIBRARY,
    concurrent_futures.LIBRARY,
    trio.LIBRARY,
    anyio.LIBRARY,
    filelock.LIBRARY,
    fasteners.LIBRARY,
    portalocker.LIBRARY,
    redis.LIBRARY,
    gevent.LIBRARY,
    eventlet.LIBRARY,
    aiorwlock.LIBRARY,
    readerwriterlock.LIBRARY,
    kazoo.LIBRARY,
    tornado.LIBRARY,
    twisted.LIBRARY,
)

_FAILURES = {"false": Failure.RETURNS_FALSE, "raises": Failure.RAISES}


class LockTable:
    """All kinds of lock, by name, by constructor, and by where objects of known types keep them.

    Built once and never changed. User-defined kinds come last and replace a library model's kind
    for the same constructor.
    """

    def __init__(self, libraries: Iterable[Library], extra: Iterable[LockKind] = ()) -> None:
        """Collect the rows of the libraries, then the kinds of ``extra``.

        Raise `ValueError` if two libraries claim one kind's name or one constructor, or a row names
        a kind that there is not.
        """
        self._kinds: dict[str, LockKind] = {}
        self._constructors: dict[str, LockKind] = {}
        self._factories: dict[tuple[str, str], FactoryMethod] = {}
        self._attributes: dict[tuple[str, str], TypeAttribute] = {}
        self._passed_on: dict[tuple[str, str], str] = {}
        self._module_locks: dict[str, LockKind] = {}
        self._results: dict[str, str] = {}
        rows = tuple(libraries)
        for library in rows:
            for kind in library.kinds:
                self._add_kind(kind)
        for library in rows:
            self._add_rows(library)
        for kind in extra:
            self._kinds[kind.name] = kind
            self._constructors.update(dict.fromkeys(kind.constructors, kind))
        self._made_by = {
            f"{type_name}.{method}": self._kinds[factory.kind_name]
            for (type_name, method), factory in self._factories.items()
        } | self._constructors
        self.types: frozenset[str] = frozenset(
            {name for name, _ in self._factories}
            | {name for name, _ in self._attributes}
            | set(self._results.values())
            | {name.rpartition(".")[0] for name in self._results}
        )

    def _add_kind(self, kind: LockKind) -> None:
        if kind.name in self._kinds:
            raise ValueError(f"two kinds of lock are named {kind.name}")
        self._kinds[kind.name] = kind
        for constructor in kind.constructors:
            if constructor in self._constructors:
                raise ValueError(f"{constructor} makes two kinds of lock")
            self._constructors[constructor] = kind

    def _add_rows(self, library: Library) -> None:
        for factory in library.factory_methods:
            self._require(factory.kind_name)
            for type_name in factory.type_names:
                self._factories[type_name, factory.method] = factory
        for attribute in library.attributes:
            self._require(attribute.kind_name)
            for type_name in attribute.type_names:
                self._attributes[type_name, attribute.attribute] = attribute
        for row in library.passed_on:
            for type_name in row.type_names:
                self._passed_on.update({(type_name, each): row.attribute for each in row.methods})
        for lock in library.module_locks:
            self._module_locks[lock.name] = self._require(lock.kind_name)
        for result in library.results:
            self._results.update(dict.fromkeys(result.callables, result.type_name))

    def _require(self, name: str) -> LockKind:
        if name not in self._kinds:
            raise ValueError(f"there is no kind of lock named {name}")
        return self._kinds[name]

    @property
    def kinds(self) -> Mapping[str, LockKind]:
        """All kinds by their canonical names."""
        return self._kinds

    def kind_for_constructor(self, dotted: str) -> LockKind | None:
        """The kind that calling ``dotted`` makes; also the kind that it is as an annotation.

        ``dotted`` is absolute, with imports resolved. A factory method is written as
        ``type.method``: ``multiprocessing.context.BaseContext.Lock``.
        """
        return self._made_by.get(dotted)

    def factory_method(self, type_name: str, method: str) -> FactoryMethod | None:
        """The row for a method of instances of an external type, if it gives a lock."""
        return self._factories.get((type_name, method))

    def attribute(self, type_name: str, attribute: str) -> TypeAttribute | None:
        """The row for an attribute of instances of an external type, if it is a lock."""
        return self._attributes.get((type_name, attribute))

    def passed_on(self, type_name: str, method: str) -> str | None:
        """The attribute whose lock runs a method of instances of an external type."""
        return self._passed_on.get((type_name, method))

    def module_lock(self, dotted: str) -> LockKind | None:
        """The kind of a library's module global, if it is a lock (``logging._lock``)."""
        return self._module_locks.get(dotted)

    def result_type(self, dotted: str) -> str | None:
        """Return the external type of the result of calling ``dotted``, where a row describes it.

        ``multiprocessing.get_context`` gives ``multiprocessing.context.BaseContext``. A class that
        a row describes is its own result.
        """
        if dotted in self._results:
            return self._results[dotted]
        return dotted if dotted in self.types else None


def kind_of_lock_type(name: str, lock_type: LockType, defined_as: str = "") -> LockKind:
    """Return the kind that a user declared under the dotted name of its class or factory.

    ``defined_as`` is the name of its definition, where the declared one is that of a re-export. The
    blocking argument is assumed to come first and the timeout after it, as in ``threading``; a
    timeout of None waits indefinitely. Raise `ValueError` if ``failure`` is unknown.
    """
    if lock_type.failure not in _FAILURES:
        raise ValueError(
            f"lock type {name}: failure must be one of {', '.join(_FAILURES)},"
            f" not {lock_type.failure!r}"
        )
    blocking = (
        Argument(lock_type.blocking_argument, 0, True) if lock_type.blocking_argument else None
    )
    timeout = (
        Argument(lock_type.timeout_argument, 1 if blocking else 0, None)
        if lock_type.timeout_argument
        else None
    )
    acquire_forms = tuple(
        AcquireForm(
            method,
            is_async=lock_type.is_async,
            blocking=blocking,
            timeout=timeout,
            failure=_FAILURES[lock_type.failure],
            gives=Gives.CONTEXT if lock_type.acquire_gives_context else Gives.BOOL,
        )
        for method in lock_type.acquire
    )
    return LockKind(
        name=name,
        reentrant=lock_type.reentrant,
        constructors=tuple(dict.fromkeys((name, defined_as or name))),
        with_ok=lock_type.context_manager and not lock_type.is_async,
        async_with_ok=lock_type.context_manager and lock_type.is_async,
        acquire_forms=acquire_forms,
        release_forms=tuple(ReleaseForm(method) for method in lock_type.release),
    )


@cache
def default_table() -> LockTable:
    """The table of the library models alone."""
    return LockTable(LIBRARIES)


def table_with(
    lock_types: Mapping[str, LockType], defined_as: Callable[[str], str] = str
) -> LockTable:
    """The table of the library models and the user's lock types, by their dotted names.

    ``defined_as`` gives the name of the definition that a dotted name leads to.
    """
    if not lock_types:
        return default_table()
    extra = (
        kind_of_lock_type(name, lock_type, defined_as(name))
        for name, lock_type in sorted(lock_types.items())
    )
    return LockTable(LIBRARIES, extra)
