"""The rows of the standard library against the real objects of the running interpreter.

Every fact that a row states is exercised: what acquire takes and where, what giving up gives, which
arguments are refused, whether a second acquire by the holder succeeds, what a release of an unheld
lock does, which protocols there are, and what a condition is made over.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator
from multiprocessing.managers import SyncManager
from typing import Any

import pytest

from locklint.ir.lock import (
    AcquireForm,
    Failure,
    Gives,
    LockKind,
    LockRole,
    Owner,
    Refused,
    UnheldRelease,
)
from locklint.models.table import default_table


def _kind(name: str) -> LockKind:
    kind = default_table().kinds.get(name)
    assert kind is not None, name
    return kind


_CONTEXT = multiprocessing.get_context("spawn")
_LOCKS = ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")

BLOCKING: list[tuple[str, Callable[[], Any]]] = [
    *((f"threading.{name}", getattr(threading, name)) for name in _LOCKS),
    *((f"multiprocessing.{name}", getattr(_CONTEXT, name)) for name in _LOCKS),
]
WAITING: list[tuple[str, Callable[[], Any]]] = [
    ("threading.Event", threading.Event),
    ("threading.Barrier", lambda: threading.Barrier(2)),
    ("multiprocessing.Event", _CONTEXT.Event),
    ("multiprocessing.Barrier", lambda: _CONTEXT.Barrier(2)),
    ("queue.Queue", queue.Queue),
    ("asyncio.Event", asyncio.Event),
    ("asyncio.Queue", asyncio.Queue),
]


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with multiprocessing.Manager() as running:
        yield running


def _arguments(form: AcquireForm, **values: object) -> dict[str, Any]:
    """Keyword arguments under the names that the row gives them."""
    names = {"blocking": form.blocking, "timeout": form.timeout}
    found = {role: argument for role, argument in names.items() if argument is not None}
    return {found[role].name: value for role, value in values.items()}


def _positional(form: AcquireForm, **values: object) -> list[Any]:
    names = {"blocking": form.blocking, "timeout": form.timeout}
    placed: dict[int, Any] = {}
    for role, value in values.items():
        argument = names[role]
        assert argument is not None
        assert argument.position is not None
        placed[argument.position] = value
    return [placed[position] for position in sorted(placed)]


def _in_thread(work: Callable[[], Any]) -> Any:
    """The result of ``work`` in another thread, or the exception that it raised."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(work())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


