"""The tables as data: complete, consistent, and found by the names that code uses."""

from __future__ import annotations

import pytest

from locklint.core.config import LockType
from locklint.ir.lock import Failure, Gives, LockKind, LockRole, Mode
from locklint.models.library import Library, ModuleLock
from locklint.models.table import LIBRARIES, LockTable, default_table, kind_of_lock_type, table_with

KINDS = sorted(default_table().kinds.values(), key=lambda kind: kind.name)
HOLDING = (LockRole.LOCK, LockRole.SEMAPHORE, LockRole.CONDITION, LockRole.READ_WRITE)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_that_can_be_held_can_be_taken_and_given_back(kind: LockKind) -> None:
    if kind.role not in HOLDING:
        assert not kind.acquire_forms
        assert not kind.release_forms
        assert not kind.with_ok
        assert kind.waits
        return
    if kind.context_forms and not kind.acquire_forms:
        assert {form.mode for form in kind.context_forms} >= {Mode.SHARED}
        return
    assert kind.acquire_forms
    assert kind.release_forms
    acquired = {form.mode for form in kind.acquire_forms}
    released = {form.mode for form in kind.release_forms}
    assert None in released or acquired == released


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_forms_of_a_kind_agree_with_each_other(kind: LockKind) -> None:
    names = [form.name for form in kind.acquire_forms]
    names += [form.name for form in kind.release_forms]
    names += [form.name for form in kind.context_forms]
    assert len(names) == len(set(names))
    for form in kind.acquire_forms:
        positions = [
            argument.position
            for argument in (form.blocking, form.timeout)
            if argument is not None and argument.position is not None
        ]
        assert len(positions) == len(set(positions))
        assert form.blocking is None or form.blocking.default is True
        assert not (form.failure is Failure.NEVER and (form.blocking or form.timeout))
        assert not (form.always_tries and form.is_async)
        assert form.failure is not Failure.RETURNS_FALSE or form.gives is Gives.BOOL
    assert not (kind.with_ok and kind.async_with_ok)
    if kind.role is LockRole.CONDITION:
        assert kind.underlying is not None
        assert kind.waits
        assert kind.notifies
    else:
        assert kind.underlying is None
        assert not kind.notifies or kind.role in (LockRole.EVENT, LockRole.QUEUE)


def test_every_kind_can_be_made_or_is_given_by_a_factory() -> None:
    given = {row.kind_name for library in LIBRARIES for row in library.factory_methods}
    for kind in KINDS:
        assert kind.constructors or kind.name in given, kind.name


@pytest.mark.parametrize(
    ("constructor", "name"),
    [
        ("threading.Lock", "threading.Lock"),
        ("threading.RLock", "threading.RLock"),
        ("_thread.allocate_lock", "threading.Lock"),
        ("_thread.LockType", "threading.Lock"),
        ("_thread.RLock", "threading.RLock"),
        ("dummy_threading.Lock", "threading.Lock"),
        ("multiprocessing.dummy.Condition", "threading.Condition"),
        ("multiprocessing.Lock", "multiprocessing.Lock"),
        ("multiprocessing.synchronize.RLock", "multiprocessing.RLock"),
        ("multiprocessing.context.SpawnContext.Lock", "multiprocessing.Lock"),
        ("multiprocessing.managers.SyncManager.Lock", "multiprocessing.managers.SyncManager.Lock"),
        ("asyncio.Lock", "asyncio.Lock"),
        ("asyncio.locks.Semaphore", "asyncio.Semaphore"),
        ("queue.PriorityQueue", "queue.Queue"),
        ("trio.StrictFIFOLock", "trio.Lock"),
        ("trio._sync.Lock", "trio.Lock"),
        ("anyio.CapacityLimiter", "anyio.CapacityLimiter"),
        ("filelock.SoftFileLock", "filelock.FileLock"),
        ("filelock.AsyncFileLock", "filelock.AsyncFileLock"),
        ("fasteners.InterProcessLock", "fasteners.InterProcessLock"),
        ("portalocker.Lock", "portalocker.Lock"),
        ("redis.Redis.lock", "redis.lock.Lock"),
        ("redis.asyncio.Redis.lock", "redis.asyncio.lock.Lock"),
        ("gevent.lock.RLock", "gevent.lock.RLock"),
        ("eventlet.green.threading.Lock", "eventlet.lock.Lock"),
        ("aiorwlock.RWLock", "aiorwlock.RWLock"),
        ("readerwriterlock.rwlock.RWLockFair.gen_wlock", "readerwriterlock.rwlock.Writer"),
        ("kazoo.client.KazooClient.Lock", "kazoo.recipe.lock.Lock"),
    ],
)
def test_constructor_names(constructor: str, name: str) -> None:
    kind = default_table().kind_for_constructor(constructor)
    assert kind is not None
    assert kind.name == name
    assert default_table().kinds.get(name) is kind