@pytest.mark.parametrize(("name", "make"), BLOCKING, ids=[name for name, _ in BLOCKING])
class TestBlocking:
    def test_all_forms_exist(self, name: str, make: Callable[[], Any]) -> None:
        kind = _kind(name)
        lock = make()
        names = [form.name for form in kind.acquire_forms]
        for method in (*names, *(form.name for form in kind.release_forms)):
            assert callable(getattr(lock, method))
        for method in (*kind.waits, *kind.notifies):
            # notifyAll is deprecated; asking for it on the class does not warn.
            assert callable(getattr(type(lock), method))

    def test_acquire_takes_its_arguments_where_the_row_says(
        self, name: str, make: Callable[[], Any]
    ) -> None:
        for form in _kind(name).acquire_forms:
            lock = make()
            assert getattr(lock, form.name)(**_arguments(form, blocking=True, timeout=1)) is True
            lock.release()
            assert getattr(lock, form.name)(*_positional(form, blocking=True, timeout=1)) is True
            lock.release()
            assert form.gives is Gives.BOOL
            assert not form.is_async

    def test_the_defaults_wait_for_ever(self, name: str, make: Callable[[], Any]) -> None:
        for form in _kind(name).acquire_forms:
            assert form.blocking is not None
            assert form.timeout is not None
            lock = make()
            explicit = _arguments(
                form, blocking=form.blocking.default, timeout=form.timeout.default
            )
            assert getattr(lock, form.name)(**explicit) is True

    def test_giving_up_gives_false(self, name: str, make: Callable[[], Any]) -> None:
        for form in _kind(name).acquire_forms:
            assert form.failure is Failure.RETURNS_FALSE
            assert not form.timeout_raises
            lock = make()
            lock.acquire()
            acquire = getattr(lock, form.name)
            for arguments in (
                _arguments(form, blocking=False),
                _arguments(form, timeout=0.01),
            ):
                assert _in_thread(functools.partial(acquire, **arguments)) is False

    def test_a_second_acquire_by_the_holder(self, name: str, make: Callable[[], Any]) -> None:
        kind = _kind(name)
        lock = make()
        assert lock.acquire(False) is True
        assert lock.acquire(False) is kind.reentrant

    def test_refused_arguments(self, name: str, make: Callable[[], Any]) -> None:
        calls: dict[Refused, tuple[dict[str, Any], type[Exception]]] = {
            Refused.UNBLOCKED_TIMEOUT: ({"blocking": False, "timeout": 1}, ValueError),
            Refused.NEGATIVE_TIMEOUT: ({"timeout": -2}, ValueError),
            Refused.NONE_TIMEOUT: ({"timeout": None}, TypeError),
        }
        for form in _kind(name).acquire_forms:
            for refused, (values, error) in calls.items():
                acquire = getattr(make(), form.name)
                arguments = _arguments(form, **values)
                if refused in form.refuses:
                    with pytest.raises(error):
                        acquire(**arguments)
                else:
                    assert acquire(**arguments) is True

    def test_a_release_of_what_is_not_held(self, name: str, make: Callable[[], Any]) -> None:
        if _kind(name).unheld_release is UnheldRelease.IGNORED:
            make().release()
        else:
            with pytest.raises((RuntimeError, ValueError, AssertionError)):
                make().release()

    def test_who_may_release(self, name: str, make: Callable[[], Any]) -> None:
        lock = make()
        lock.acquire()
        error = _in_thread(lock.release)
        if _kind(name).owner is Owner.ANYONE:
            assert error is None
        else:
            assert isinstance(error, (RuntimeError, AssertionError))

    def test_protocols(self, name: str, make: Callable[[], Any]) -> None:
        kind = _kind(name)
        lock = make()
        assert kind.with_ok is hasattr(type(lock), "__enter__")
        assert kind.async_with_ok is hasattr(type(lock), "__aenter__")
        with lock:
            assert lock.acquire(False) is kind.reentrant
        with pytest.raises((TypeError, AttributeError)), lock.acquire():
            pass

    def test_locked(self, name: str, make: Callable[[], Any]) -> None:
        kind = _kind(name)
        if hasattr(make(), "locked"):
            assert kind.locked_method == "locked"

    def test_conditions_are_over_the_lock_that_they_are_given(
        self, name: str, make: Callable[..., Any]
    ) -> None:
        kind = _kind(name)
        if kind.underlying is None:
            return
        inner = threading.Lock() if name.startswith("threading") else _CONTEXT.Lock()
        by_name = make(**{kind.underlying.name: inner})
        by_name.acquire()
        assert inner.acquire(False) is False
        inner.release()
        by_position = make(inner)
        with by_position:
            assert inner.acquire(False) is False
        for method in (*kind.waits, *kind.notifies):
            if method == "notifyAll":
                continue
            arguments = [lambda: True] if method == "wait_for" else []
            if method == "wait_for":
                assert make().wait_for(*arguments) is True
                continue
            with pytest.raises((RuntimeError, AssertionError)):
                getattr(make(), method)()


@pytest.mark.parametrize(("name", "make"), WAITING, ids=[name for name, _ in WAITING])
def test_what_only_waits(name: str, make: Callable[[], Any]) -> None:
    kind = _kind(name)
    waiter = make()
    assert kind.role in (LockRole.EVENT, LockRole.BARRIER, LockRole.QUEUE)
    assert kind.with_ok is hasattr(type(waiter), "__enter__")
    assert kind.async_with_ok is hasattr(type(waiter), "__aenter__")
    for method in kind.waits:
        assert callable(getattr(waiter, method))
    assert not hasattr(waiter, "acquire")


def test_a_wait_on_a_condition_gives_a_reentrant_lock_back_fully() -> None:
    condition = threading.Condition()
    taken: list[bool] = []

    def other() -> None:
        with condition:
            taken.append(True)
            condition.notify()

    with condition, condition:
        thread = threading.Thread(target=other)
        thread.start()
        assert condition.wait(timeout=10)
    thread.join()
    assert taken == [True]