@pytest.mark.parametrize("dotted", ["Lock", "threading", "threading.Thread", "threading.local", ""])
def test_what_is_no_lock(dotted: str) -> None:
    assert default_table().kind_for_constructor(dotted) is None
    assert default_table().kinds.get(dotted) is None


def test_results_lead_to_the_types_of_factory_methods() -> None:
    table = default_table()
    context = table.result_type("multiprocessing.get_context")
    assert context is not None
    assert table.factory_method(context, "RLock") is not None
    manager = table.result_type(f"{context}.Manager")
    assert manager is not None
    assert table.kind_for_constructor(f"{manager}.Lock") is not None
    value = table.result_type("multiprocessing.Value")
    assert value is not None
    get_lock = table.factory_method(value, "get_lock")
    assert get_lock is not None
    assert not get_lock.fresh
    client = table.result_type("redis.from_url")
    assert client is not None
    assert table.factory_method(client, "lock") is not None
    assert table.result_type("kazoo.client.KazooClient") == "kazoo.client.KazooClient"
    assert table.result_type("os.getpid") is None


def test_attributes_of_known_types() -> None:
    table = default_table()
    not_empty = table.attribute("queue.Queue", "not_empty")
    assert not_empty is not None
    assert not_empty.kind_name == "threading.Condition"
    assert not_empty.alias_of == "mutex"
    mutex = table.attribute("queue.Queue", "mutex")
    assert mutex is not None
    assert mutex.kind_name == "threading.Lock"
    reader = table.attribute("aiorwlock.RWLock", "reader")
    assert reader is not None
    assert reader.view
    assert table.attribute("queue.Queue", "maxsize") is None
    logging_lock = table.module_lock("logging._lock")
    assert logging_lock is not None
    assert logging_lock.name == "threading.RLock"


def test_aliases_name_attributes_of_the_same_type() -> None:
    for library in LIBRARIES:
        for row in library.attributes:
            if row.alias_of is not None:
                for type_name in row.type_names:
                    assert default_table().attribute(type_name, row.alias_of) is not None


def test_a_users_lock_type() -> None:
    declared = LockType(
        acquire=("take", "take_soon"),
        release=("give",),
        reentrant=True,
        timeout_argument="seconds",
        failure="raises",
        acquire_gives_context=True,
    )
    kind = table_with({"pkg.MyLock": declared}).kind_for_constructor("pkg.MyLock")
    assert kind is not None
    take = kind.acquire_form("take_soon")
    assert take is not None
    assert take.timeout is not None
    assert (take.timeout.name, take.timeout.position) == ("seconds", 1)
    assert (take.failure, take.gives) == (Failure.RAISES, Gives.CONTEXT)
    assert kind.release_form("give") is not None
    assert kind.acquire_form("acquire") is None
    assert kind.reentrant
    assert kind.with_ok


def test_a_users_asynchronous_lock_type() -> None:
    declared = LockType(is_async=True, blocking_argument=None)
    kind = kind_of_lock_type("pkg.AsyncLock", declared)
    assert kind.is_async
    assert (kind.with_ok, kind.async_with_ok) == (False, True)
    acquire = kind.acquire_form("acquire")
    assert acquire is not None
    assert acquire.blocking is None
    assert acquire.timeout is not None
    assert acquire.timeout.position == 0


def test_a_users_lock_type_takes_over_a_librarys_constructor() -> None:
    table = table_with({"filelock.FileLock": LockType()})
    kind = table.kind_for_constructor("filelock.FileLock")
    assert kind is not None
    assert not kind.reentrant
    assert default_table().kind_for_constructor("filelock.FileLock") is not kind


def test_the_table_without_user_types_is_built_once() -> None:
    assert table_with({}) is default_table()


def test_an_unknown_failure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pkg\.MyLock.*'sometimes'"):
        kind_of_lock_type("pkg.MyLock", LockType(failure="sometimes"))  # type: ignore[arg-type]


def test_rows_that_contradict_each_other_are_refused() -> None:
    one = Library(kinds=(LockKind("a.Lock", constructors=("a.Lock",)),))
    with pytest.raises(ValueError, match="two kinds of lock are named"):
        LockTable((one, one))
    with pytest.raises(ValueError, match="makes two kinds"):
        LockTable((one, Library(kinds=(LockKind("b.Lock", constructors=("a.Lock",)),))))
    with pytest.raises(ValueError, match="no kind of lock named"):
        LockTable((one, Library(module_locks=(ModuleLock("a._lock", "a.Other"),))))