class TestManager:
    @pytest.mark.parametrize("short", _LOCKS)
    def test_proxies(self, manager: SyncManager, short: str) -> None:
        kind = _kind(f"multiprocessing.managers.SyncManager.{short}")
        (form,) = kind.acquire_forms
        lock = getattr(manager, short)()
        assert lock.acquire(**_arguments(form, blocking=True)) is True
        assert lock.acquire(False) is kind.reentrant
        assert kind.with_ok is hasattr(type(lock), "__enter__")
        fresh = getattr(manager, short)()
        if kind.unheld_release is UnheldRelease.IGNORED:
            fresh.release()
        else:
            with pytest.raises((RuntimeError, ValueError)):
                fresh.release()
        with pytest.raises(ValueError, match="timeout"):
            fresh.acquire(False, 1)
        if Refused.NEGATIVE_TIMEOUT in form.refuses:
            with pytest.raises(ValueError, match="timeout"):
                fresh.acquire(timeout=-2)
        assert fresh.acquire(timeout=None) is True

    @pytest.mark.parametrize("short", ["Event", "Barrier"])
    def test_waiting_proxies(self, manager: SyncManager, short: str) -> None:
        kind = _kind(f"multiprocessing.managers.SyncManager.{short}")
        made = getattr(manager, short)(*((2,) if short == "Barrier" else ()))
        assert not hasattr(type(made), "__enter__")
        assert all(callable(getattr(made, method)) for method in kind.waits)


_ASYNC_LOCKS = ("Lock", "Condition", "Semaphore", "BoundedSemaphore")


@pytest.mark.parametrize("short", _ASYNC_LOCKS)
class TestAsyncio:
    def test_protocols_and_forms(self, short: str) -> None:
        kind = _kind(f"asyncio.{short}")
        made = getattr(asyncio, short)
        assert hasattr(made, "__aenter__") is kind.async_with_ok is True
        assert hasattr(made, "__enter__") is kind.with_ok is False
        (form,) = kind.acquire_forms
        assert form.is_async
        assert form.failure is Failure.NEVER
        (release,) = kind.release_forms
        assert not release.is_async
        assert not inspect.iscoroutinefunction(made().release)
        assert kind.locked_method == "locked"

    def test_behaviour(self, short: str) -> None:
        kind = _kind(f"asyncio.{short}")

        async def run() -> None:
            lock = getattr(asyncio, short)()
            pending = lock.acquire()
            assert inspect.iscoroutine(pending)
            assert not lock.locked()
            assert await pending is True
            assert lock.locked()
            assert not kind.reentrant
            with pytest.raises((TimeoutError, asyncio.TimeoutError)):
                await asyncio.wait_for(lock.acquire(), 0.01)
            assert kind.owner is Owner.ANYONE
            await asyncio.create_task(_release(lock))
            assert not lock.locked()
            if kind.unheld_release is UnheldRelease.IGNORED:
                lock.release()
            else:
                with pytest.raises((RuntimeError, ValueError)):
                    lock.release()

        asyncio.run(run())


async def _release(lock: Any) -> None:
    lock.release()


def test_asyncio_conditions_are_over_the_lock_that_they_are_given() -> None:
    async def run() -> None:
        kind = _kind("asyncio.Condition")
        assert kind.underlying is not None
        lock = asyncio.Lock()
        condition = asyncio.Condition(**{kind.underlying.name: lock})
        async with condition:
            assert lock.locked()
            condition.notify_all()
        with pytest.raises(RuntimeError):
            condition.notify()
        with pytest.raises(RuntimeError):
            await condition.wait()

    asyncio.run(run())


def test_asyncio_barriers_have_async_with_only() -> None:
    kind = _kind("asyncio.Barrier")
    assert hasattr(asyncio.Barrier, "__aenter__") is kind.async_with_ok is True
    assert hasattr(asyncio.Barrier, "__enter__") is kind.with_ok is False


def test_the_conditions_of_a_queue_share_its_mutex() -> None:
    made: queue.Queue[int] = queue.Queue()
    for name in ("not_empty", "not_full", "all_tasks_done"):
        row = default_table().attribute("queue.Queue", name)
        assert row is not None
        assert row.alias_of is not None
        condition = getattr(made, name)
        with getattr(made, row.alias_of):
            assert condition.acquire(False) is False
    assert made.mutex.acquire(False) is True


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue"])
def test_only_queues_with_a_positive_size_are_ever_full(name: str) -> None:
    size = _kind("queue.Queue").size
    assert size is not None
    constructor = getattr(queue, name)
    first, *_ = inspect.signature(constructor).parameters
    assert first == size.name
    assert size.position == 0
    for endless in (constructor(), constructor(0), constructor(maxsize=-1)):
        for number in range(100):
            endless.put(number, block=False)
    full = constructor(1)
    full.put(1)
    with pytest.raises(queue.Full):
        full.put(2, True, 0.001)
    threading.Timer(0.01, full.get).start()
    full.put(item=2)  # It waits until there is room.
    assert full.get() == 2


def test_attributes_and_globals_are_what_the_rows_say() -> None:
    import http.cookiejar
    import logging
    import sched
    import tempfile
    from concurrent.futures import Future, ThreadPoolExecutor

    table = default_table()
    types = {"threading.Lock": type(threading.Lock()), "threading.RLock": type(threading.RLock())}

    def check(owner: object, type_name: str, attribute: str) -> None:
        row = table.attribute(type_name, attribute)
        assert row is not None
        expected = types.get(row.kind_name, threading.Condition)
        assert isinstance(getattr(owner, attribute), expected)

    with ThreadPoolExecutor(1) as pool:
        check(pool, "concurrent.futures.ThreadPoolExecutor", "_shutdown_lock")
    check(Future(), "concurrent.futures.Future", "_condition")
    check(logging.StreamHandler(), "logging.StreamHandler", "lock")
    check(http.cookiejar.CookieJar(), "http.cookiejar.CookieJar", "_cookies_lock")
    check(sched.scheduler(), "sched.scheduler", "_lock")
    modules = {"logging": logging, "threading": threading, "tempfile": tempfile}
    for library_lock in ("logging._lock", "threading._active_limbo_lock", "tempfile._once_lock"):
        kind = table.module_lock(library_lock)
        assert kind is not None
        module, _, name = library_lock.partition(".")
        assert isinstance(getattr(modules[module], name), types[kind.name])


@pytest.mark.parametrize("library", [threading, asyncio, multiprocessing], ids=lambda m: m.__name__)
@pytest.mark.parametrize("name", ["Semaphore", "BoundedSemaphore"])
def test_a_semaphore_has_as_many_slots_as_its_argument_says(library: Any, name: str) -> None:
    slots = default_table().kinds[f"{library.__name__}.{name}"].slots
    assert slots is not None
    made = getattr(library, name)
    parameter = list(inspect.signature(made).parameters.values())[slots.position or 0]
    assert (parameter.name, parameter.default) == (slots.name, slots.default)


def test_a_log_handlers_methods_are_those_of_its_lock() -> None:
    import logging

    handler = logging.StreamHandler()
    attribute = default_table().passed_on("logging.StreamHandler", "acquire")
    assert attribute is not None
    lock = getattr(handler, attribute)
    handler.acquire()
    assert lock._is_owned()
    handler.release()
    assert not lock._is_owned()


def test_a_shared_values_lock_is_reentrant() -> None:
    value = _CONTEXT.Value("i")
    lock = value.get_lock()
    assert lock is value.get_lock()
    assert lock.acquire(False) is True
    assert lock.acquire(False) is True


def test_constructor_names_of_this_interpreter_exist() -> None:
    """What the table calls ``threading.X`` or ``asyncio.X`` is there, and is the same thing."""
    for name in ("threading", "asyncio", "queue"):
        module = {"threading": threading, "asyncio": asyncio, "queue": queue}[name]
        for kind in default_table().kinds.values():
            for constructor in kind.constructors:
                owner, _, last = constructor.rpartition(".")
                if owner == name and not last.startswith("_"):
                    assert callable(getattr(module, last)), constructor
